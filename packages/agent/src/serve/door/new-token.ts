/**
 * Makes a token as somebody orders it, at the command line or on the page, and the invitation that goes with it.
 *
 * INVARIANT: everything that can fail is done first, so that a failure leaves no token behind.
 */
import { hostname } from 'node:os'
import { duration, type ListenAddress } from '@rootferry/host/daemon'
import { EXIT, Failure } from '@rootferry/host/machine'
import { encodeInvitation, type Invitation } from '@rootferry/protocol'
import type { AgentConfig } from '../../config/agent-yaml.ts'
import { openIdentity } from './identity.ts'
import { readNodes } from './nodes.ts'
import { createToken, tokenFileOf } from './tokens.ts'

export interface TokenOrder {
  name: string
  admin: false | 'full' | 'read'
  /** With an invitation for `rootferry-receiver join`. */
  join: boolean
  /** Empty: all, also those that are added later. */
  roots: readonly string[]
  /** Where receivers reach the agent, for the invitation; undefined: as `listen` says. */
  url?: string | undefined
  /** undefined: never, and an invitation of one receiver INVITATION_SECONDS. Null: never. */
  expiresSeconds?: number | null | undefined
  /** For nodes that come and go. */
  many: boolean
  forgetAfterSeconds?: number | undefined
  /** With an invitation: where its receiver reads the log, and as whom. */
  nats?: Exclude<Invitation['nats'], undefined> | undefined
}

export interface NewToken {
  token: string
  /** Null: it was not asked for. */
  invitation: string | null
  /** What a person should know about the invitation, a line each. */
  hints: string[]
}

const FORGET_AFTER_SECONDS = 86_400
const INVITATION_SECONDS = 7 * 86_400
/** Leaves room for the name of a host. */
const MOST_NAME_OF_MANY = 32

/** @throws Failure when the order contradicts itself, or the name is taken or is not a valid name */
export async function newToken(config: AgentConfig, order: TokenOrder, now: Date): Promise<NewToken> {
  check(config, order)
  const { name, admin, join, many, forgetAfterSeconds = FORGET_AFTER_SECONDS, nats } = order
  const expiresSeconds = expiryOf(order)
  const roots = order.roots.length === 0 ? null : [...new Set(order.roots)]
  const agent = join ? agentUrl(config, order.url) : ''
  const identity = join ? await openIdentity(config, now) : null
  const asked = {
    name,
    admin: admin === 'full' ? true : admin,
    roots,
    ...(expiresSeconds === null ? {} : { expiresAt: new Date(now.getTime() + expiresSeconds * 1_000).toISOString() }),
    ...(many ? { many: { forgetAfterSeconds } } : {}),
  }
  const taken = readNodes(config.stateDir).map((node) => node.name)
  const token = createToken(tokenFileOf(config), asked, now, taken)
  if (!join) return { token, invitation: null, hints: [] }
  // What the agent signs is checked with the fingerprint.
  const ca = nats === undefined ? (identity?.ca ?? null) : null
  const fingerprint = ca === null ? (identity?.status.fingerprint ?? null) : null
  const served = config.roots.map((known) => known.name)
  const invitation = encodeInvitation({
    agent,
    fingerprint,
    ca,
    name,
    token,
    roots: roots ?? served,
    ...(nats === undefined ? {} : { nats }),
  })
  return { token, invitation, hints: hints(config, agent, order) }
}

/** The token of many nodes is not exchanged at a join: by itself it stays. */
function expiryOf({ join, many, expiresSeconds }: TokenOrder): number | null {
  return expiresSeconds === undefined && join && !many ? INVITATION_SECONDS : (expiresSeconds ?? null)
}

function check({ roots: served }: AgentConfig, { name, admin, join, roots, many }: TokenOrder): void {
  if (admin !== false && (join || many || roots.length > 0))
    throw usage('an admin token goes with no invitation, no roots and not with many nodes')
  if (many && name.length > MOST_NAME_OF_MANY)
    throw usage(`'${name}' is too long for --many: at most ${MOST_NAME_OF_MANY} characters, as host names are added`)
  const names = served.map((root) => root.name)
  const unknown = roots.find((wanted) => !names.includes(wanted))
  if (unknown !== undefined) throw usage(`there is no root ${unknown}, but ${names.join(', ')}`)
}

function hints(config: AgentConfig, agent: string, order: TokenOrder): string[] {
  const { name, many, url, nats } = order
  const expiresSeconds = expiryOf(order)
  const where = many ? 'each node' : name
  const lines = [`The line above is a secret. On ${where}: rootferry-receiver join LINE --root NAME=DIRECTORY`]
  if (expiresSeconds !== null) {
    const use = many ? 'nodes connect with it until then' : 'it is good for one join'
    lines.push(`It expires in ${duration(expiresSeconds)}; ${use}.`)
  }
  if (url === undefined)
    lines.push(
      `It leads to ${agent}. If receivers reach the agent elsewhere, revoke it, and make it with that address (--url).`,
    )
  if (config.tls === null) lines.push('TLS is off: token and content will travel in clear.')
  else if (config.tls.files !== null && (config.tls.files.ca === null || nats !== undefined)) {
    const unless = nats === undefined ? ', unless tls.ca is set' : ': what the agent signs is checked with it'
    lines.push(`It pins your certificate: when you replace that, receivers have to join again${unless}.`)
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
