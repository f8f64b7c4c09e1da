/**
 * A real agent and real receivers, each a process of its own, as tests need them: started, killed and restarted one by
 * one, on ports that stay.
 *
 * Knows nothing of the content of a root: a `Site` is one root that they serve. Sites come and go while daemons run.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AGENT, RECEIVER } from '../../build/programs.ts'
import { Daemon, type LogLine } from '../../packages/host/src/daemon/daemon-process.ts'
import { freePort } from './free-port.ts'
import { storeTokens } from './stored-tokens.ts'
import { agentVerb, type Outcome, receiverVerb } from './verbs.ts'
import type { ReceiverRootView, StatusView } from './views.ts'

export interface DaemonsOptions {
  /** Number of receivers: web1, web2, … */
  receivers?: number
  /** Merged into agent.yaml. */
  agentConfig?: object
  /** Of both daemons; 'auto' without it. */
  systemCalls?: 'libc' | 'portable'
  /** Directory for everything, when the default temporary one does not suit. */
  place?: string
  /** TLS with a certificate of the agent's own, which receivers pin; else plain text. */
  tls?: boolean
  /** Number of the user that daemons run as and that owns everything. */
  user?: number
  /** Receivers are started one by one by the test. */
  receiversLater?: boolean
  logLevel?: 'debug' | 'info'
}

/** The part of a configuration file that tests change: settings by name, and those of each root. */
export interface ConfigFile {
  roots: Record<string, object>
  [setting: string]: unknown
}

/** A root in both configurations. */
export interface ServedRoot {
  name: string
  agent: object
  /** By number. */
  receivers: readonly object[]
}

const MOST_LINES = 5_000
const READ_AGAIN = 'configuration was read again'

export class Daemons implements AsyncDisposable {
  readonly place: string
  readonly logs: LogLine[] = []
  readonly names: readonly string[]
  agent: Daemon | null = null
  agentPort = 0
  readonly receivers: (Daemon | null)[] = []
  readonly #options: DaemonsOptions
  readonly #health: string[] = []
  #adminPort = 0
  #adminToken = ''

  /** Writes nothing and starts nothing yet: see `serve`. */
  constructor(options: DaemonsOptions = {}) {
    this.#options = options
    this.place = mkdtempSync(join(options.place ?? tmpdir(), 'rootferry-rig-'))
    this.names = Array.from({ length: options.receivers ?? 2 }, (_, number) => `web${number + 1}`)
  }

  /**
   * Makes all daemons serve this root and no other: those that run read the new configuration, the others are started.
   */
  async serve(root: ServedRoot): Promise<void> {
    if (this.agentPort === 0) await this.#configure(root)
    else this.#reconfigure(root)
    await (this.agent?.isRunning === true ? this.hangUp(this.agent) : this.startAgent())
    if (this.#options.receiversLater === true) return
    const serving = this.names.map((_, number) => {
      const receiver = this.receivers[number]
      return receiver?.isRunning === true ? this.hangUp(receiver) : this.startReceiver(number)
    })
    await Promise.all(serving)
  }

  async startAgent(): Promise<void> {
    await this.launchAgent().says('agent is up')
  }

  /** @param runner see launchAgent */
  async startReceiver(number: number, runner?: string): Promise<void> {
    const up = await this.launchReceiver(number, runner).says('receiver is up')
    this.#health[number] = String(up['health'])
  }

  /**
   * Starts the agent without waiting for it. @param runner runs the program in place of Node: a script that calls it
   */
  launchAgent(runner: string = process.execPath): Daemon {
    this.agent = this.#spawn('agent', runner, AGENT, join(this.place, 'agent.yaml'))
    return this.agent
  }

  /** The same for a receiver. */
  launchReceiver(number: number, runner: string = process.execPath): Daemon {
    const name = this.#nameOf(number)
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

  /** Sends HUP; resolves when the daemon has logged its answer. */
  async hangUp(daemon: Daemon, message: string = READ_AGAIN): Promise<void> {
    const said = daemon.says(message)
    process.kill(daemon.pid, 'SIGHUP')
    await said
  }

  async status(): Promise<StatusView> {
    return (await (await this.admin('/v1/status')).json()) as StatusView
  }

  /** A request to the admin API, with an admin token. */
  admin(path: string, request: RequestInit = {}): Promise<Response> {
    // A kept connection may be closed by the agent while this process is at long work, and fail the next request.
    const headers = { Authorization: `Bearer ${this.#adminToken}`, Connection: 'close', ...request.headers }
    return fetch(`${this.adminUrl}${path}`, { ...request, headers })
  }

  get adminUrl(): string {
    return `http://127.0.0.1:${this.#adminPort}`
  }

  healthUrl(number: number): string {
    return this.#health[number] ?? ''
  }

  /** A request to a receiver's health listener. */
  health(number: number, path: string): Promise<Response> {
    return fetch(`${this.healthUrl(number)}${path}`)
  }

  /** The receiver's status of its roots. */
  async receiverRoots(number: number): Promise<ReceiverRootView[]> {
    return ((await (await this.health(number, '/v1/status')).json()) as { roots: ReceiverRootView[] }).roots
  }

  async ready(number: number): Promise<boolean> {
    return (await this.health(number, '/readyz')).status === 200
  }

  /** Has a receiver dial the agent at another port, that of a Line; a receiver that is down is started. */
  async redirect(number: number, port: number): Promise<void> {
    this.editReceiver(number, (config) => ({ ...config, agent: this.#url(port) }))
    const receiver = this.receivers[number]
    await (receiver?.isRunning === true ? this.hangUp(receiver) : this.startReceiver(number))
  }

  /** Changes agent.yaml, which takes effect with the next HUP or start. */
  editAgent(change: (config: ConfigFile) => object): void {
    edit(join(this.place, 'agent.yaml'), change)
  }

  /** The same for a receiver.yaml. */
  editReceiver(number: number, change: (config: ConfigFile) => object): void {
    edit(join(this.place, this.#nameOf(number), 'receiver.yaml'), change)
  }

  /** A verb of the agent without a process of its own: see `verbs.ts`. */
  agentSays(...words: string[]): Promise<Outcome> {
    return agentVerb([...words, '--config', join(this.place, 'agent.yaml')])
  }

  /** The same of a receiver. */
  receiverSays(number: number, ...words: string[]): Promise<Outcome> {
    return receiverVerb([...words, '--config', join(this.place, this.#nameOf(number), 'receiver.yaml')])
  }

  agentVerb(...words: string[]): string {
    return execFileSync(process.execPath, [AGENT, ...words, '--config', join(this.place, 'agent.yaml')], {
      encoding: 'utf8',
      // stderr has hints for people.
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }

  /** A verb of a receiver, as an operator types it. @returns its exit code, and what it printed */
  receiverVerb(number: number, ...words: string[]): { status: number | null; stdout: string; stderr: string } {
    const config = join(this.place, this.#nameOf(number), 'receiver.yaml')
    return spawnSync(process.execPath, [RECEIVER, ...words, '--config', config], { encoding: 'utf8' })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.receivers, this.agent].map((daemon) => daemon?.kill()))
    rmSync(this.place, { recursive: true, force: true })
  }

  #nameOf(number: number): string {
    return this.names[number] ?? `web${number + 1}`
  }

  #url(port: number): string {
    return `${this.#options.tls === true ? 'wss' : 'ws'}://127.0.0.1:${port}`
  }

  #spawn(name: string, runner: string, program: string, config: string): Daemon {
    const { user, logLevel = 'info' } = this.#options
    const as = user === undefined ? {} : { uid: user, gid: user }
    const daemon = new Daemon(
      name,
      runner,
      program,
      ['run', '--config', config, '--log-level', logLevel],
      process.env,
      as,
    )
    daemon.onLine((line) => {
      this.logs.push(line)
      if (this.logs.length > MOST_LINES) this.logs.splice(0, MOST_LINES / 5)
    })
    return daemon
  }

  #reconfigure({ name, agent, receivers }: ServedRoot): void {
    this.editAgent((config) => ({ ...config, roots: { [name]: agent } }))
    for (const [number, own] of receivers.entries())
      this.editReceiver(number, (config) => ({ ...config, roots: { [name]: own } }))
  }

  async #configure({ name, agent, receivers }: ServedRoot): Promise<void> {
    const { agentConfig = {}, tls, user, systemCalls = 'auto' } = this.#options
    this.agentPort = await freePort()
    this.#adminPort = await freePort()
    const file = join(this.place, 'agent.yaml')
    writeJson(file, {
      stateDir: 'agent',
      listen: `127.0.0.1:${this.agentPort}`,
      admin: { listen: `127.0.0.1:${this.#adminPort}` },
      ...(tls === true ? {} : { tls: 'off' }),
      systemCalls,
      ...agentConfig,
      roots: { [name]: agent },
    })
    const fingerprint = tls === true ? await pinOf(file) : null
    const [ops = '', ...tokens] = storeTokens(join(this.place, 'agent'), [
      { name: 'ops', admin: true },
      ...this.names.map((name) => ({ name, admin: false })),
    ])
    this.#adminToken = ops
    for (const [number, receiver] of this.names.entries()) {
      mkdirSync(join(this.place, receiver))
      writeFileSync(join(this.place, receiver, 'token'), tokens[number] ?? '')
      writeJson(join(this.place, receiver, 'receiver.yaml'), {
        name: receiver,
        agent: this.#url(this.agentPort),
        ...(fingerprint === null ? {} : { fingerprint }),
        tokenFile: 'token',
        stateDir: 'state',
        systemCalls,
        health: { listen: '127.0.0.1:0' },
        roots: { [name]: receivers[number] },
      })
    }
    if (user !== undefined) execFileSync('chown', ['-R', `${user}:${user}`, this.place])
  }
}

/** Makes the agent's identity before the agent does. @returns its pin; null when the certificate is an authority's */
async function pinOf(file: string): Promise<string | null> {
  // Most tests have no certificates, and do without the modules that make them.
  const { readAgentConfig } = await import('../../packages/agent/src/config/agent-yaml.ts')
  const { openIdentity } = await import('../../packages/agent/src/serve/door/identity.ts')
  const identity = await openIdentity(readAgentConfig(file), new Date())
  return identity === null || identity.ca !== null ? null : identity.status.fingerprint
}

function edit(file: string, change: (config: ConfigFile) => object): void {
  writeJson(file, change(JSON.parse(readFileSync(file, 'utf8')) as ConfigFile))
}

/** JSON is valid YAML. */
function writeJson(file: string, value: object): void {
  writeFileSync(file, JSON.stringify(value))
}
