/** The command line of rootferry-receiver: verbs, options, and which of them does what. */
import { createLogger, errorMessage, type LogFormat, type Terminal } from '@rootferry/host'
import { Command, Option } from 'commander'
import { readReceiverConfig } from './config.ts'
import { addJoinCommand } from './join-command.ts'
import { VERSION } from './version.ts'

const DEFAULT_CONFIG = '/etc/rootferry/receiver.yaml'

export function receiverCommand(terminal: Terminal, environmentToken: string | undefined): Command {
  const program = new Command('rootferry-receiver')
    .description('Keeps docroots identical to those that an agent serves.')
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.say })

  program
    .command('run')
    .description('run the receiver in the foreground')
    .option('--config <file>', 'configuration file', DEFAULT_CONFIG)
    .addOption(new Option('--log-format <format>', 'how to log').choices(['json', 'pretty']).default('json'))
    .option('--log-level <level>', 'the least that is logged', 'info')
    .action(async (options: { config: string; logFormat: LogFormat; logLevel: string }) => {
      const config = readReceiverConfig(options.config, environmentToken)
      const log = createLogger('rootferry-receiver', options.logFormat, options.logLevel, terminal.colour)
      // Only this verb needs the whole receiver: the others are to start fast.
      const { Receiver } = await import('./receiver.ts')
      const receiver = new Receiver(config, log)
      const stopped = terminal.stopSignal((signal) => log.info({ signal }, 'stopping'))
      terminal.onHangup(() => {
        try {
          void receiver.reload(readReceiverConfig(options.config, environmentToken))
        } catch (error) {
          log.error({ error: errorMessage(error) }, 'the new configuration is bad, the old one stays in force')
        }
      })
      await receiver.start()
      await stopped
      await receiver.close()
    })
  addJoinCommand(program, DEFAULT_CONFIG, terminal)
  program
    .command('config')
    .description('work on configuration files')
    .command('check <file>')
    .description('say what is wrong with a configuration file')
    .action((file: string) => {
      readReceiverConfig(file, environmentToken)
      terminal.say(`${file}: ok\n`)
    })
  program
    .command('version')
    .description('print the version')
    .action(() => terminal.out(`${VERSION}\n`))
  return program
}
