/**
 * The agent: a feed for every root, the door for receivers, the admin listener, and the tokens that open both.
 * Owns nothing else; starts and stops them in order.
 */
import { randomBytes } from 'node:crypto'
import { type FSWatcher, mkdirSync, watch } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { EXIT, errorCode, errorMessage, Failure, type Logger } from '@rootferry/host'
import { type Hello, ProtocolError } from '@rootferry/protocol'
import type { AgentConfig, RootConfig } from './config.ts'
import { Resyncs } from './feed/resyncs.ts'
import { RootFeed } from './feed/root-feed.ts'
import { AdminServer } from './http/admin-server.ts'
import type { RootOptions, RootStatus } from './root-messages.ts'
import { type Peer, StreamServer } from './stream-server.ts'
import { findToken, readTokens, type StoredToken, tokenFileOf } from './tokens.ts'
import { VERSION } from './version.ts'

export class Agent {
  #config: AgentConfig
  readonly #log: Logger
  readonly #feeds = new Map<string, RootFeed>()
  readonly resyncs = new Resyncs({
    roots: this.#feeds,
    receivers: () => this.#tokens.filter(({ admin }) => !admin).map(({ name }) => name),
    now: () => new Date(),
    newId: () => randomBytes(8).toString('hex'),
  })
  readonly #stream: StreamServer
  readonly #admin: AdminServer
  #tokens: StoredToken[] = []
  #tokenWatch: FSWatcher | null = null

  constructor(config: AgentConfig, log: Logger) {
    this.#config = config
    this.#log = log
    this.#stream = new StreamServer({
      config,
      log,
      authenticate: (token) => findToken(this.#tokens, token),
      serve: (peer, hello) => this.#serve(peer, hello),
    })
    this.#admin = new AdminServer({
      version: VERSION,
      authenticate: (token) => findToken(this.#tokens, token),
      roots: () => this.#rootStatuses(),
      receivers: () => this.#receiverStatuses(),
    })
  }

  /** @throws Failure when something the configuration asks for can not be had */
  async start(): Promise<void> {
    makeStateDir(this.#config.stateDir)
    this.#tokens = readTokens(tokenFileOf(this.#config))
    this.#watchTokens()
    for (const root of this.#config.roots)
      this.#feeds.set(root.name, new RootFeed(rootOptions(root, this.#config), this.#log))
    for (const feed of this.#feeds.values()) await feed.start()
    const { listen, admin } = this.#config
    const stream = await listening('listen', `${listen.host}:${listen.port}`, this.#stream.listen())
    const api = await listening('admin.listen', `${admin.host}:${admin.port}`, this.#admin.listen(admin))
    this.#log.info({ stream, admin: api, roots: [...this.#feeds.keys()], version: VERSION }, 'agent is up')
  }

  /** Takes over what a new configuration says of roots it had already, and reads the tokens again. */
  reload(config: AgentConfig): void {
    this.#readTokens()
    for (const root of config.roots) {
      const before = this.#config.roots.find(({ name }) => name === root.name)
      if (before === undefined || before.path !== root.path) {
        this.#log.warn({ root: root.name }, 'a new root or path takes a restart')
      } else if (JSON.stringify(before) !== JSON.stringify(root)) {
        this.#feeds
          .get(root.name)
          ?.thread.tell({ type: 'reconfigure', exclude: root.exclude, watch: root.watch, guard: root.guard })
      }
    }
    this.#config = config
    this.#log.info('configuration was read again')
  }

  async close(): Promise<void> {
    this.#tokenWatch?.close()
    await Promise.all([...this.#feeds.values()].map((feed) => feed.close()))
    await this.#stream.close()
    await this.#admin.close()
    this.#log.info('agent stopped')
  }

  #serve(peer: Peer, hello: Hello): void {
    const feed = this.#feeds.get(hello.root)
    if (feed === undefined) throw new ProtocolError('unknown-root', `there is no root ${hello.root}`)
    void feed.serve(peer, hello)
  }

  #rootStatuses(): RootStatus[] {
    return [...this.#feeds.values()].flatMap(({ status }) => (status === null ? [] : [status]))
  }

  #receiverStatuses() {
    const receivers = this.#tokens.filter(({ admin }) => !admin)
    const now = new Date()
    return receivers.flatMap(({ name }) => [...this.#feeds.values()].map((feed) => feed.receiverStatus(name, now)))
  }

  /** The directory is watched, because the file is replaced and not written to. */
  #watchTokens(): void {
    const file = tokenFileOf(this.#config)
    this.#tokenWatch = watch(dirname(file), (_event, name) => {
      if (name === basename(file)) this.#readTokens()
    })
  }

  #readTokens(): void {
    try {
      const before = this.#tokens
      this.#tokens = readTokens(tokenFileOf(this.#config))
      const left = new Set(this.#tokens.map(({ sha256 }) => sha256))
      for (const { name, sha256 } of before) {
        if (left.has(sha256)) continue
        for (const feed of this.#feeds.values()) feed.forget(name)
        this.#log.info({ receiver: name }, 'token was revoked')
      }
    } catch (error) {
      this.#log.error({ error: errorMessage(error) }, 'tokens could not be read, the old ones stay in force')
    }
  }
}

function rootOptions({ name, path, exclude, watch, guard }: RootConfig, config: AgentConfig): RootOptions {
  return { name, path, exclude, watch, guard, stateDir: join(config.stateDir, 'roots', name), software: VERSION }
}

function makeStateDir(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new Failure(EXIT.failed, `stateDir ${path} can not be made: ${errorMessage(error)}`, { cause: error })
  }
}

async function listening(what: string, address: string, attempt: Promise<string>): Promise<string> {
  try {
    return await attempt
  } catch (error) {
    const why = errorCode(error) === 'EADDRINUSE' ? 'is taken by another process' : errorMessage(error)
    throw new Failure(EXIT.failed, `${what} ${address} ${why}`, { cause: error })
  }
}
