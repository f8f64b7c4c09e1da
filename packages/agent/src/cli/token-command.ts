/**
 * The `token` verbs: who may connect, and the invitation that lets a new receiver join. They work on the files in
 * stateDir, so they need no running agent, and a running agent follows the change.
 */
import { duration, natsServerFault, type Terminal } from '@rootferry/host/daemon'
import { EXIT, Failure } from '@rootferry/host/machine'
import { type Command, Option } from 'commander'
import { type AgentConfig, readAgentConfig } from '../config/agent-yaml.ts'
import { newToken } from '../serve/door/new-token.ts'
import { type KnownNode, readNodes } from '../serve/door/nodes.ts'
import { isExpired, readTokens, revokeToken, type StoredToken, tokenFileOf } from '../serve/door/tokens.ts'
import { secondsUpTo } from './time-option.ts'

interface CreateOptions {
  config: string
  admin: false | 'full' | 'read'
  join: boolean
  root: string[]
  url?: string
  expires?: number | 'never'
  many: boolean
  forgetAfter?: number
  nats: boolean
  natsUrl?: string
}

const days = secondsUpTo(3_650)

export function addTokenCommand(program: Command, defaultConfig: string, terminal: Terminal): void {
  const token = program.command('token').description('manage who may connect')
  const verb = (text: string, description: string) =>
    token.command(text).description(description).option('--config <file>', 'configuration file', defaultConfig)
  const listed = (value: string, before: string[]) => [...before, value]

  const creation = verb('create <name>', 'make a token and print it')
  // A value comes with `=` only: the next word may be the name.
  const { parseOptions } = creation
  creation.parseOptions = (words) => {
    return parseOptions.call(
      creation,
      words.map((word) => (word === '--admin' ? '--admin=full' : word)),
    )
  }
  creation
    .addOption(
      new Option('--admin [access]', 'for the admin API and the page instead of a receiver; --admin=read: to look only')
        .choices(['full', 'read'])
        .default(false),
    )
    .option('--root <name>', 'a root that it may receive; repeatable; default: all', listed, [])
    .option('--join', 'print an invitation for rootferry-receiver join instead of the bare token', false)
    .option('--url <url>', 'with --join: where receivers reach this agent, as wss://admin.internal:8730')
    .option(
      '--expires <time>',
      'useless after this long, or never; with --join 7d unless told otherwise, and a join exchanges it for one that stays',
      (text) => (text === 'never' ? text : days(text)),
    )
    .option('--many', 'for nodes that come and go: each is named NAME-HOST, and needs no token of its own', false)
    .option(
      '--forget-after <time>',
      'with --many: a node that was away for so long is forgotten (1d)',
      secondsUpTo(365),
    )
    .option(
      '--nats',
      'for a reader of the log on NATS: also make a NATS user for it, in the invitation, or else as a second line; stderr has the line for the configuration of the server',
      false,
    )
    .option(
      '--nats-url <url>',
      'with --nats --join: the server that it reads from, as tls://nats.west.internal:4222; default: the first of transport.nats.servers',
    )
    .addHelpText('after', CREATE_HELP)
    .action((name: string, options: CreateOptions) => create(name, options, terminal))
  verb('list', 'list names, kinds, when they were made, and roots').action((options: { config: string }) => {
    const config = readAgentConfig(options.config)
    const nodes = readNodes(config.stateDir)
    for (const token of readTokens(tokenFileOf(config))) {
      const { name, admin, createdAt, roots } = token
      const granted = admin !== false ? '-' : (roots?.join(',') ?? 'all')
      const notes = notesOf(token, nodes, new Date()).map((note) => `\t${note}`)
      terminal.out(`${name}\t${kindOf(token)}\t${createdAt}\t${granted}${notes.join('')}\n`)
    }
  })
  verb('revoke <name>', 'make a token useless and close its connections').action(
    (name: string, options: { config: string }) => revokeToken(tokenFileOf(readAgentConfig(options.config)), name),
  )
}

const CREATE_HELP = `
Examples:
  rootferry-agent token create web1 --join                        an invitation, good for one join within 7 days
  rootferry-agent token create wall --admin=read                 for a screen on the wall, or a script that looks
  rootferry-agent token create shop --many --forget-after 1d     nodes shop-ip-10-0-0-7, shop-ip-10-0-0-8, ...`

function kindOf({ admin }: StoredToken): string {
  if (admin === false) return 'receiver'
  return admin === 'read' ? 'admin (read)' : 'admin'
}

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
function checkOptions({ admin, join, root, url, many, forgetAfter, expires, nats, natsUrl }: CreateOptions): void {
  if (admin !== false && (join || root.length > 0)) throw usage('--admin does not go with --join or --root')
  if (admin !== false && many) throw usage('--admin does not go with --many')
  if (url !== undefined && !join) throw usage('--url goes with --join')
  if (forgetAfter !== undefined && !many) throw usage('--forget-after goes with --many')
  if (forgetAfter === 0) throw usage('--forget-after 0: a time above 0 is expected')
  if (natsUrl !== undefined && !(nats && join)) throw usage('--nats-url goes with --nats --join')
  if (nats && (admin !== false || many)) throw usage('--nats does not go with --admin or --many')
  if (expires === 0) throw usage('--expires 0: a time above 0 is expected')
}

async function create(name: string, options: CreateOptions, terminal: Terminal): Promise<void> {
  checkOptions(options)
  const { admin, join, root: roots, url, many, expires, forgetAfter } = options
  const expiresSeconds = expires === 'never' ? null : expires
  const config = readAgentConfig(options.config)
  const reader = options.nats ? await newReader(config, options, name) : null
  const nats = join ? reader?.invited : undefined
  const order = { name, admin, join, roots, url, many, expiresSeconds, forgetAfterSeconds: forgetAfter, nats }
  const { token, invitation, hints } = await newToken(config, order, new Date())
  terminal.out(`${invitation ?? token}\n`)
  if (invitation !== null) terminal.say(`${hints.join('\n')}\n`)
  if (reader === null) return
  if (invitation === null) terminal.out(`${reader.invited.seed}\n`)
  else terminal.say(`${readsFrom(reader.invited.server)}\n`)
  terminal.say(`For authorization { users: [ … ] } of the NATS server:\n${reader.line}\n`)
}

/** A NATS user for a reader of the log, and what its invitation says. @throws Failure */
async function newReader(
  { nats, roots }: AgentConfig,
  { config, natsUrl, root: granted }: CreateOptions,
  name: string,
) {
  if (nats === null) throw usage(`--nats: there is no transport.nats in ${config}`)
  const server = natsUrl?.replace(/\/$/, '') ?? nats.servers[0] ?? ''
  const fault = natsServerFault(server)
  if (fault !== null) throw usage(`--nats-url ${server}: ${fault}`)
  const { receiverUser } = await import('@rootferry/nats')
  const { seed, line } = receiverUser(name, granted.length > 0 ? granted : roots.map((root) => root.name))
  return { invited: { server, ca: server.startsWith('tls:') ? nats.ca : null, seed }, line }
}

function readsFrom(server: string): string {
  return `It reads the log at ${server}. If that is not the server of its region, revoke it, and make it with --nats-url.`
}

function usage(message: string): Failure {
  return new Failure(EXIT.usage, message)
}
