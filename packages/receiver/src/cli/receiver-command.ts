/** The command line of rootferry-receiver: its verbs and options, and the code behind each. */

import {
  addCompletionCommand,
  askDaemon,
  createLogger,
  type LogOptions,
  type Terminal,
  urlOf,
  VERSION,
  withLogOptions,
} from '@rootferry/host/daemon'
import { EXIT, EXIT_CODES, errorMessage } from '@rootferry/host/machine'
import { Command } from 'commander'
import { readLocalPlace, readReceiverConfig } from '../config/receiver-yaml.ts'
import { ReceiverStatus } from '../serve/http/status-schema.ts'
import { addAcceptCommand } from './accept-command.ts'
import { addConfigCommand } from './config-command.ts'
import { addJoinCommand } from './join-command.ts'
import { statusReport } from './status-report.ts'
import { addTrashCommand } from './trash-command.ts'

const DEFAULT_CONFIG = '/etc/rootferry/receiver.yaml'

export interface Environment {
  /** The value of ROOTFERRY_TOKEN. */
  token: string | undefined
  /** The umask that the process was started with; by now it is 0. */
  umask: number
}

export function receiverCommand(terminal: Terminal, environment: Environment): Command {
  const environmentToken = environment.token
  const program = new Command('rootferry-receiver')
    .description('Keeps docroots identical to those that an agent serves.')
    .version(VERSION, '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.say })

  withLogOptions(program.command('run').description('run the receiver in the foreground'))
    .option('--config <file>', 'configuration file', DEFAULT_CONFIG)
    .action(async (options: { config: string } & LogOptions) => {
      const log = createLogger('rootferry-receiver', options.logFormat, options.logLevel, terminal)
      // Only this verb loads the whole receiver, so that the other verbs start fast.
      const { Receiver } = await import('../serve/receiver.ts')
      // Nothing is waited for from here until HUP has its answer: a change of the file is read now, or by a reload.
      const config = readReceiverConfig(options.config, environmentToken)
      const receiver = new Receiver(config, log, environment.umask)
      const started = receiver.start()
      const stopped = terminal.stopSignal((signal) => {
        terminal.service.stopping()
        log.info({ signal }, 'stopping')
      })
      terminal.onHangup(() => {
        try {
          void receiver.reload(readReceiverConfig(options.config, environmentToken))
        } catch (error) {
          log.error({ error: errorMessage(error) }, 'the new configuration is bad, the old one stays in force')
        }
      })
      await started
      terminal.service.up(() => receiver.summary)
      await stopped
      await receiver.close()
    })
  program
    .command('status')
    .description('show every root, what is in its trash, and whether this receiver is ready')
    .option('--config <file>', 'configuration file', DEFAULT_CONFIG)
    .option('--json', 'print the answer of GET /v1/status', false)
    .addHelpText('after', '\nEnds with 3 when a root is not live, owes a path, or /readyz would say 503.')
    .action(async ({ config, json }: { config: string; json: boolean }) => {
      const url = urlOf(readLocalPlace(config).health)
      const status = await askDaemon({ daemon: 'the receiver', url, path: '/v1/status', answer: ReceiverStatus })
      terminal.out(json ? `${JSON.stringify(status, null, 2)}\n` : statusReport(status, new Date(), terminal))
      const isWell =
        status.ready &&
        status.roots.every(({ connected, phase, problemCount }) => connected && phase === 'live' && problemCount === 0)
      if (!isWell) terminal.endWith(EXIT.degraded)
    })
  addAcceptCommand(program, DEFAULT_CONFIG, terminal)
  addJoinCommand(program, DEFAULT_CONFIG, terminal)
  addTrashCommand(program, DEFAULT_CONFIG, terminal)
  addConfigCommand(program, terminal, environmentToken)
  program
    .command('version')
    .description('print the version')
    .action(() => terminal.out(`${VERSION}\n`))
  program.addHelpText('after', HELP)
  addCompletionCommand(program, terminal.out)
  return program
}

const HELP = `
Examples:
  rootferry-receiver join rfjoin1_… --root shop=/var/www/shop
  rootferry-receiver run --log-format pretty
  rootferry-receiver join rfjoin1_… --root shop=/var/www/shop --protect app/etc/env.php --dry-run
  rootferry-receiver status
  rootferry-receiver accept shop
  rootferry-receiver trash restore shop app/etc/env.php --replace

${EXIT_CODES}`
