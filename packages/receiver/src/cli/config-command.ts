/** The `config` verbs: the faults of a file, and the schema of a file. */
import type { Terminal } from '@rootferry/host/daemon'
import type { Command } from 'commander'
import { ReceiverFile, readReceiverConfig } from '../config/receiver-yaml.ts'

export function addConfigCommand(program: Command, terminal: Terminal, environmentToken: string | undefined): void {
  const config = program.command('config').description('work on configuration files')
  config
    .command('check <file>')
    .description('report the faults of a configuration file')
    .action((file: string) => {
      readReceiverConfig(file, environmentToken)
      terminal.say(`${file}: ok\n`)
    })
  config
    .command('schema')
    .description('print the JSON Schema of receiver.yaml')
    .action(() => terminal.out(`${JSON.stringify({ title: 'receiver.yaml', ...ReceiverFile }, null, 2)}\n`))
}
