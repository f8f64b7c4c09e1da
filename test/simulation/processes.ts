/**
 * The daemons of a simulated farm: the agent's and the receiver's own code for a root, put together as in their main
 * files, without HTTP. One object is one life of a process.
 */

import type { WebSocket } from 'ws'
import { serveRoot } from '../../packages/agent/src/root/serve-root.ts'
import type { RootOptions, RootStatus } from '../../packages/agent/src/root-messages.ts'
import { PATIENCE_MS } from '../../packages/agent/src/serve/feed/feed-hold.ts'
import { LineLimits } from '../../packages/agent/src/serve/feed/line-limits.ts'
import type { OutletEvents } from '../../packages/agent/src/serve/feed/outlet.ts'
import { PacedSocket } from '../../packages/agent/src/serve/feed/paced-socket.ts'
import { type FeedEvents, RootFeed } from '../../packages/agent/src/serve/feed/root-feed.ts'
import { Resyncs } from '../../packages/agent/src/serve/resync/resyncs.ts'
import type { ReceiverStatus } from '../../packages/agent/src/serve/schemas/status.ts'
import type { Logger } from '../../packages/host/src/daemon/index.ts'
import { closeText, decodeToAgent, NOTHING_PRESERVED, ProtocolError } from '../../packages/protocol/src/index.ts'
import { serveDisk } from '../../packages/receiver/src/disk/serve-disk.ts'
import type { DiskOptions } from '../../packages/receiver/src/root-messages.ts'
import { Root } from '../../packages/receiver/src/serve/root.ts'
import type { RootState } from '../../packages/receiver/src/serve/root-state.ts'
import type { Machine } from './machine.ts'
import type { Network } from './network.ts'
import { ROOT, STATE, TARGET } from './places.ts'
import { Process, type Scheduler } from './scheduler.ts'
import type { SimulatedSocket } from './socket.ts'
import { registerThread } from './threads.ts'

registerThread('agent/src/root/root-worker', (port, data) => serveRoot(port, data as RootOptions))
registerThread('receiver/src/disk/disk-worker', (port, data) => void serveDisk(port, data as DiskOptions))

const OPERATOR_MS = 3_000
const ROLLING = { size: 1, drainMs: 100, readyMs: 20_000 }

export type Tell = (who: string, what: string) => void

export interface Surroundings {
  scheduler: Scheduler
  network: Network
  tell: Tell
  /** The product threw an error that it did not catch. */
  broke: (who: string, error: unknown) => void
}

export type AgentSettings = Pick<RootOptions, 'path' | 'exclude' | 'watch' | 'guard' | 'hold' | 'together'> & {
  compress: boolean
  /** Hard links are preserved where it is not 0. */
  linksOneIn: number
  /** Whether an operator accepts the guard's halts, some seconds later. */
  isAttended: boolean
  /** Whether all is as it should be, so that an operator accepts it. */
  isAcceptable(): boolean
}

export class AgentProcess {
  readonly process: Process
  readonly #around: Surroundings
  readonly #settings: () => AgentSettings
  readonly #machine: Machine
  readonly #resyncs: Resyncs
  readonly #roots = new Map<string, RootFeed>()
  /** Seconds that changes took to reach a receiver that follows. */
  readonly propagations: number[] = []
  #feed: RootFeed | null = null
  /** Orders to hold the root that have neither begun nor failed: each waits for a scan that takes as long as it takes. */
  holdsToCome = 0

  /** @param settings returns the configuration whenever it is read */
  constructor(machine: Machine, settings: () => AgentSettings, around: Surroundings) {
    this.#around = around
    this.#settings = settings
    this.#machine = machine
    this.process = newProcess(machine, around)
    const { callers } = around.network
    let orders = 0
    this.#resyncs = new Resyncs({
      roots: this.#roots,
      receivers: () => [...callers.keys()],
      isGranted: () => true,
      now: () => this.#now(),
      newId: () => `${around.scheduler.turns}.${orders++}`,
      changed: () => undefined,
    })
  }

  /** @throws when the agent is not up */
  get feed(): RootFeed {
    const feed = this.#roots.get(ROOT)
    if (feed === undefined) throw new Error('the agent is not up')
    return feed
  }

  /** The last status of the root's thread; null: it is not up, or has reported nothing yet. */
  get status(): RootStatus | null {
    return this.#roots.get(ROOT)?.status ?? null
  }

  get resyncs(): Resyncs {
    return this.#resyncs
  }

  receiver(name: string): ReceiverStatus {
    return this.feed.fleet.statusOf(name, this.#now())
  }

  /** An operator holds the root. */
  async hold(): Promise<void> {
    await this.#around.scheduler.run(this.process, () => {
      const order = { reason: 'a deploy', by: 'ops', forMs: 900_000, waitMs: 2_000 }
      if (this.#feed === null) return
      this.holdsToCome += 1
      const over = () => {
        this.holdsToCome -= 1
      }
      void this.#feed.holds.hold(order).then(over, over)
    })
  }

  /**
   * An operator releases the root, one receiver after another if it is to be rolling. @param over is called when the
   * release has ended, in whatever way
   */
  async release(over: () => void = () => undefined, isRolling = false): Promise<void> {
    await this.#around.scheduler.run(this.process, () => {
      const order = { dryRun: false, acceptLosses: true, isInParts: !isRolling, isRolling, hold: null, by: 'ops' }
      const rolling = isRolling ? ROLLING : null
      void this.#feed?.holds
        .release(order, { patienceMs: PATIENCE_MS, rolling, isStep: false })
        .then(({ round }) => round?.ended)
        .then(over, over)
    })
  }

  /** As after a HUP. */
  reconfigure(): void {
    const { exclude, watch, guard, hold, together, linksOneIn } = this.#settings()
    const preserve = preservedWith(linksOneIn)
    this.feed.thread.tell({ type: 'reconfigure', exclude, watch, guard, hold, together, preserve })
  }

  async start(): Promise<void> {
    const { scheduler, network, tell } = this.#around
    const { path, exclude, watch, guard, hold, together, linksOneIn, isAttended } = this.#settings()
    await scheduler.run(this.process, () => {
      const options = {
        name: ROOT,
        path,
        stateDir: `${STATE}/roots/${ROOT}`,
        exclude,
        watch,
        guard,
        hold,
        together,
        relay: false,
        preserve: preservedWith(linksOneIn),
        software: 'simulated',
        systemCalls: 'portable' as const,
      }
      const limits = new LineLimits({ bytesPerSecond: 0, bytesPerSecondPerReceiver: 0 })
      const events: FeedEvents = {
        root: ({ state }) => isAttended && state === 'halted' && this.#acceptLater(),
        // The admin API does the same for its listeners.
        receiver: (name) => void feed.fleet.statusOf(name, this.#now()),
        scanned: () => undefined,
        round: () => undefined,
        resync: (job) => this.#resyncs.jobChanged(job),
        committed: ({ seconds }) => this.propagations.push(...seconds),
      }
      const feed = new RootFeed(options, logger(this.process.name, tell), events, limits)
      this.#feed = feed
      const listen = () => {
        this.#roots.set(ROOT, feed)
        this.#resyncs.resume()
        network.listening = { process: this.process, accept: (socket, receiver) => this.#accept(socket, receiver) }
      }
      // A root that cannot be opened is reported to an operator, and the service is started again.
      void feed.start().then(listen, () => this.process.kill())
    })
  }

  /** Ends in an orderly way, some turns from now. */
  async stop(): Promise<void> {
    const feed = this.#feed
    if (feed === null) return this.process.kill()
    await this.#around.scheduler.run(this.process, () => {
      this.#around.network.listening = null
      this.#resyncs.close()
      void feed.close().then(() => this.process.kill())
    })
  }

  #now(): Date {
    return new Date(this.#machine.wallClock())
  }

  /** An operator has a look, and finds that all is as it should be. */
  #acceptLater(): void {
    setTimeout(() => {
      if (!this.#settings().isAcceptable()) return this.#acceptLater()
      void this.#feed?.thread.ask('accept-guard', {}).catch(() => undefined)
    }, OPERATOR_MS)
  }

  /** Does what the stream server does with an upgraded connection. */
  #accept(socket: SimulatedSocket, receiver: string): void {
    const feed = this.#feed
    socket.on('error', () => undefined)
    socket.once('message', (data: Buffer, isBinary: boolean) => {
      try {
        const hello = isBinary ? null : decodeToAgent(data)
        if (hello?.type !== 'hello') throw new ProtocolError('unexpected-message', 'a hello was expected')
        const line = { cork: () => undefined, uncork: () => undefined }
        const now = new Date(0)
        const peer = {
          overtakes: true,
          summaries: true,
          open: (events: OutletEvents) =>
            new PacedSocket({ socket: socket as unknown as WebSocket, line, now }, events),
          receiver,
          address: receiver,
          node: receiver,
          compress: this.#settings().compress,
          now,
        }
        void feed?.serve(peer, hello)
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
  readonly #settings: Pick<DiskOptions, 'protect' | 'extraneous'>
  #root: Root | null = null

  constructor(machine: Machine, settings: Pick<DiskOptions, 'protect' | 'extraneous'>, around: Surroundings) {
    this.#around = around
    this.#settings = settings
    this.process = newProcess(machine, around)
  }

  get isUp(): boolean {
    return this.#root !== null
  }

  /** The receiver's own state. @throws when it is not up */
  get state(): RootState {
    if (this.#root === null) throw new Error(`${this.process.name} is not up`)
    return this.#root.state
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
        protect: this.#settings.protect,
        owner: 'preserve',
        trash: { keepDays: 7, maxBytes: 2 ** 40 },
        allowSetuid: true,
        mode: 'preserve',
        minFreePercent: 1,
        hooks: [],
        bootId,
        systemCalls: 'portable',
        guard: { maxPercent: 100, minEntries: 1e9 },
        extraneous: this.#settings.extraneous,
      }
      const address = { agent: 'ws://agent', token: name, trust: { fingerprint: null, ca: null, client: null } }
      const link = { root: ROOT, software: 'simulated', address }
      this.#root = new Root(options, link, {
        hooks: [],
        umask: 0,
        log: logger(name, tell),
        waitForAgentMs: 30_000,
        inDoubtMs: 30_000,
        changed: () => undefined,
        committed: () => undefined,
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

function preservedWith(linksOneIn: number): RootOptions['preserve'] {
  return { ...NOTHING_PRESERVED, hardLinks: linksOneIn > 0 }
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

/** The part of the daemons' logger that they use: it writes into the story of the run. */
function logger(who: string, tell: Tell): Logger {
  const line = (level: string) => (details: unknown, message?: string) => {
    if (typeof details === 'string') tell(who, `${level} ${details}`)
    else tell(who, `${level} ${message ?? ''} ${JSON.stringify(details)}`)
  }
  const made = { child: () => made, info: line('info'), warn: line('warn'), error: line('error'), debug: line('debug') }
  return made as unknown as Logger
}
