/**
 * The `token` verbs: who may connect, and the invitation that lets a new receiver join. They work on the files in
 * stateDir, so they need no running agent, and a running agent follows the change.
 */
import { duration, type Terminal } from '@rootferry/host/daemon'
import { EXIT, Failure } from '@rootferry/host/machine'
import { type Command, Option } from 'commander'
import { readAgentConfig } from '../config/agent-yaml.ts'
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
      'also make a NATS user for it: its seed is a second line, and stderr has the line for the configuration of the server',
      false,
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
function checkOptions({ admin, join, root, url, many, forgetAfter, expires, nats }: CreateOptions): void {
  if (admin !== false && (join || root.length > 0)) throw usage('--admin does not go with --join or --root')
  if (admin !== false && many) throw usage('--admin does not go with --many')
  if (url !== undefined && !join) throw usage('--url goes with --join')
  if (forgetAfter !== undefined && !many) throw usage('--forget-after goes with --many')
  if (forgetAfter === 0) throw usage('--forget-after 0: a time above 0 is expected')
  if (nats && (admin !== false || many)) throw usage('--nats does not go with --admin or --many')
  if (expires === 0) throw usage('--expires 0: a time above 0 is expected')
}

async function create(name: string, options: CreateOptions, terminal: Terminal): Promise<void> {
  checkOptions(options)
  const { admin, join, root: roots, url, many, expires, forgetAfter } = options
  const expiresSeconds = expires === 'never' ? null : expires
  const order = { name, admin, join, roots, url, many, expiresSeconds, forgetAfterSeconds: forgetAfter }
  const config = readAgentConfig(options.config)
  if (options.nats && config.nats === null) throw usage(`--nats: there is no transport.nats in ${options.config}`)
  const { token, invitation, hints } = await newToken(config, order, new Date())
  terminal.out(`${invitation ?? token}\n`)
  if (invitation !== null) terminal.say(`${hints.join('\n')}\n`)
  if (options.nats) await addNatsUser(name, roots.length > 0 ? roots : config.roots.map((root) => root.name), terminal)
}

async function addNatsUser(name: string, roots: readonly string[], terminal: Terminal): Promise<void> {
  const { receiverUser } = await import('@rootferry/nats')
  const { seed, line } = receiverUser(name, roots)
  terminal.out(`${seed}\n`)
  terminal.say(`for authorization { users: [ … ] } of the NATS server:\n${line}\n`)
}

function usage(message: string): Failure {
  return new Failure(EXIT.usage, message)
}
