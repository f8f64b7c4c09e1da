/**
 * The daemons of a simulated farm: the agent's and the receiver's own code for a root, as their main files put it
 * together, less what is HTTP. One object is one life of a process.
 */

import { serveRoot } from '../../packages/agent/src/root/serve-root.ts'
import type { RootOptions } from '../../packages/agent/src/root-messages.ts'
import { RootFeed } from '../../packages/agent/src/serve/feed/root-feed.ts'
import type { Logger } from '../../packages/host/src/daemon/index.ts'
import { closeText, decodeToAgent, ProtocolError } from '../../packages/protocol/src/index.ts'
import { serveDisk } from '../../packages/receiver/src/disk/serve-disk.ts'
import type { DiskOptions } from '../../packages/receiver/src/root-messages.ts'
import { Root } from '../../packages/receiver/src/serve/root.ts'
import type { Machine } from './machine.ts'
import type { Network } from './network.ts'
import { Process, type Scheduler } from './scheduler.ts'
import type { SimulatedSocket } from './socket.ts'
import { registerThread } from './threads.ts'

registerThread('agent/src/root/root-worker', (port, data) => serveRoot(port, data as RootOptions))
registerThread('receiver/src/disk/disk-worker', (port, data) => void serveDisk(port, data as DiskOptions))

export const ROOT = 'shop'
export const SOURCE = '/srv/shop'
export const TARGET = '/srv/shop'
export const STATE = '/var/lib/rootferry'
export const INDEX_FILE = `${STATE}/roots/${ROOT}/index.db`
export const LEDGER_FILE = `${STATE}/roots/${ROOT}/ledger.sqlite`

const OPERATOR_MS = 3_000

export type Tell = (who: string, what: string) => void

export interface Surroundings {
  scheduler: Scheduler
  network: Network
  tell: Tell
  /** Something of the product threw what nobody caught. */
  broke: (who: string, error: unknown) => void
}

export type AgentSettings = Pick<RootOptions, 'exclude' | 'watch'> & { compress: boolean }

export class AgentProcess {
  readonly process: Process
  readonly #around: Surroundings
  readonly #settings: AgentSettings
  #feed: RootFeed | null = null

  constructor(machine: Machine, settings: AgentSettings, around: Surroundings) {
    this.#around = around
    this.#settings = settings
    this.process = newProcess(machine, around)
  }

  async start(): Promise<void> {
    const { scheduler, network, tell } = this.#around
    const { exclude, watch } = this.#settings
    await scheduler.run(this.process, () => {
      const options = {
        name: ROOT,
        path: SOURCE,
        stateDir: `${STATE}/roots/${ROOT}`,
        exclude,
        watch,
        guard: { maxDeletePercent: 100, minDeletes: 1_000_000 },
        software: 'simulated',
      }
      const feed = new RootFeed(options, logger(this.process.name, tell), {
        root: ({ state }) => state === 'halted' && this.#acceptLater(),
        receiver: () => undefined,
        scanned: () => undefined,
        committed: () => undefined,
      })
      this.#feed = feed
      const listen = () => {
        network.listening = { process: this.process, accept: (socket, receiver) => this.#accept(socket, receiver) }
      }
      // A root that can not be opened is what an operator reads about, and the service is started again.
      void feed.start().then(listen, () => this.process.kill())
    })
  }

  /** Ends in an orderly way, some turns from now. */
  async stop(): Promise<void> {
    const feed = this.#feed
    if (feed === null) return this.process.kill()
    await this.#around.scheduler.run(this.process, () => {
      this.#around.network.listening = null
      void feed.close().then(() => this.process.kill())
    })
  }

  /** An operator has a look, and finds that all is as it should be. */
  #acceptLater(): void {
    setTimeout(() => void this.#feed?.thread.ask('accept-guard', {}).catch(() => undefined), OPERATOR_MS)
  }

  /** What the stream server does with an upgraded connection. */
  #accept(socket: SimulatedSocket, receiver: string): void {
    const feed = this.#feed
    socket.on('error', () => undefined)
    socket.once('message', (data: Buffer, isBinary: boolean) => {
      try {
        const hello = isBinary ? null : decodeToAgent(data)
        if (hello?.type !== 'hello') throw new ProtocolError('unexpected-message', 'a hello was expected')
        const line = { cork: () => undefined, uncork: () => undefined }
        const peer = { socket, line, receiver, compress: this.#settings.compress, now: new Date(0) }
        void feed?.serve(peer as unknown as Parameters<RootFeed['serve']>[0], hello)
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error
        socket.close(error.closeCode, closeText(error.message))
      }
    })
  }
}

export class ReceiverProcess {
  readonly process: Process
  readonly #around: Surroundings
  readonly #protect: readonly string[]
  #root: Root | null = null

  constructor(machine: Machine, protect: readonly string[], around: Surroundings) {
    this.#around = around
    this.#protect = protect
    this.process = newProcess(machine, around)
  }

  async start(bootId: string): Promise<void> {
    const { scheduler, tell } = this.#around
    const { name } = this.process
    await scheduler.run(this.process, () => {
      const options: DiskOptions = {
        root: ROOT,
        path: TARGET,
        stateDir: `${STATE}/roots/${ROOT}`,
        trashDir: `${STATE}/trash/${ROOT}`,
        protect: this.#protect,
        owner: 'preserve',
        trash: { keepDays: 7, maxBytes: 2 ** 40 },
        allowSetuid: true,
        hookPatterns: [],
        bootId,
      }
      const address = { agent: 'ws://agent', token: name, trust: { fingerprint: null, ca: null, client: null } }
      const link = { root: ROOT, software: 'simulated', address }
      this.#root = new Root(options, link, {
        hooks: [],
        umask: 0,
        log: logger(name, tell),
        noteCommit: () => undefined,
      })
      // The same holds for a target.
      void this.#root.start().catch(() => this.process.kill())
    })
  }

  async stop(): Promise<void> {
    const root = this.#root
    if (root === null) return this.process.kill()
    await this.#around.scheduler.run(this.process, () => void root.close().then(() => this.process.kill()))
  }
}

function newProcess(machine: Machine, { tell, broke }: Surroundings): Process {
  const process = new Process(machine.name, machine)
  const report = (error: unknown) => {
    tell(machine.name, `broke: ${error instanceof Error ? error.stack : String(error)}`)
    broke(machine.name, error)
  }
  process.onError = report
  process.onThreadError = report
  return process
}

/** The daemons' logger, as far as they use it: into the story of the run. */
function logger(who: string, tell: Tell): Logger {
  const line = (level: string) => (details: unknown, message?: string) => {
    if (typeof details === 'string') tell(who, `${level} ${details}`)
    else tell(who, `${level} ${message ?? ''} ${JSON.stringify(details)}`)
  }
  const made = { child: () => made, info: line('info'), warn: line('warn'), error: line('error'), debug: line('debug') }
  return made as unknown as Logger
}
