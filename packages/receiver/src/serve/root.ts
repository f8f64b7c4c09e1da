/**
 * One root of the receiver as the main thread sees it: its link, its disk thread, and what both say of themselves.
 *
 * A disk thread that dies is started again; its ledger says where it was.
 */

import type { Logger } from '@rootferry/host/daemon'
import { Failure, printable, RestartedWorker } from '@rootferry/host/machine'
import { DISK_WORKER } from '../disk-worker-url.ts'
import type { Frame, FromDisk, ToDisk } from '../root-messages.ts'
import { type DiskEvent, type DiskOptions, type FirstJoin, MOST_KNOWN, type TrashStatus } from '../root-messages.ts'
import { firstJoinLine } from './first-join.ts'
import { type Hook, Hooks } from './hooks.ts'
import type { CommittedEvent } from './http/metrics.ts'
import type { Address } from './link/dial.ts'
import { Link, type LinkOptions } from './link/link.ts'

export interface RootState {
  root: string
  phase: 'idle' | 'resyncing' | 'replaying' | 'live'
  connected: boolean
  /** Since when it is not connected. */
  disconnectedAt: Date | null
  /** It was live once since this process started. */
  synced: boolean
  sequence: number
  durableSequence: number
  /** The agent's sequence, as far as it has told. */
  head: number
  staged: { entries: number; bytes: number }
  lastError: string | null
  failing: string | null
  problems: { path: string; code: string; message: string }[]
  trash: TrashStatus
  /** What resyncs have found since this process started. */
  differences: { missing: number; changed: number; extraneous: number }
  /** What the first join was going to do, if there was one since this process started. */
  firstJoin: FirstJoin | null
}

export interface RootParts {
  hooks: readonly Hook[]
  /** What hooks are started with. */
  umask: number
  log: Logger
  /** Called for each commit. */
  noteCommit(commit: CommittedEvent): void
}

const PROGRESS_LOG_MS = 5_000

export class Root {
  readonly state: RootState
  readonly #options: DiskOptions
  readonly #log: Logger
  readonly #noteCommit: (commit: CommittedEvent) => void
  readonly #link: Link
  readonly #hooks: Hooks
  readonly #worker: RestartedWorker<ToDisk, FromDisk>
  /** Read, and about to be handed over. */
  readonly #frames: Frame[] = []
  #end: Promise<void> | null = null
  #progressLoggedAt = 0

  constructor(options: DiskOptions, link: LinkOptions, { hooks, umask, log, noteCommit }: RootParts) {
    this.#options = options
    this.#noteCommit = noteCommit
    this.#log = log.child({ root: options.root })
    this.#hooks = new Hooks(hooks, { root: options.root, path: options.path, umask }, this.#log)
    this.state = {
      root: options.root,
      phase: 'idle',
      connected: false,
      disconnectedAt: new Date(),
      synced: false,
      sequence: 0,
      durableSequence: 0,
      head: 0,
      staged: { entries: 0, bytes: 0 },
      lastError: null,
      failing: null,
      problems: [],
      trash: { batches: 0, bytes: 0, oldestAt: null },
      differences: { missing: 0, changed: 0, extraneous: 0 },
      firstJoin: null,
    }
    this.#link = new Link(link, {
      tell: (message) => this.#tell(message),
      frame: (frame) => this.#pass(frame),
      connected: () => this.#connected(),
      disconnected: (error) => this.#disconnected(error),
    })
    this.#worker = new RestartedWorker({
      entry: DISK_WORKER,
      name: `root ${options.root}`,
      data: options,
      message: (message) => this.#take(message),
      threw: (error) => this.#log.error({ err: error }, 'disk thread failed'),
      down: (isFinal) => this.#down(isFinal),
    })
  }

  /** Dials once the disk thread is ready. @throws Failure when it cannot be: locked, unreadable, refused */
  async start(): Promise<void> {
    await this.#worker.opened
    this.#link.start()
  }

  /** The agent is to be dialled in another way from now on. */
  renew(address: Address): void {
    this.#link.renew(address)
  }

  /** Takes the place of a thread that was closed for other settings: the root was live before. */
  succeed(before: RootState): void {
    this.state.synced = before.synced
  }

  /** May be called again while it closes. */
  close(): Promise<void> {
    this.#end ??= this.#close()
    return this.#end
  }

  async #close(): Promise<void> {
    this.#link.stop()
    this.#passOn()
    await this.#worker.close({ type: 'close' })
    await this.#hooks.close()
  }

  #tell(message: ToDisk): void {
    this.#passOn()
    this.#worker.post(message)
  }

  /** Frames that were read together are handed over together: each message to a thread may have to wake it. */
  #pass(frame: Frame): void {
    if (this.#frames.length === 0) queueMicrotask(() => this.#passOn())
    this.#frames.push(frame)
  }

  #passOn(): void {
    if (this.#frames.length === 0) return
    const transfers: ArrayBuffer[] = []
    const frames = this.#frames.splice(0).map(({ isBinary, data }): Frame => {
      const whole = wholeBuffer(data)
      if (whole !== null) transfers.push(whole)
      return { isBinary, data: whole === null ? data.slice() : data }
    })
    this.#worker.post({ type: 'frames', frames }, transfers)
  }

  #take(message: FromDisk): void {
    switch (message.type) {
      case 'opened':
        return this.#ready()
      case 'failed':
        return this.#refused(new Failure(message.exitCode, `root ${this.#options.root}: ${message.message}`))
      case 'hello':
        this.state.sequence = message.position.sequence
        this.state.durableSequence = message.position.durable
        return this.#link.greet(message.position)
      case 'send':
        return this.#link.send(message.message)
      case 'event':
        return this.#note(message.event)
      case 'closed':
        return this.#worker.noteClosed()
    }
  }

  /** A thread that was started again knows nothing of the connection: it takes a new one. */
  #ready(): void {
    const wasOpen = this.#worker.noteOpened()
    if (wasOpen) this.#link.abort('internal-error', 'the disk thread was restarted')
    this.state.failing = null
    // It finds out anew what is owed, and what is in the way.
    this.state.problems = []
  }

  #refused(failure: Failure): void {
    this.state.failing = failure.message
    const isRetried = this.#worker.noteRefused(failure)
    if (isRetried) this.#log.error({ error: failure.message }, 'the target cannot be opened, trying again')
  }

  #note(event: DiskEvent): void {
    const { state } = this
    switch (event.type) {
      case 'committed': {
        const { type: _, repair, sequence, head, ...figures } = event
        if (!repair) state.sequence = sequence
        state.head = head
        this.#noteCommit(event)
        this.#log.info({ sequence, ...figures }, repair ? 'repair committed' : 'changeset committed')
        return
      }
      case 'touched':
        return this.#hooks.committed(event.hook, event.paths)
      case 'durable':
        state.durableSequence = event.sequence
        return
      case 'phase':
        return this.#phase(event.phase)
      case 'trash':
        state.trash = event.status
        return
      case 'differences':
        state.differences.missing += event.missing
        state.differences.changed += event.changed
        state.differences.extraneous += event.extraneous
        return
      case 'first-join':
        state.firstJoin = event.plan
        this.#log.info(event.plan, firstJoinLine(event.plan))
        return
      case 'progress':
        state.staged = { entries: event.entries, bytes: event.bytes }
        return this.#logProgress()
      case 'consumed':
        return this.#link.consumed(event.bytes)
      case 'failing':
        state.failing = event.error === null ? null : `${event.error.code}: ${event.error.message}`
        if (event.error === null) this.#log.info('commits work again')
        else this.#log.error({ ...event.error }, 'cannot commit, trying again')
        return
      case 'problem': {
        const { type: _, ...problem } = event
        state.problems = [...state.problems.filter(({ path }) => path !== event.path), problem].slice(-MOST_KNOWN)
        this.#log.warn(
          { path: printable(event.path), code: event.code, error: event.message },
          'a path could not be made right',
        )
        return
      }
      case 'mended':
        state.problems = state.problems.filter(({ path }) => !event.paths.includes(path))
        this.#log.info({ paths: event.paths.map(printable) }, 'paths that could not be made right have no problem now')
        return
      case 'log':
        this.#log[event.level](event.details, event.message)
        return
      case 'broken':
        this.#log.error({ code: event.error.code, error: event.error.message }, 'the agent broke the protocol')
        return this.#link.abort(event.error.code, event.error.message)
    }
  }

  #phase(phase: RootState['phase']): void {
    this.state.phase = phase
    if (phase === 'live') this.state.synced = true
    this.#log.info({ phase, sequence: this.state.sequence }, `root is ${phase}`)
  }

  #logProgress(): void {
    const now = Date.now()
    if (now - this.#progressLoggedAt < PROGRESS_LOG_MS) return
    this.#progressLoggedAt = now
    this.#log.info({ ...this.state.staged }, 'synchronizing')
  }

  #connected(): void {
    this.state.connected = true
    this.state.disconnectedAt = null
    this.state.lastError = null
    this.#log.info('connected to the agent')
  }

  #disconnected(error: string | null): void {
    const isNews = this.state.connected || error !== this.state.lastError
    this.state.connected = false
    this.state.disconnectedAt ??= new Date()
    this.state.lastError = error
    if (isNews && error !== null) this.#log.warn({ error }, 'not connected to the agent, trying again')
  }

  #down(isFinal: boolean): void {
    if (isFinal) return
    this.state.failing ??= 'the disk thread died, and is being restarted'
    this.#link.abort('internal-error', 'the disk thread died')
  }
}

/** The frame's memory when the frame is all of it, so that it can be handed over instead of copied. */
function wholeBuffer(frame: Uint8Array): ArrayBuffer | null {
  const { buffer } = frame
  return buffer instanceof ArrayBuffer && frame.byteOffset === 0 && frame.byteLength === buffer.byteLength
    ? buffer
    : null
}
