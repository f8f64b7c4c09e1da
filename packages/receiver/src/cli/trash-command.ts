/** The `trash` verbs: what was moved away from a target, and how it comes back. They work while the receiver is down. */
import { size, type Terminal, table } from '@rootferry/host/daemon'
import { EXIT, Failure, printable } from '@rootferry/host/machine'
import type { Command } from 'commander'
import { readLocalPlace } from '../config/receiver-yaml.ts'
import { type TrashedFile, type TrashedRoot, trashedFiles } from './trash-files.ts'
import { restoreFile } from './trash-restore.ts'

export function addTrashCommand(program: Command, defaultConfig: string, terminal: Terminal): void {
  const trash = program.command('trash').description('what first joins, resyncs and deletions moved away from a target')
  trash
    .command('list [root]')
    .description('list what is in the trash, the latest first')
    .option('--config <file>', 'configuration file', defaultConfig)
    .option('--json', 'one document: a list of root, batch, path, kind, size', false)
    .action((root: string | undefined, { config, json }: { config: string; json: boolean }) => {
      const { stateDir, roots } = readLocalPlace(config)
      const wanted = root === undefined ? roots : [rootOf(roots, root)]
      const files = wanted.flatMap((one) =>
        [...trashedFiles(stateDir, one)].map((file) => ({ root: one.name, ...file })),
      )
      if (json) terminal.out(`${JSON.stringify(files, null, 2)}\n`)
      else if (files.length === 0) terminal.say('nothing is in the trash\n')
      else terminal.out(`${listing(files, terminal)}\n`)
    })
  trash
    .command('restore <root> <path>')
    .description('move a file or directory from the trash back to its place')
    .option('--replace', 'move what is there now to the trash first', false)
    .option('--config <file>', 'configuration file', defaultConfig)
    .addHelpText(
      'after',
      '\nOf several versions the latest comes back. PATH is below the root, as `trash list` prints it.',
    )
    .action((name: string, path: string, { config, replace }: { config: string; replace: boolean }) => {
      const { stateDir, roots } = readLocalPlace(config)
      const { batch, versions, displaced } = restoreFile(stateDir, rootOf(roots, name), path, replace)
      if (displaced !== null) terminal.say(`what was there is in the trash now: ${displaced}\n`)
      const which = versions === 1 ? '' : `, the last of ${versions} versions there`
      terminal.say(
        `restored ${printable(path)} of ${batch}${which}\n` +
          'An ordered resync makes the target as the source is, this file included: protect it, or put it on the source.\n',
      )
    })
}

function rootOf(roots: readonly TrashedRoot[], name: string): TrashedRoot {
  const root = roots.find((one) => one.name === name)
  if (root !== undefined) return root
  const known = roots.map((one) => one.name).join(', ')
  throw new Failure(EXIT.usage, `there is no root '${printable(name)}' in the configuration, but ${known}`)
}

function listing(files: readonly (TrashedFile & { root: string })[], terminal: Terminal): string {
  const rows = files.map(({ root, batch, path, kind, size: bytes }) => ({
    cells: [
      { text: root },
      { text: batch },
      { text: kind === 'file' ? size(bytes) : kind, right: true },
      { text: printable(path) },
    ],
    note: null,
  }))
  return table(['ROOT', 'WHEN', 'SIZE', 'PATH'], rows, terminal)
}
