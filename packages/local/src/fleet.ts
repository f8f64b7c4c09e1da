/**
 * Starts an agent and one receiver for each target on loopback, with configuration files and tokens of their own,
 * exactly as an operator would on real hosts, and asks the agent for their status.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Daemon, type LogLine } from '@rootferry/host/daemon'
import { AGENT, RECEIVER } from '../../../build/programs.ts'

const ROOT = 'docroot'

export interface FleetOptions {
  source: string
  targets: readonly string[]
  stateDir: string
  node: string
  environment: NodeJS.ProcessEnv
  onLine(receiver: string, line: LogLine): void
  /** Aborted during the start, it stops the daemons that have been started. */
  stop: AbortSignal
  /** Kills the daemons that still run, at once. */
  hurry: AbortSignal
}

export interface FleetStatus {
  /** The source has been scanned, and every target has all of it. */
  inSync: boolean
  /** Problems of the source, of the agent, or of a receiver that cannot commit. */
  troubles: string[]
  entries: number
  bytes: number
  receivers: { name: string; entries: number; bytes: number; inSync: boolean }[]
}

interface AgentStatus {
  roots: {
    state: string
    reason: string | null
    sequence: number
    entries: Record<'files' | 'directories' | 'symlinks' | 'bytes', number>
  }[]
  receivers: { name: string; state: string; sequence: number; lastError: string | null }[]
}

export class Fleet {
  readonly daemons: Daemon[] = []
  readonly #options: FleetOptions
  readonly #admin = { url: '', token: '' }
  readonly #health: { name: string; url: string }[] = []

  private constructor(options: FleetOptions) {
    this.#options = options
  }

  /** @throws Error when a daemon does not start, or when `stop` comes first; daemons that did start are stopped */
  static async start(options: FleetOptions): Promise<Fleet> {
    const { stateDir } = options
    mkdirSync(stateDir, { recursive: true, mode: 0o700 })
    const config = writeConfig(join(stateDir, 'agent.yaml'), {
      stateDir: join(stateDir, 'agent'),
      listen: '127.0.0.1:0',
      admin: { listen: '127.0.0.1:0' },
      tls: 'off',
      roots: { [ROOT]: { path: options.source } },
    })
    const receivers = options.targets.map((target, position) => ({ name: `web${position + 1}`, target }))
    const [admin = '', ...tokens] = await Promise.all(
      ['admin', ...receivers.map(({ name }) => name)].map((name) => freshToken(options, config, name)),
    )
    const fleet = new Fleet(options)
    fleet.#admin.token = admin
    try {
      await Promise.race([fleet.#bringUp(config, receivers, tokens), aborted(options.stop)])
    } catch (error) {
      await fleet.stop()
      throw error
    }
    return fleet
  }

  async status(): Promise<FleetStatus> {
    const headers = { Authorization: `Bearer ${this.#admin.token}` }
    const { roots, receivers } = (await (
      await fetch(`${this.#admin.url}/v1/status`, { headers })
    ).json()) as AgentStatus
    const root = roots[0]
    const figures = await Promise.all(
      this.#health.map(async ({ name, url }) => {
        const status = (await (await fetch(`${url}/v1/status`)).json()) as {
          roots: { staged: { entries: number; bytes: number } }[]
        }
        const seen = receivers.find((receiver) => receiver.name === name)
        const inSync = root?.state === 'ready' && seen?.state === 'live' && seen.sequence === root.sequence
        return { name, ...(status.roots[0]?.staged ?? { entries: 0, bytes: 0 }), inSync }
      }),
    )
    const { files = 0, directories = 0, symlinks = 0, bytes = 0 } = root?.entries ?? {}
    return {
      inSync: figures.every(({ inSync }) => inSync),
      troubles: [
        ...(root?.reason === null || root?.reason === undefined ? [] : [root.reason]),
        ...receivers.flatMap(({ name, lastError }) => (lastError === null ? [] : [`${name}: ${lastError}`])),
      ],
      entries: files + directories + symlinks,
      bytes,
      receivers: figures,
    }
  }

  async stop(): Promise<void> {
    const [agent, ...receivers] = this.daemons
    await Promise.all(receivers.map((receiver) => receiver.stop()))
    await agent?.stop()
  }

  async #bringUp(
    config: string,
    receivers: readonly { name: string; target: string }[],
    tokens: readonly string[],
  ): Promise<void> {
    const agent = this.#spawn('agent', AGENT, config)
    agent.onLine((line) => this.#options.onLine('agent', line))
    const up = await agent.says('agent is up')
    this.#admin.url = String(up['admin'])
    const url = String(up['stream']).replace('http', 'ws')
    await Promise.all(receivers.map((receiver, position) => this.#addReceiver(receiver, tokens[position] ?? '', url)))
  }

  /** In a process group of its own, so that Ctrl-C reaches this program alone, which then ends its daemons in order. */
  #spawn(name: string, program: string, config: string): Daemon {
    const { node, environment, stop, hurry } = this.#options
    stop.throwIfAborted()
    const daemon = new Daemon(name, node, program, ['run', '--config', config], environment, { detached: true })
    hurry.addEventListener('abort', () => void daemon.kill())
    this.daemons.push(daemon)
    return daemon
  }

  async #addReceiver({ name, target }: { name: string; target: string }, token: string, agent: string): Promise<void> {
    const directory = join(this.#options.stateDir, name)
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    writeFileSync(join(directory, 'token'), token, { mode: 0o600 })
    const config = writeConfig(join(directory, 'receiver.yaml'), {
      name,
      agent,
      tokenFile: join(directory, 'token'),
      stateDir: join(directory, 'state'),
      health: { listen: '127.0.0.1:0' },
      // The target is on the same machine, so its files keep every bit.
      roots: { [ROOT]: { path: target, allowSetuid: true } },
    })
    const receiver = this.#spawn(name, RECEIVER, config)
    receiver.onLine((line) => this.#options.onLine(name, line))
    const up = await receiver.says('receiver is up')
    this.#health.push({ name, url: String(up['health']) })
  }
}

/** Never resolves. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))))
}

/** JSON is valid YAML. */
function writeConfig(file: string, config: object): string {
  writeFileSync(file, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 })
  return file
}

/** A token of this name, in place of the token that an earlier run may have made. */
async function freshToken({ node, environment }: FleetOptions, config: string, name: string): Promise<string> {
  const verb = async (...words: string[]) => {
    const parameters = [AGENT, 'token', ...words, '--config', config]
    try {
      return (await promisify(execFile)(node, parameters, { env: environment })).stdout
    } catch (error) {
      // The error message of the command, instead of its command line.
      const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : ''
      throw said === '' ? error : new Error(said, { cause: error })
    }
  }
  const hasTokens = existsSync(join(dirname(config), 'agent', 'tokens.json'))
  if (hasTokens && (await verb('list')).split('\n').some((line) => line.startsWith(`${name}\t`)))
    await verb('revoke', name)
  return (await verb('create', name, ...(name === 'admin' ? ['--admin'] : []))).trim()
}
