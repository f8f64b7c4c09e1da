/** The command line of rootferry-receiver: its verbs and options, and the code behind each. */

import {
  addCompletionCommand,
  addVersionCommand,
  askDaemon,
  createLogger,
  type LogOptions,
  newProgram,
  runDaemon,
  type Terminal,
  urlOf,
  withLogOptions,
} from '@rootferry/host/daemon'
import { EXIT, EXIT_CODES } from '@rootferry/host/machine'
import type { Command } from 'commander'
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
  const description = 'Keeps docroots identical to those that an agent serves.'
  const program = newProgram('rootferry-receiver', description, terminal)

  withLogOptions(program.command('run').description('run the receiver in the foreground'))
    .option('--config <file>', 'configuration file', DEFAULT_CONFIG)
    .action(async (options: { config: string } & LogOptions) => {
      const log = createLogger('rootferry-receiver', options.logFormat, options.logLevel, terminal)
      // Only this verb loads the whole receiver, so that the other verbs start fast.
      const { Receiver } = await import('../serve/receiver.ts')
      const read = () => readReceiverConfig(options.config, environmentToken)
      await runDaemon(terminal, log, read, (config) => new Receiver(config, log, environment.umask))
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
  addVersionCommand(program, terminal)
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
