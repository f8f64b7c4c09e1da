/**
 * The agent: a feed for every root, the door for receivers, the admin listener, and the tokens that open both. Starts
 * and stops them in order, changes them when the configuration has changed, and owns nothing else.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type Logger, listening, VERSION } from '@rootferry/host/daemon'
import {
  chooseSystemCalls,
  EXIT,
  errorMessage,
  Failure,
  makeDirectories,
  PORTABLE_CALLS,
} from '@rootferry/host/machine'
import { type Hello, hasOvertakes, hasSummaries, ProtocolError } from '@rootferry/protocol'
import { assertBounds, BOUNDS } from '../bounds.ts'
import type { AgentConfig, RootConfig } from '../config/agent-yaml.ts'
import type { NatsConfig } from '../config/nats-settings.ts'
import type { RootOptions } from '../root-messages.ts'
import type { Identity } from './door/identity.ts'
import { KnownTokens } from './door/known-tokens.ts'
import { Nodes } from './door/nodes.ts'
import { type Peer, StreamServer } from './door/stream-server.ts'
import { exchangeToken, type StoredToken, tokenFileOf } from './door/tokens.ts'
import { UsedIdentity } from './door/used-identity.ts'
import { LineLimits } from './feed/line-limits.ts'
import { LOG_RECEIVER } from './feed/log-readers.ts'
import { PacedSocket } from './feed/paced-socket.ts'
import { Publishing } from './feed/publishing.ts'
import { RootFeed } from './feed/root-feed.ts'
import { Operations } from './operations.ts'
import { Resyncs } from './resync/resyncs.ts'

export class Agent {
  #config: AgentConfig
  readonly #log: Logger
  readonly #feeds = new Map<string, RootFeed>()
  /** What bounds the lines to receivers, and what writes logs beside them; null: none is configured. */
  readonly #lines: { limits: LineLimits; publishing: Publishing | null }
  readonly #tokens: KnownTokens
  readonly #nodes: Nodes
  readonly resyncs: Resyncs
  readonly #operations: Operations
  readonly #identity: UsedIdentity
  #stream: StreamServer | null = null
  #reloading: Promise<void> = Promise.resolve()
  #isClosing = false

  constructor(config: AgentConfig, log: Logger) {
    assertBounds(BOUNDS)
    this.#config = config
    this.#log = log
    const publishing = config.nats === null ? null : this.#newPublishing(config.nats)
    this.#lines = { limits: new LineLimits(config.limits), publishing }
    this.#identity = new UsedIdentity(log)
    this.#tokens = new KnownTokens(tokenFileOf(config), log, (token, isReplaced) => this.#ended(token, isReplaced))
    this.#nodes = new Nodes({
      stateDir: config.stateDir,
      log,
      tokens: () => this.#tokens.all,
      isConnected: (name) => [...this.#feeds.values()].some((feed) => feed.holds.isConnected(name)),
      forget: (name) => this.#forget(name),
    })
    this.resyncs = new Resyncs({
      roots: this.#feeds,
      receivers: () => this.#nodes.receivers.map(({ name }) => name),
      isGranted: (receiver, root) => this.#nodes.isGranted(receiver, root),
      now: () => new Date(),
      newId: () => randomBytes(8).toString('hex'),
      changed: (status) => this.#operations.resyncChanged(status),
    })
    const { calls, fault } = chooseSystemCalls(config.systemCalls)
    if (fault !== null) log.warn({ reason: fault }, PORTABLE_CALLS)
    this.#operations = new Operations({
      log,
      systemCalls: calls.kind,
      config: () => this.#config,
      listen: config.admin,
      feeds: this.#feeds,
      tokens: this.#tokens,
      nodes: this.#nodes,
      resyncs: this.resyncs,
      certificate: () => this.#identity.status,
      dropped: () => this.#stream?.dropped ?? 0,
      logOf: (feed) => this.#lines.publishing?.statusOf(feed) ?? null,
    })
  }

  /** Reloads wait for its end. @throws Failure when something that the configuration asks for is not available */
  start(): Promise<void> {
    const started = this.#start()
    this.#reloading = started.catch(toldToCaller)
    return started
  }

  async #start(): Promise<void> {
    makeStateDir(this.#config.stateDir)
    this.#tokens.open()
    this.#nodes.open()
    // Their threads start meanwhile.
    for (const root of this.#config.roots) this.#feeds.set(root.name, this.#newFeed(root))
    const door = this.#openDoor(await this.#identity.open(this.#config))
    for (const { name, hooks } of this.#config.roots) await this.#feeds.get(name)?.start(hooks)
    this.#forgetOthers()
    const resumed = this.resyncs.resume()
    if (resumed.length > 0) this.#log.info({ resyncs: resumed }, 'resyncs that were not over go on')
    const { listen, admin } = this.#config
    const stream = await listening('listen', listen, door.listen(listen))
    const api = await listening('admin.listen', admin, this.#operations.open())
    const fingerprint = this.#identity.status?.fingerprint ?? null
    this.#log.info({ stream, fingerprint, admin: api, roots: [...this.#feeds.keys()], version: VERSION }, 'agent is up')
    this.#identity.warnOfExpiry()
    void this.#lines.publishing?.run()
  }

  /**
   * Takes over the settings that can change without a restart, and logs those that cannot. One reload at a time; never
   * rejects.
   */
  reload(config: AgentConfig): Promise<void> {
    this.#reloading = this.#reloading.then(() => this.#reload(config))
    return this.#reloading
  }

  /** One line, for people. */
  get summary(): string {
    return this.#operations.summary
  }

  /** A reload that is in progress begins with no other root: each may have to wait for its hooks. */
  async close(): Promise<void> {
    this.#isClosing = true
    await this.#reloading
    this.resyncs.close()
    this.#identity.close()
    this.#tokens.close()
    this.#nodes.close()
    await this.#lines.publishing?.close()
    await Promise.all([...this.#feeds.values()].map((feed) => feed.close()))
    await this.#stream?.close()
    await this.#operations.close()
    this.#log.info('agent stopped')
  }

  #openDoor(identity: Identity | null): StreamServer {
    this.#stream = new StreamServer({
      log: this.#log,
      identity,
      maxConnections: this.#config.limits.maxConnections,
      compression: () => this.#config.compression,
      tokens: () => this.#tokens.all,
      expiredTokens: () => this.#tokens.expired,
      rootNames: () => [...this.#feeds.keys()],
      nameOf: (token, signs) => this.#nodes.nameOf(token, signs),
      exchange: ({ sha256 }) => this.#exchange(sha256),
      serve: (peer, hello) => this.#serve(peer, hello),
    })
    return this.#stream
  }

  async #reload(config: AgentConfig): Promise<void> {
    const before = this.#config
    this.#tokens.read()
    for (const [key, settingOf] of Object.entries(FIXED)) {
      if (JSON.stringify(settingOf(before)) !== JSON.stringify(settingOf(config)))
        this.#log.warn({ setting: key }, 'a change of this setting takes a restart')
    }
    const { stateDir, listen, admin, systemCalls, nats } = before
    const limits = { ...config.limits, maxConnections: before.limits.maxConnections }
    this.#config = { ...config, stateDir, listen, admin, limits, systemCalls, nats }
    this.#lines.limits.rates = limits
    await this.#identity.renew(this.#config, (identity) => this.#stream?.renew(identity))
    await this.#renewRoots(before.roots)
    this.#lines.publishing?.look()
    this.#log.info('configuration was read again')
  }

  async #renewRoots(before: readonly RootConfig[]): Promise<void> {
    const { roots } = this.#config
    for (const [name, feed] of this.#feeds) {
      if (this.#isClosing) return
      const [was, is] = [before, roots].map((all) => all.find((root) => root.name === name))
      if (is === undefined || was?.path !== is.path || was.relay !== is.relay) {
        feed.abandon()
        this.#feeds.delete(name)
        await feed.close(true)
        this.#log.info({ root: name }, 'root was taken out of service')
      } else if (JSON.stringify(was) !== JSON.stringify(is)) {
        await feed.configure(is)
      }
    }
    for (const root of roots) if (!this.#feeds.has(root.name)) await this.#addRoot(root)
  }

  async #addRoot(root: RootConfig): Promise<void> {
    const feed = this.#newFeed(root)
    try {
      await feed.start(root.hooks)
      this.#feeds.set(root.name, feed)
      this.#log.info({ root: root.name }, 'root was taken into service')
    } catch (error) {
      this.#log.error({ root: root.name, error: errorMessage(error) }, 'the new root cannot be served')
      await feed.close()
    }
  }

  #serve(peer: Peer, hello: Hello): void {
    const feed = this.#feeds.get(hello.root)
    if (feed === undefined) throw new ProtocolError('unknown-root', `there is no root ${hello.root}`)
    const { protocol } = peer.socket
    const speaks = { overtakes: hasOvertakes(protocol), summaries: hasSummaries(protocol) }
    void feed.serve({ ...peer, ...speaks, open: (events) => new PacedSocket(peer, events) }, hello)
  }

  /** What expires or is revoked is not waited for; one that was exchanged comes back with another token. */
  #ended(token: StoredToken, isReplaced: boolean): void {
    for (const name of this.#nodes.revoked(token)) {
      if (!isReplaced) this.#forget(name)
      else
        for (const feed of this.#feeds.values())
          feed.disconnect(name, new ProtocolError('revoked', 'the token was replaced'))
    }
  }

  /** Tokens were revoked while no agent ran: their receivers keep no tombstones. */
  #forgetOthers(): void {
    const known = new Set(this.#nodes.receivers.map(({ name }) => name))
    if (this.#config.nats !== null) known.add(LOG_RECEIVER)
    for (const feed of this.#feeds.values())
      for (const name of feed.fleet.watermarks.names) if (!known.has(name)) feed.forget(name)
  }

  #forget(receiver: string): void {
    for (const feed of this.#feeds.values()) feed.forget(receiver)
  }

  #exchange(sha256: string): string | null {
    const token = exchangeToken(tokenFileOf(this.#config), sha256)
    if (token !== null) this.#tokens.read()
    return token
  }

  /** Nothing of the agent is used before it runs. */
  #newPublishing(config: NatsConfig): Publishing {
    return new Publishing({
      config,
      identity: () => this.#identity.pem,
      feeds: this.#feeds,
      secretOf: (name, root) => this.#nodes.secretOf(name, root),
      eventsOf: (root) => this.#operations.eventsOf(root),
      software: VERSION,
      id: randomBytes(6).toString('hex'),
      log: this.#log,
    })
  }

  #newFeed(root: RootConfig): RootFeed {
    const options = { ...rootOptions(root, this.#config), namesPaths: this.#log.isLevelEnabled('debug') }
    return new RootFeed(options, this.#log, this.#operations.eventsOf(root.name), this.#lines.limits)
  }
}

/** What a running agent does not change. */
const FIXED: Record<string, (config: AgentConfig) => unknown> = {
  stateDir: ({ stateDir }) => stateDir,
  listen: ({ listen }) => listen,
  admin: ({ admin }) => admin,
  'limits.maxConnections': ({ limits }) => limits.maxConnections,
  systemCalls: ({ systemCalls }) => systemCalls,
  transport: ({ nats }) => nats,
}

/** Whoever started the agent has got the error. */
function toldToCaller(): void {
  return
}

function rootOptions({ name, hooks: _, ...settings }: RootConfig, { stateDir, systemCalls }: AgentConfig): RootOptions {
  return { name, ...settings, stateDir: join(stateDir, 'roots', name), software: VERSION, systemCalls }
}

function makeStateDir(path: string): void {
  try {
    makeDirectories(path, 0o700)
  } catch (error) {
    throw new Failure(EXIT.failed, `stateDir ${path} cannot be made: ${errorMessage(error)}`, { cause: error })
  }
}
