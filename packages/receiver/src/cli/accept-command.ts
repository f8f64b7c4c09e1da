/** The `accept` verb: an operator's consent to a first join that waits because of what it would replace and remove. */
import { askDaemon, type Terminal } from '@rootferry/host/daemon'
import type { Command } from 'commander'
import Type from 'typebox'
import { readLocalPlace } from '../config/receiver-yaml.ts'
import { readControlFile } from '../serve/http/control-secret.ts'

const Accepted = Type.Object({ accepted: Type.String() })

export function addAcceptCommand(program: Command, defaultConfig: string, terminal: Terminal): void {
  program
    .command('accept <root>')
    .description('let a waiting first join continue, although it replaces or removes much of the target')
    .option('--config <file>', 'configuration file', defaultConfig)
    .addHelpText('after', "\nWhat is replaced or removed goes to the trash. 'status' says how much that is.")
    .action(async (root: string, { config }: { config: string }) => {
      const { stateDir } = readLocalPlace(config)
      const path = `/v1/roots/${encodeURIComponent(root)}/accept`
      const control = readControlFile(stateDir)
      await askDaemon({ daemon: 'the receiver', ...control, path, body: null, answer: Accepted })
      terminal.say(`${root}: the first join continues\n`)
    })
}
