/**
 * A real agent and real receivers on temporary directories, each a process of its own, as tests need them: started,
 * killed and restarted one by one, on ports that stay.
 */

import { execFileSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AGENT, RECEIVER } from '../../build/programs.ts'
import { readAgentConfig } from '../../packages/agent/src/config/agent-yaml.ts'
import { openIdentity } from '../../packages/agent/src/serve/door/identity.ts'
import { createToken, tokenFileOf } from '../../packages/agent/src/serve/door/tokens.ts'
import { Daemon, type LogLine } from '../../packages/host/src/daemon/daemon-process.ts'
import { differences } from './compare-trees.ts'
import { until } from './until.ts'

export interface RigOptions {
  /** Number of receivers: web1, web2, … */
  receivers?: number
  /** Merged into agent.yaml. */
  agentConfig?: object
  /** Merged into the root of agent.yaml. */
  root?: object
  /** Merged into the root of receiver.yaml. */
  receiverRoot?: object
  /** Called with source and targets before anything starts. */
  prepare?: (source: string, targets: string[]) => void
  /** Directory for source and targets, where the default temporary one will not do. */
  place?: string
  /** A source that is there already, and stays. */
  sourceAt?: string
  /** TLS with a certificate of the agent's own, which receivers pin; else plain text. */
  tls?: boolean
  /** Number of the user that daemons run as, and whom everything in the rig belongs to. */
  user?: number
  /** Receivers are started one by one by the test. */
  receiversLater?: boolean
}

export interface ReceiverView {
  name: string
  state: string
  sequence: number
  durableSequence: number
  lag: { sequences: number; seconds: number }
  lastError: string | null
}

export interface ReceiverRootView {
  phase: string
  sequence: number
  trash: { batches: number; bytes: number; oldestAt: string | null }
  differences: { missing: number; changed: number; extraneous: number }
  problems: { path: string; code: string }[]
  firstJoin: { right: number; missing: number; missingBytes: number; differing: number; extraneous: number } | null
}

export interface RootView {
  name: string
  epoch: string
  sequence: number
  state: string
  reason: string | null
  entries: { files: number; directories: number; symlinks: number; bytes: number }
  watch: { backend: string; degraded: string | null }
  problems: { path: string; code: string }[]
}

export class Rig implements AsyncDisposable {
  readonly place: string
  readonly source: string
  readonly targets: string[]
  readonly logs: LogLine[] = []
  agent: Daemon | null = null
  agentPort = 0
  readonly receivers: (Daemon | null)[] = []
  readonly #options: RigOptions
  readonly #health: string[] = []
  #adminPort = 0
  #adminToken = ''

  private constructor(options: RigOptions) {
    this.#options = options
    this.place = mkdtempSync(join(options.place ?? tmpdir(), 'rootferry-rig-'))
    this.source = options.sourceAt ?? join(this.place, 'source')
    this.targets = Array.from({ length: options.receivers ?? 2 }, (_, number) =>
      join(this.place, `target${number + 1}`),
    )
  }

  /** Everything running, the first sync not awaited. */
  static async start(options: RigOptions = {}): Promise<Rig> {
    const rig = new Rig(options)
    try {
      await rig.#setUp()
      await rig.startAgent()
      if (options.receiversLater !== true) await Promise.all(rig.targets.map((_, number) => rig.startReceiver(number)))
      return rig
    } catch (error) {
      await rig[Symbol.asyncDispose]()
      throw error
    }
  }

  async startAgent(): Promise<void> {
    await this.launchAgent().says('agent is up')
  }

  async startReceiver(number: number): Promise<void> {
    const up = await this.launchReceiver(number).says('receiver is up')
    this.#health[number] = String(up['health'])
  }

  /** Without waiting for it to be up. @param runner what runs the program in the place of Node: a script that calls it */
  launchAgent(runner: string = process.execPath): Daemon {
    this.agent = this.#spawn('agent', runner, AGENT, join(this.place, 'agent.yaml'))
    return this.agent
  }

  /** The same for a receiver. */
  launchReceiver(number: number, runner: string = process.execPath): Daemon {
    const name = `web${number + 1}`
    const receiver = this.#spawn(name, runner, RECEIVER, join(this.place, name, 'receiver.yaml'))
    this.receivers[number] = receiver
    return receiver
  }

  async killAgent(): Promise<void> {
    await this.agent?.kill()
  }

  async killReceiver(number: number): Promise<void> {
    await this.receivers[number]?.kill()
  }

  async status(): Promise<{ roots: RootView[]; receivers: ReceiverView[] }> {
    return (await (await this.admin('/v1/status')).json()) as { roots: RootView[]; receivers: ReceiverView[] }
  }

  /** A request to the admin API, with an admin token. */
  admin(path: string, request: RequestInit = {}): Promise<Response> {
    const headers = { Authorization: `Bearer ${this.#adminToken}`, ...request.headers }
    return fetch(`${this.adminUrl}${path}`, { ...request, headers })
  }

  get adminUrl(): string {
    return `http://127.0.0.1:${this.#adminPort}`
  }

  healthUrl(number: number): string {
    return this.#health[number] ?? ''
  }

  /** What an operator does about a halted root. @returns the status of the answer */
  async acceptGuard(): Promise<number> {
    const response = await this.admin('/v1/roots/site/guard/accept', { method: 'POST' })
    return response.status
  }

  /** A request to a receiver's health listener. */
  health(number: number, path: string): Promise<Response> {
    return fetch(`${this.healthUrl(number)}${path}`)
  }

  /** What a receiver says of its roots. */
  async receiverRoots(number: number): Promise<ReceiverRootView[]> {
    return ((await (await this.health(number, '/v1/status')).json()) as { roots: ReceiverRootView[] }).roots
  }

  async ready(number: number): Promise<boolean> {
    return (await this.health(number, '/readyz')).status === 200
  }

  /** Restarts a receiver with the agent at another port: a Line's. */
  async redirect(number: number, port: number): Promise<void> {
    await this.killReceiver(number)
    this.configureReceiver(number, {}, { agent: this.#url(port) })
    await this.startReceiver(number)
  }

  /** Changes settings of a receiver's root, and of the receiver, for the next start. */
  configureReceiver(number: number, root: object, settings: object = {}): void {
    const file = join(this.place, `web${number + 1}`, 'receiver.yaml')
    const config = JSON.parse(readFileSync(file, 'utf8')) as { roots: { site: object } }
    writeJson(file, { ...config, ...settings, roots: { site: { ...config.roots.site, ...root } } })
  }

  /** Changes the root's settings in agent.yaml and has the running agent read them. */
  reconfigure(root: object): void {
    this.configureRoot(root)
    process.kill(this.agent?.pid ?? 0, 'SIGHUP')
  }

  /** Changes the root's settings in agent.yaml, for the next start. */
  configureRoot(root: object): void {
    const file = join(this.place, 'agent.yaml')
    const config = JSON.parse(readFileSync(file, 'utf8')) as { roots: { site: object } }
    writeJson(file, { ...config, roots: { site: { ...config.roots.site, ...root } } })
  }

  agentVerb(...words: string[]): string {
    return execFileSync(process.execPath, [AGENT, ...words, '--config', join(this.place, 'agent.yaml')], {
      encoding: 'utf8',
      // Hints for people.
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }

  /** Resolves when every target equals the source and every receiver is live at the agent's sequence. */
  converged(deadlineMs = 30_000, ignore?: (path: string) => boolean): Promise<void> {
    return this.convergedWith(this.source, deadlineMs, ignore)
  }

  /** The same where the source is to be reached by another path. */
  async convergedWith(source: string, deadlineMs = 30_000, ignore?: (path: string) => boolean): Promise<void> {
    const options = ignore === undefined ? {} : { ignore }
    const faults = () =>
      this.targets.flatMap((target, number) => {
        try {
          return differences(source, target, options).map((fault) => `web${number + 1} ${fault}`)
        } catch (error) {
          return [`web${number + 1} ${error instanceof Error ? error.message : String(error)}`]
        }
      })
    const describe = async () =>
      `${faults().slice(0, 20).join('\n')}\n${JSON.stringify(await this.status())}\n${this.#lastLogs()}`
    await until(async () => (await this.#isInSync()) && faults().length === 0, describe, deadlineMs)
  }

  /** Resolves when every receiver is live at the sequence of an agent that is ready; trees are not compared. */
  async inSync(deadlineMs = 30_000): Promise<void> {
    await until(
      () => this.#isInSync(),
      async () => JSON.stringify(await this.status()),
      deadlineMs,
    )
  }

  /** Resolves when every receiver is live, whatever the root's state is. */
  async receiversLive(): Promise<void> {
    await until(
      async () => (await this.status()).receivers.every(({ state }) => state === 'live'),
      async () => JSON.stringify(await this.status()),
    )
  }

  #url(port: number): string {
    return `${this.#options.tls === true ? 'wss' : 'ws'}://127.0.0.1:${port}`
  }

  async #isInSync(): Promise<boolean> {
    const { roots, receivers } = await this.status()
    const root = roots[0]
    return (
      root?.state === 'ready' &&
      receivers.every(({ state, sequence }) => state === 'live' && sequence === root.sequence)
    )
  }

  #lastLogs(): string {
    return this.logs
      .slice(-30)
      .map((line) => JSON.stringify(line))
      .join('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const daemon of [...this.receivers, this.agent]) await daemon?.kill()
    rmSync(this.place, { recursive: true, force: true })
  }

  #spawn(name: string, runner: string, program: string, config: string): Daemon {
    const words = ['run', '--config', config]
    const { user } = this.#options
    const daemon = new Daemon(
      name,
      runner,
      program,
      words,
      process.env,
      user === undefined ? {} : { uid: user, gid: user },
    )
    daemon.onLine((line) => {
      this.logs.push(line)
      if (this.logs.length > 5_000) this.logs.splice(0, 1_000)
    })
    return daemon
  }

  async #setUp(): Promise<void> {
    const { receivers: _, agentConfig = {}, root = {}, receiverRoot = {}, prepare } = this.#options
    mkdirSync(this.source, { recursive: true })
    prepare?.(this.source, this.targets)
    this.agentPort = await freePort()
    this.#adminPort = await freePort()
    writeJson(join(this.place, 'agent.yaml'), {
      stateDir: 'agent',
      listen: `127.0.0.1:${this.agentPort}`,
      admin: { listen: `127.0.0.1:${this.#adminPort}` },
      ...(this.#options.tls === true ? {} : { tls: 'off' }),
      ...agentConfig,
      roots: { site: { path: this.source, ...root } },
    })
    // As `token create` does it, in this process: the suite would start hundreds of commands for it.
    const config = readAgentConfig(join(this.place, 'agent.yaml'))
    const identity = await openIdentity(config, new Date())
    const fingerprint = identity === null || identity.ca !== null ? null : identity.status.fingerprint
    const token = (name: string, admin: boolean) =>
      createToken(tokenFileOf(config), { name, admin, roots: null }, new Date())
    this.#adminToken = token('ops', true)
    for (const [number, target] of this.targets.entries()) {
      const name = `web${number + 1}`
      mkdirSync(join(this.place, name))
      writeFileSync(join(this.place, name, 'token'), token(name, false))
      writeJson(join(this.place, name, 'receiver.yaml'), {
        name,
        agent: this.#url(this.agentPort),
        ...(fingerprint === null ? {} : { fingerprint }),
        tokenFile: 'token',
        stateDir: 'state',
        health: { listen: '127.0.0.1:0' },
        roots: { site: { path: target, ...receiverRoot } },
      })
    }
    const { user } = this.#options
    if (user !== undefined) execFileSync('chown', ['-R', `${user}:${user}`, this.place])
  }
}

/** JSON is YAML. */
function writeJson(file: string, value: object): void {
  writeFileSync(file, JSON.stringify(value))
}

/** Below the ports that outgoing connections are given, or one of them could take it before it is listened on. */
const PORTS = { first: 10_000, last: 32_000 }

/** A port that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(randomInt(PORTS.first, PORTS.last), '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') continue
      throw error
    }
    const { port } = server.address() as AddressInfo
    server.close()
    await once(server, 'close')
    return port
  }
}
