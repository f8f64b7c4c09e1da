/**
 * The command line of rootferry-agent: its verbs and options, and the code behind each. Knows the terminal, not the
 * disk.
 */

import {
  addCompletionCommand,
  addVersionCommand,
  createLogger,
  type LogOptions,
  newProgram,
  runDaemon,
  type Terminal,
  withLogOptions,
} from '@rootferry/host/daemon'
import { EXIT_CODES } from '@rootferry/host/machine'
import type { Command } from 'commander'
import { readAgentConfig } from '../config/agent-yaml.ts'
import { addChangesCommand } from './changes-command.ts'
import { addConfigCommand } from './config-command.ts'
import { addFleetVerbs } from './fleet-verbs.ts'
import { addHoldVerbs, type WithCallersUmask } from './hold-verbs.ts'
import { addInitCommand } from './init-command.ts'
import { addNatsUserCommand } from './nats-user-command.ts'
import { addPageCommand } from './page-command.ts'
import { addResyncVerbs } from './resync-verbs.ts'
import { addTokenCommand } from './token-command.ts'

const DEFAULT_CONFIG = '/etc/rootferry/agent.yaml'

export interface Caller {
  /** The value of ROOTFERRY_TOKEN: an admin token, in place of the one in stateDir. */
  token: string | undefined
  withCallersUmask: WithCallersUmask
}

export function agentCommand(terminal: Terminal, { token: environmentToken, withCallersUmask }: Caller): Command {
  const description = 'Watches docroots and feeds their changes to any number of receivers.'
  const program = newProgram('rootferry-agent', description, terminal)
  const withConfig = (command: Command) => command.option('--config <file>', 'configuration file', DEFAULT_CONFIG)

  withLogOptions(withConfig(program.command('run').description('run the agent in the foreground'))).action(
    (options: RunOptions) => run(options, terminal),
  )

  addFleetVerbs(program, withConfig, terminal, environmentToken)
  addResyncVerbs(program, withConfig, terminal, environmentToken)
  addChangesCommand(program, withConfig, terminal, environmentToken)
  addHoldVerbs(program, withConfig, { terminal, environmentToken, withCallersUmask })
  addPageCommand(program, withConfig, terminal, environmentToken)
  addTokenCommand(program, DEFAULT_CONFIG, terminal)
  addNatsUserCommand(program, terminal)

  addInitCommand(program, withConfig, terminal)
  addConfigCommand(program, withConfig, terminal)
  addVersionCommand(program, terminal)
  program.addHelpText('after', HELP)
  addCompletionCommand(program, terminal.out)
  return program
}

const HELP = `
Examples:
  rootferry-agent init --root shop=/var/www/shop --preset magento2
  rootferry-agent run --log-format pretty
  rootferry-agent status
  rootferry-agent page
  rootferry-agent resync --dry-run --wait
  rootferry-agent changes --follow
  rootferry-agent deploy shop -- ./deploy.sh
  rootferry-agent token create web1 --join

The running agent is found through --config. Whoever may not read its stateDir sets ROOTFERRY_TOKEN to an admin token.

${EXIT_CODES}`

interface RunOptions extends LogOptions {
  config: string
}

async function run(options: RunOptions, terminal: Terminal): Promise<void> {
  // Only this verb loads the whole agent, so that the other verbs start fast.
  const { Agent } = await import('../serve/agent.ts')
  const log = createLogger('rootferry-agent', options.logFormat, options.logLevel, terminal)
  const read = () => readAgentConfig(options.config)
  await runDaemon(terminal, log, read, (config) => new Agent(config, log))
}
