/**
 * The `token` verbs: who may connect, and the invitation that lets a new receiver join. They work on the files in
 * stateDir, so they need no running agent, and a running agent follows the change.
 */
import { hostname } from 'node:os'
import { duration, type ListenAddress, type Terminal } from '@rootferry/host/daemon'
import { EXIT, Failure } from '@rootferry/host/machine'
import { encodeInvitation } from '@rootferry/protocol'
import type { Command } from 'commander'
import { type AgentConfig, readAgentConfig } from '../config/agent-yaml.ts'
import { openIdentity } from '../serve/door/identity.ts'
import { type KnownNode, readNodes } from '../serve/door/nodes.ts'
import { createToken, isExpired, readTokens, revokeToken, type StoredToken, tokenFileOf } from '../serve/door/tokens.ts'
import { secondsUpTo } from './time-option.ts'

interface CreateOptions {
  config: string
  admin: boolean
  join: boolean
  root: string[]
  url?: string
  expires?: number
  many: boolean
  forgetAfter?: number
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
    .option(
      '--expires <time>',
      'useless after this long; with --join a join exchanges it for one that stays',
      secondsUpTo(3_650),
    )
    .option('--many', 'for nodes that come and go: each is named NAME-HOST, and needs no token of its own', false)
    .option(
      '--forget-after <time>',
      'with --many: a node that was away for so long is forgotten (1d)',
      secondsUpTo(365),
    )
    .addHelpText('after', CREATE_HELP)
    .action((name: string, options: CreateOptions) => create(name, options, terminal))
  verb('list', 'list names, kinds, when they were made, and roots').action((options: { config: string }) => {
    const config = readAgentConfig(options.config)
    const nodes = readNodes(config.stateDir)
    for (const token of readTokens(tokenFileOf(config))) {
      const { name, admin, createdAt, roots } = token
      const granted = admin ? '-' : (roots?.join(',') ?? 'all')
      const notes = notesOf(token, nodes, new Date()).map((note) => `\t${note}`)
      terminal.out(`${name}\t${admin ? 'admin' : 'receiver'}\t${createdAt}\t${granted}${notes.join('')}\n`)
    }
  })
  verb('revoke <name>', 'make a token useless and close its connections').action(
    (name: string, options: { config: string }) => revokeToken(tokenFileOf(readAgentConfig(options.config)), name),
  )
}

const CREATE_HELP = `
Examples:
  rootferry-agent token create web1 --join --expires 7d
  rootferry-agent token create shop --many --forget-after 1d     nodes shop-ip-10-0-0-7, shop-ip-10-0-0-8, ...`

const FORGET_AFTER_SECONDS = 86_400
/** Leaves room for the name of a host. */
const MOST_NAME_OF_MANY = 32

/** Further columns of the list. */
function notesOf(token: StoredToken, nodes: readonly KnownNode[], now: Date): string[] {
  const { name, expiresAt, many } = token
  const notes: string[] = []
  if (expiresAt !== undefined) notes.push(`${isExpired(token, now) ? 'expired' : 'expires'} ${expiresAt}`)
  if (many !== undefined) {
    const names = nodes.filter((node) => node.token === name).map((node) => node.name)
    const known = names.length === 0 ? 'none yet' : names.join(',')
    notes.push(`many, forgotten after ${duration(many.forgetAfterSeconds)}: ${known}`)
  }
  return notes
}

/** @throws Failure when options contradict each other */
function checkOptions(name: string, { admin, join, root, url, many, forgetAfter, expires }: CreateOptions): void {
  if (admin && (join || root.length > 0)) throw usage('--admin does not go with --join or --root')
  if (admin && many) throw usage('--admin does not go with --many')
  if (url !== undefined && !join) throw usage('--url goes with --join')
  if (forgetAfter !== undefined && !many) throw usage('--forget-after goes with --many')
  if (forgetAfter === 0) throw usage('--forget-after 0: a time above 0 is expected')
  if (expires === 0) throw usage('--expires 0: a time above 0 is expected')
  if (many && name.length > MOST_NAME_OF_MANY)
    throw usage(`'${name}' is too long for --many: at most ${MOST_NAME_OF_MANY} characters, as host names are added`)
}

async function create(name: string, options: CreateOptions, terminal: Terminal): Promise<void> {
  const { admin, join, root, many, expires, forgetAfter = FORGET_AFTER_SECONDS } = options
  checkOptions(name, options)
  const config = readAgentConfig(options.config)
  const served = config.roots.map((known) => known.name)
  const unknown = root.find((wanted) => !served.includes(wanted))
  if (unknown !== undefined) throw usage(`there is no root ${unknown} in ${options.config}, but ${served.join(', ')}`)
  const roots = root.length === 0 ? null : [...new Set(root)]
  const agent = join ? agentUrl(config, options.url) : ''
  // First do everything that can fail, so that a failure leaves no token behind.
  const identity = join ? await openIdentity(config, new Date()) : null
  const now = new Date()
  const asked = {
    name,
    admin,
    roots,
    ...(expires === undefined ? {} : { expiresAt: new Date(now.getTime() + expires * 1_000).toISOString() }),
    ...(many ? { many: { forgetAfterSeconds: forgetAfter } } : {}),
  }
  const taken = readNodes(config.stateDir).map((node) => node.name)
  const token = createToken(tokenFileOf(config), asked, now, taken)
  if (!join) {
    terminal.out(`${token}\n`)
    return
  }
  const ca = identity?.ca ?? null
  const fingerprint = ca === null ? (identity?.status.fingerprint ?? null) : null
  terminal.out(`${encodeInvitation({ agent, fingerprint, ca, name, token, roots: roots ?? served })}\n`)
  terminal.say(`${hints(config, agent, options, name).join('\n')}\n`)
}

function hints(config: AgentConfig, agent: string, options: CreateOptions, name: string): string[] {
  const where = options.many ? 'each node' : name
  const lines = [`The line above is a secret. On ${where}: rootferry-receiver join LINE --root NAME=DIRECTORY`]
  if (options.expires !== undefined) {
    const use = options.many ? 'nodes connect with it until then' : 'it is good for one join'
    lines.push(`It expires in ${duration(options.expires)}; ${use}.`)
  }
  if (options.url === undefined) lines.push(`It leads to ${agent}; say another address with --url.`)
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
