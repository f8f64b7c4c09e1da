/**
 * The `token` verbs: who may connect, and the invitation that lets a new receiver join. They work on the files in
 * stateDir, so they need no running agent, and a running agent follows the change.
 */
import { hostname } from 'node:os'
import type { ListenAddress, Terminal } from '@rootferry/host/daemon'
import { EXIT, Failure } from '@rootferry/host/machine'
import { encodeInvitation } from '@rootferry/protocol'
import type { Command } from 'commander'
import { type AgentConfig, readAgentConfig } from '../config/agent-yaml.ts'
import { openIdentity } from '../serve/door/identity.ts'
import { createToken, readTokens, revokeToken, tokenFileOf } from '../serve/door/tokens.ts'

interface CreateOptions {
  config: string
  admin: boolean
  join: boolean
  root: string[]
  url?: string
}

export function addTokenCommand(program: Command, defaultConfig: string, terminal: Terminal): void {
  const token = program.command('token').description('manage who may connect')
  const verb = (text: string, description: string) =>
    token.command(text).description(description).option('--config <file>', 'configuration file', defaultConfig)
  const listed = (value: string, before: string[]) => [...before, value]

  verb('create <name>', 'make a token and print it')
    .option('--admin', 'for the admin API instead of a receiver', false)
    .option('--root <name>', 'a root that it may receive; repeatable; default: all', listed, [])
    .option('--join', 'print an invitation for rootferry-receiver join instead of the bare token', false)
    .option('--url <url>', 'with --join: where receivers reach this agent, as wss://admin.internal:8730')
    .action((name: string, options: CreateOptions) => create(name, options, terminal))
  verb('list', 'list names, kinds, when they were made, and roots').action((options: { config: string }) => {
    for (const { name, admin, createdAt, roots } of readTokens(tokenFileOf(readAgentConfig(options.config)))) {
      const granted = admin ? '-' : (roots?.join(',') ?? 'all')
      terminal.out(`${name}\t${admin ? 'admin' : 'receiver'}\t${createdAt}\t${granted}\n`)
    }
  })
  verb('revoke <name>', 'make a token useless and close its connections').action(
    (name: string, options: { config: string }) => revokeToken(tokenFileOf(readAgentConfig(options.config)), name),
  )
}

async function create(name: string, options: CreateOptions, terminal: Terminal): Promise<void> {
  const { admin, join, root } = options
  if (admin && (join || root.length > 0)) throw usage('--admin does not go with --join or --root')
  if (options.url !== undefined && !join) throw usage('--url goes with --join')
  const config = readAgentConfig(options.config)
  const served = config.roots.map((known) => known.name)
  const unknown = root.find((wanted) => !served.includes(wanted))
  if (unknown !== undefined) throw usage(`there is no root ${unknown} in ${options.config}, but ${served.join(', ')}`)
  const roots = root.length === 0 ? null : [...new Set(root)]
  const agent = join ? agentUrl(config, options.url) : ''
  // First do everything that can fail, so that a failure leaves no token behind.
  const identity = join ? await openIdentity(config, new Date()) : null
  const token = createToken(tokenFileOf(config), { name, admin, roots }, new Date())
  if (!join) {
    terminal.out(`${token}\n`)
    return
  }
  const ca = identity?.ca ?? null
  const fingerprint = ca === null ? (identity?.status.fingerprint ?? null) : null
  terminal.out(`${encodeInvitation({ agent, fingerprint, ca, name, token, roots: roots ?? served })}\n`)
  terminal.say(`${hints(config, agent, options.url, name).join('\n')}\n`)
}

function hints(config: AgentConfig, agent: string, url: string | undefined, name: string): string[] {
  const lines = [`The line above is a secret. On ${name}: rootferry-receiver join LINE --root NAME=DIRECTORY`]
  if (url === undefined) lines.push(`It leads to ${agent}; say another address with --url.`)
  if (config.tls === null) lines.push('TLS is off: token and content will travel in clear.')
  else if (config.tls.files !== null && config.tls.files.ca === null) {
    lines.push('It pins your certificate: when you replace that, receivers have to join again, unless tls.ca is set.')
  }
  return lines
}

/** @throws Failure when no address is known at which receivers can connect */
function agentUrl({ listen, tls }: AgentConfig, given: string | undefined): string {
  const scheme = tls === null ? 'ws' : 'wss'
  if (given === undefined) {
    if (listen.port === 0) throw usage('listen has no fixed port: say with --url where receivers reach this agent')
    return `${scheme}://${reachableHost(listen)}:${listen.port}`
  }
  const url = URL.canParse(given) ? new URL(given) : null
  const isPlain = url !== null && url.pathname === '/' && url.search === '' && url.hash === '' && url.username === ''
  if (!isPlain || url.protocol !== `${scheme}:`) throw usage(`--url ${given}: ${scheme}://HOST:PORT is expected`)
  return `${scheme}://${url.host}`
}

function reachableHost({ host }: ListenAddress): string {
  if (host === '0.0.0.0' || host === '::') return hostname()
  return host.includes(':') ? `[${host}]` : host
}

function usage(message: string): Failure {
  return new Failure(EXIT.usage, message)
}
