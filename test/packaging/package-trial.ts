/**
 * A host's installation on temporary directories, for tests: a package unpacked, an agent and a receiver that run from
 * it, and the questions that an operator asks them.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Daemon } from '../../packages/host/src/daemon/daemon-process.ts'
import { freePort } from '../support/free-port.ts'
import { until } from '../support/until.ts'

/** The command of a daemon of an installation: the words in front of its verb. */
export type Installed = readonly [node: string, program: string]

export interface TrialStatus {
  version: string
  /** Of the root. */
  state: string
  epoch: string
  sequence: number
  /** The state of the only receiver: null before it has connected. */
  receiver: { state: string; sequence: number } | null
}

/** One docroot, one agent, one receiver, each started with the installation that a test names. */
export class PackageTrial implements AsyncDisposable {
  readonly place = mkdtempSync(join(tmpdir(), 'rootferry-package-'))
  readonly source = join(this.place, 'source')
  readonly target = join(this.place, 'target')
  readonly #agentYaml = join(this.place, 'agent.yaml')
  readonly #receiverYaml = join(this.place, 'receiver.yaml')
  #port = 0
  #adminPort = 0
  #token = ''
  #agent: Daemon | null = null
  #receiver: Daemon | null = null
  #installed: Installed | null = null

  async startAgent(installed: Installed): Promise<void> {
    this.#installed = installed
    if (this.#port === 0) {
      this.#port = await freePort()
      this.#adminPort = await freePort()
      mkdirSync(this.target)
      writeFileSync(
        this.#agentYaml,
        JSON.stringify({
          stateDir: join(this.place, 'agent'),
          listen: `127.0.0.1:${this.#port}`,
          admin: { listen: `127.0.0.1:${this.#adminPort}` },
          roots: { shop: { path: this.source } },
        }),
      )
    }
    this.#agent = this.#started('agent', installed, this.#agentYaml)
    await this.#agent.says('agent is up')
    if (this.#token === '') this.#token = this.verb('token', 'create', 'ops', '--admin').trim()
  }

  /** As an operator does it: an invitation, and `join` with the receiver's own command. */
  async join(installed: Installed): Promise<void> {
    const invitation = this.verb('token', 'create', 'web1', '--join', '--url', `wss://127.0.0.1:${this.#port}`).trim()
    const words = [
      '--root',
      `shop=${this.target}`,
      '--state-dir',
      join(this.place, 'receiver'),
      '--health',
      '127.0.0.1:0',
    ]
    const [node, program] = installed
    execFileSync(node, [program, 'join', invitation, ...words, '--config', this.#receiverYaml], { stdio: 'ignore' })
    await this.startReceiver(installed)
  }

  async startReceiver(installed: Installed): Promise<void> {
    this.#receiver = this.#started('receiver', installed, this.#receiverYaml)
    await this.#receiver.says('receiver is up')
  }

  async stopAgent(): Promise<void> {
    await this.#agent?.stop()
  }

  async stopReceiver(): Promise<void> {
    await this.#receiver?.stop()
  }

  /** @returns what a verb of the agent prints */
  verb(...words: string[]): string {
    if (this.#installed === null) throw new Error('there is no agent to ask')
    const [node, program] = this.#installed
    return execFileSync(node, [program, ...words, '--config', this.#agentYaml], { encoding: 'utf8', stdio: 'pipe' })
  }

  async status(): Promise<TrialStatus> {
    const headers = { authorization: `Bearer ${this.#token}` }
    const answer = await fetch(`http://127.0.0.1:${this.#adminPort}/v1/status`, { headers })
    const { version, roots, receivers } = (await answer.json()) as {
      version: string
      roots: { state: string; epoch: string; sequence: number }[]
      receivers: { state: string; sequence: number }[]
    }
    const [root = { state: 'none', epoch: '', sequence: 0 }] = roots
    return { version, ...root, receiver: receivers[0] ?? null }
  }

  /** Waits until the receiver is live and has everything, beyond a sequence. */
  async inSync(beyond = 0): Promise<TrialStatus> {
    const current = async () => {
      const status = await this.status()
      const { state, sequence, receiver } = status
      const isSame = receiver?.state === 'live' && receiver.sequence === sequence
      return state === 'ready' && isSame && sequence > beyond ? status : undefined
    }
    return await until(current, async () => JSON.stringify(await this.status()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopReceiver()
    await this.stopAgent()
    rmSync(this.place, { recursive: true, force: true })
  }

  #started(name: string, [node, program]: Installed, config: string): Daemon {
    return new Daemon(name, node, program, ['run', '--config', config], process.env)
  }
}
