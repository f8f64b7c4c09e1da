/**
 * One root of the receiver as the main thread sees it: its link, its disk thread, and its hooks, wired together.
 *
 * A disk thread that dies is started again; its ledger has its position. Knows what to do on an event. The root's state
 * afterwards is root-state.ts's concern, and the log line root-log.ts's.
 */

import { HookRuns, type Logger } from '@rootferry/host/daemon'
import { Failure, RestartedWorker } from '@rootferry/host/machine'
import { encodeMessage, type TrashReport } from '@rootferry/protocol'
import type { Hook } from '../config/receiver-yaml.ts'
import { DISK_WORKER } from '../disk-worker-url.ts'
import type { DiskEvent, DiskOptions, Frame, FromDisk, ToDisk, TrashStatus } from '../root-messages.ts'
import { notReadyReason } from './http/readiness.ts'
import type { Address } from './link/dial.ts'
import type { Link, LinkOptions } from './link/link.ts'
import { openLink } from './link/open-link.ts'
import { LongWork } from './long-work.ts'
import { logLine } from './root-log.ts'
import { type Moment, newRootState, nextRootState, type RootEvent, type RootState } from './root-state.ts'

export interface RootParts {
  hooks: readonly Hook[]
  /** The umask of hooks. */
  umask: number
  log: Logger
  /** A complete target serves visitors when the agent was not reached for this long after a start. */
  waitForAgentMs: number
  /** For so long a target that has prepared and hears nothing counts as not ready. */
  inDoubtMs: number
  /** The state is another one. */
  changed(): void
  committed(commit: Extract<DiskEvent, { type: 'committed' }>): void
}

interface Waits {
  patience: NodeJS.Timeout | null
  doubt: NodeJS.Timeout | null
  readonly recovery: PromiseWithResolvers<void>
}

const PROGRESS_LOG_MS = 5_000

export class Root {
  readonly #parts: RootParts
  readonly #name: string
  readonly #log: Logger
  readonly #link: Link
  readonly #hooks: HookRuns
  readonly #worker: RestartedWorker<ToDisk, FromDisk>
  /** Frames that were read, and will be handed over together. */
  readonly #frames: Frame[] = []
  #state: RootState
  #end: Promise<void> | null = null
  /**
   * How long it waits for the agent after a start, and for a word of the agent in a round; and for the end of what an
   * earlier process had begun, before which a connection would be of no use.
   */
  readonly #waits: Waits = { patience: null, doubt: null, recovery: Promise.withResolvers() }
  /** What this connection's agent knows. */
  readonly #told = { ready: null as boolean | null, trash: null as TrashStatus | null }
  /** When progress was logged, and a copy that takes long. */
  readonly #logged = { progressMs: Number.NEGATIVE_INFINITY, copying: new LongWork() }

  constructor(options: DiskOptions, link: LinkOptions, parts: RootParts) {
    const { hooks, umask, log } = parts
    this.#parts = parts
    this.#name = options.root
    this.#log = log.child({ root: options.root })
    this.#state = newRootState(options.root, present())
    const setting = { root: options.root, path: options.path, umask }
    const events = {
      changed: () => this.#hooksChanged(),
      ran: (hook: number, stamp: number) => this.#tell({ type: 'hook-ran', hook, stamp }),
    }
    this.#hooks = new HookRuns(hooks, setting, events, this.#log)
    this.#hooksChanged()
    this.#link = openLink(link, {
      tell: (message) => this.#tell(message),
      frame: (frame) => this.#pass(frame),
      connected: () => this.#connected(),
      disconnected: (error) => this.#disconnected(error),
      log: (why, isForged) => this.#happened({ type: 'log-read', why, isForged }),
    })
    this.#worker = new RestartedWorker({
      entry: DISK_WORKER,
      name: `root ${options.root}`,
      data: options,
      message: (message) => this.#receive(message),
      threw: (error) => this.#log.error({ err: error }, 'disk thread failed'),
      down: (isFinal) => this.#down(isFinal),
    })
  }

  get state(): RootState {
    return this.#state
  }

  /** Dials once the disk thread is ready. @throws Failure when it cannot become ready: locked, unreadable, refused */
  async start(): Promise<void> {
    await this.#worker.opened
    void this.#waits.recovery.promise.then(() => {
      if (this.#end === null) this.#link.start()
    })
    this.#wait()
  }

  /** From now on the agent is dialled with this address. */
  renew(address: Address): void {
    this.#link.renew(address)
  }

  /** An operator says yes to the first join. @returns false when it does not wait for that */
  accept(): boolean {
    if (!this.#state.awaitsAccept) return false
    this.#happened({ type: 'accepted' })
    this.#tell({ type: 'accept' })
    return true
  }

  /** This root replaces one that was closed for other settings. */
  succeed(before: RootState): void {
    this.#happened({ type: 'succeeded', before })
  }

  /** May be called again while it closes. */
  close(): Promise<void> {
    this.#end ??= this.#close()
    return this.#end
  }

  async #close(): Promise<void> {
    this.#link.stop()
    if (this.#waits.patience !== null) clearTimeout(this.#waits.patience)
    this.#awaitWord(null)
    this.#passOn()
    // Before the disk thread: the ledger learns of runs that end now.
    await this.#hooks.close()
    await this.#worker.close({ type: 'close' })
  }

  #connected(): void {
    if (this.#waits.patience !== null) clearTimeout(this.#waits.patience)
    this.#waits.patience = null
    this.#happened({ type: 'connected' })
  }

  #disconnected(error: string | null): void {
    this.#happened({ type: 'disconnected', error })
    this.#wait()
  }

  #hooksChanged(): void {
    const { hooks: settings } = this.#parts
    const hooks = this.#hooks.status.map((status, number) => {
      return { ...status, readyAfter: settings[number]?.readyAfter ?? false }
    })
    this.#happened({ type: 'hooks', hooks })
  }

  /** The agent lists the receivers that are ready, and shows what they keep. */
  #tellAgent(): void {
    const { connected, trash } = this.#state
    const told = this.#told
    if (!connected) {
      Object.assign(told, { ready: null, trash: null })
      return
    }
    const ready = notReadyReason(this.#state, null, performance.now()) === null
    if (ready !== told.ready) this.#link.send(encodeMessage({ type: 'ready', ready }))
    if (trash !== told.trash) this.#link.send(encodeMessage({ type: 'trash', ...reported(trash) }))
    Object.assign(told, { ready, trash })
  }

  #wait(): void {
    if (this.#state.isInService || this.#waits.patience !== null) return
    this.#waits.patience = setTimeout(() => this.#happened({ type: 'waited' }), this.#parts.waitForAgentMs)
    this.#waits.patience.unref()
  }

  #tell(message: ToDisk): void {
    this.#passOn()
    this.#worker.post(message)
  }

  /** Frames that were read together are handed over together: each message may have to wake the thread. */
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

  #receive(message: FromDisk): void {
    switch (message.type) {
      case 'opened':
        // A thread that was started again knows nothing of the connection: it needs a new one.
        if (this.#worker.noteOpened()) this.#link.abort('internal-error', 'the disk thread was restarted')
        return this.#happened({ type: 'opened', sequence: message.sequence, durable: message.durable })
      case 'failed':
        return this.#refused(new Failure(message.exitCode, `root ${this.#name}: ${message.message}`))
      case 'hello':
        this.#happened({ type: 'position', position: message.position })
        return this.#link.greet(message.position)
      case 'send':
        return this.#link.send(message.message)
      case 'event':
        this.#happened(message.event)
        return this.#act(message.event)
      case 'closed':
        return this.#worker.noteClosed()
    }
  }

  #refused(failure: Failure): void {
    this.#happened({ type: 'refused', message: failure.message })
    const isRetried = this.#worker.noteRefused(failure)
    if (isRetried) this.#log.error({ error: failure.message }, 'the target cannot be opened, trying again')
  }

  #happened(event: RootEvent): void {
    const line = logLine(event, this.#state)
    this.#state = nextRootState(this.#state, event, present())
    if (line !== null) this.#log[line.level](line.details, line.message)
    this.#tellAgent()
    this.#parts.changed()
  }

  /** The actions that an event causes, apart from the change of state. */
  #act(event: DiskEvent): void {
    switch (event.type) {
      case 'committed':
        this.#link.worked()
        return this.#parts.committed(event)
      case 'kept':
        return this.#link.worked()
      case 'prepared':
        return this.#awaitWord(event.sequence === null ? null : event.doubtMs)
      case 'leave':
        // The state is another one already, and so is the ready file.
        return this.#link.send(encodeMessage({ type: 'left', sequence: event.to }))
      case 'due':
        return this.#hooks.due(event)
      case 'progress':
        return this.#logProgress()
      case 'copied':
        if (this.#logged.copying.isToBeTold(performance.now()))
          this.#log.info({ bytes: this.#state.copied }, 'a copy on this host takes its time, and goes on')
        return
      case 'recovered':
        return this.#waits.recovery.resolve()
      case 'consumed':
        return this.#link.consumed(event.bytes)
      case 'broken':
        return this.#link.abort(event.error.code, event.error.message)
    }
  }

  /** @param doubtMs null: no word is awaited */
  #awaitWord(doubtMs: number | null): void {
    if (this.#waits.doubt !== null) clearTimeout(this.#waits.doubt)
    this.#waits.doubt = null
    if (doubtMs === null || this.#parts.inDoubtMs === 0) return
    this.#waits.doubt = setTimeout(() => {
      this.#happened({ type: 'doubted' })
      this.#waits.doubt = setTimeout(() => this.#happened({ type: 'trusted' }), this.#parts.inDoubtMs)
    }, doubtMs)
  }

  #logProgress(): void {
    if (this.#state.phase === 'live') return
    const now = performance.now()
    if (now - this.#logged.progressMs < PROGRESS_LOG_MS) return
    this.#logged.progressMs = now
    this.#log.info({ ...this.#state.staged }, 'synchronizing')
  }

  #down(isFinal: boolean): void {
    if (isFinal) return
    this.#happened({ type: 'died' })
    this.#link.abort('internal-error', 'the disk thread died')
  }
}

function present(): Moment {
  return { at: new Date(), ms: performance.now() }
}

function reported({ batches, bytes, oldestAt }: TrashStatus): Omit<TrashReport, 'type'> {
  return { batches, bytes, oldest: oldestAt === null ? null : Date.parse(oldestAt) }
}

/** The frame's memory when the frame is all of it, so that it can be transferred instead of copied. */
function wholeBuffer(frame: Uint8Array): ArrayBuffer | null {
  const { buffer } = frame
  return buffer instanceof ArrayBuffer && frame.byteOffset === 0 && frame.byteLength === buffer.byteLength
    ? buffer
    : null
}
