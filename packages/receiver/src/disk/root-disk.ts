/**
 * One root's disk side as its thread drives it: a queue of the agent's frames, handled strictly in order.
 *
 *   receiveText, receiveBytes ─▶ queue ─▶ Session ─▶ staging, commits ─▶ send, event
 *
 * A disk error holds up the queue, and its step is tried again until it works; credit bounds the frames that gather
 * meanwhile. A connection that ends drops its part of the queue. A fault of this program is thrown from the queue, and
 * so ends the thread; the ledger has its position.
 */

import { setTimeout as wait } from 'node:timers/promises'
import { ProtocolError, type ToAgent } from '@rootferry/protocol'
import type { DiskEvent, DiskOptions, HelloPosition } from '../root-messages.ts'
import { recover } from './commit/commit.ts'
import { Durability } from './commit/durability.ts'
import { OwedReport } from './debts/owed-report.ts'
import { Problems } from './debts/problems.ts'
import { Endings } from './endings.ts'
import { isOperatingError } from './files/disk-errors.ts'
import { type DiskFailure, DiskRetry, type DiskSteps, stepsOnce } from './files/disk-retry.ts'
import { Dropped, orDropped } from './files/give-way.ts'
import { Recovery } from './recovery.ts'
import { Session } from './session.ts'
import type { Greeting } from './session-reports.ts'
import { explained } from './stage/full-disk.ts'
import { openTarget, type Target } from './target.ts'
import { Timers } from './timers.ts'
import { TrashKeeper } from './trash-keeper.ts'
import { WorkQueue } from './work-queue.ts'

const PROGRESS_MS = 100
const PURGE_MS = 86_400_000
/** How often the target's place is looked at while nothing comes. */
const PLACE_MS = 5_000

export interface DiskOutput {
  send(message: ToAgent): void
  event(event: DiskEvent): void
}

/** Parts that a test may replace. */
export interface DiskSeams {
  /** Waits before a failed step is tried again; rejects when the signal fires. */
  delay(ms: number, signal: AbortSignal): Promise<void>
  beforeStep?(step: string, path: string): void
}

interface Connection {
  session: Session
  ended: AbortController
  /** The agent broke the protocol: its frames do not count any more. */
  isBroken: boolean
  /** What the welcome says is in the ledger: until then that knows of another position, which is none of this one. */
  isTakenUp: boolean
  owed: OwedReport
}

export class RootDisk {
  readonly #target: Target
  readonly #out: DiskOutput
  readonly #retry: DiskRetry
  readonly #durability: Durability
  readonly #problems: Problems
  readonly #trash: TrashKeeper
  readonly #timers = new Timers()
  readonly #closing = new AbortController()
  readonly #queue: WorkQueue<Session>
  readonly #recovery: Recovery
  #connection: Connection | null = null
  readonly #endings = new Endings()

  private constructor(target: Target, out: DiskOutput, seams: DiskSeams) {
    this.#target = target
    this.#out = { send: (message) => out.send(message), event: paced((event) => out.event(event)) }
    const copied = (bytes: number) => this.#out.event({ type: 'copied', bytes })
    this.#retry = new DiskRetry(seams.delay, (failure) => this.#failing(explained(failure, target.room)), copied)
    this.#problems = new Problems(out.event)
    this.#trash = new TrashKeeper({ trash: target.trash, area: target.area, event: out.event })
    this.#queue = new WorkQueue({
      isWanted: (session) =>
        (session === this.#connection?.session && !this.#connection.isBroken) || this.#endings.isWorkingOff(session),
      failed: (error, session) => {
        if (error instanceof ProtocolError) this.#breakOff(error, session)
        else if (!(error instanceof Dropped)) throw error
        else this.#endings.stop(session)
      },
      done: () => {
        this.#trash.look()
        this.#tellOwed()
      },
    })
    const { signal } = this.#closing
    this.#recovery = new Recovery({
      push: (act) => this.#queue.push(null, act),
      finish: (steps) => this.#finishInterrupted(steps),
      once: stepsOnce([signal], copied),
      again: this.#stepsUntil(signal),
      after: (ms, act) => this.#timers.after(ms, act),
      over: () => out.event({ type: 'recovered' }),
    })
    this.#durability = new Durability({
      confined: target.confined,
      untouchable: target.untouchable,
      schedule: (ms, act) => this.#timers.after(ms, act),
      commits: () => target.ledger.debts.commits,
      synced: (position, commits) => {
        if (!target.ledger.recordDurable(position, commits)) return
        if (this.#connection?.isTakenUp === true) this.#tell({ type: 'durable', sequence: position.sequence })
        out.event({ type: 'durable', sequence: position.sequence })
      },
      failed: (message) => this.#log('error', 'committed changes could not be synced to disk', { error: message }),
      leftOut: (border) => this.#log('warn', 'a filesystem that is mounted in the target cannot be synced', border),
    })
  }

  /**
   * Takes over the root: locks it, finishes the commit that a killed process had begun, cleans up.
   * @throws Failure with one line for the operator
   */
  static async open(
    options: DiskOptions,
    out: DiskOutput,
    seams: DiskSeams = { delay: (ms, signal) => wait(ms, undefined, { signal }) },
  ): Promise<RootDisk> {
    const log = (level: 'info' | 'warn', message: string, details: Record<string, unknown>) =>
      out.event({ type: 'log', level, message, details })
    const target = await openTarget({ ...options, ...seams, now: Date.now, log })
    const disk = new RootDisk(target, out, seams)
    tellDue(target, out)
    await disk.#recovery.begun()
    disk.#trash.purge()
    disk.#timers.every(PURGE_MS, () => disk.#trash.purge())
    const look = () => areVolumesOthers(target, disk.#problems) && disk.#enqueue((session) => session.volumesChanged())
    disk.#timers.every(PLACE_MS, () => disk.#queue.push(null, () => void look()))
    // Commits of a killed process may not be synced yet, and its knowledge of them is lost.
    const { position } = target.ledger
    if (position !== null) disk.#durability.committedMuch(position)
    out.event({ type: 'phase', phase: 'idle' })
    return disk
  }

  get reached(): { sequence: number; durable: number } {
    return reachedBy(this.#target.ledger)
  }

  /** Begins a connection when what came over the last one is worked off, unless that has ended by then too. */
  greet(answer: (position: HelloPosition) => void): void {
    this.#recovery.afterwards(() => this.#endings.afterwards(() => answer(this.hello())))
  }

  /** Begins a connection at once. @throws RootGone when the path does not lead to the opened root any more */
  hello(): HelloPosition {
    const { ledger, partials } = this.#target
    this.#target.insistOnPlace()
    this.#target.doubtPosition()
    this.#out.event({ type: 'complete', isComplete: ledger.isComplete })
    const { epoch, term, sequence } = ledger.position ?? { epoch: null, term: null, sequence: 0 }
    const target = this.#target.isEmpty() ? 'empty' : 'populated'
    const prepared = offeredSeries(ledger, { epoch, sequence })
    this.#begin({ epoch, sequence, target, prepared: prepared?.sequence ?? null }, ledger.durableSequence)
    const [durable, offered] = [ledger.durableSequence, partials.offered(epoch)]
    return { epoch, term, sequence, durable, target, partials: offered, prepared }
  }

  /** A text frame from the agent; it is decoded in its turn. */
  receiveText(frame: Uint8Array): void {
    this.#enqueue((session) => session.text(frame))
  }

  /** A binary frame from the agent; its memory belongs to this object from now on. */
  receiveBytes(frame: Uint8Array): void {
    this.#enqueue((session) => session.bytes(frame))
  }

  /** An operator says yes to the first join that waits, or that will wait when the connection is back. */
  accept(): void {
    const { signal } = this.#closing
    this.#queue.push(null, async () => {
      await this.#stepsUntil(signal).untilDone(() => this.#target.acceptance.give())
      this.#enqueue((session) => session.accepted())
    })
  }

  /** The command of a hook ended well. @param stamp of the last run that was due when it began */
  hookRan(hook: number, stamp: number): void {
    const { hooks, ledger } = this.#target
    const key = hooks.keys[hook]
    if (key === undefined) return
    this.#queue.push(null, () => this.#stepsUntil(this.#closing.signal).untilDone(() => ledger.hooks.ran(key, stamp)))
  }

  disconnected(): void {
    this.#recovery.forget()
    this.#endings.forgetWaiting()
    if (this.#connection === null) return
    const { session, ended, isBroken } = this.#connection
    this.#connection = null
    this.#endings.begin(session, ended, !isBroken && this.#retry.failure === null)
    this.#out.event({ type: 'phase', phase: 'idle' })
    this.#queue.push(null, () => this.#endings.end(session))
  }

  /** Finishes the step in progress and syncs it; the rest of the queue is dropped, and may come again. */
  async close(): Promise<void> {
    this.disconnected()
    this.#endings.stop()
    this.#closing.abort()
    await this.#queue.rest()
    await this.#trash.close()
    const { ledger, partials } = this.#target
    const isClean = (await this.#durability.flush(partials.stagedNames().size > 0)) && !ledger.hasIntent
    this.#timers.clear()
    await this.#target.close(isClean)
  }

  #begin(greeting: Greeting, durable: number): void {
    this.disconnected()
    this.#endings.abandon()
    const ended = new AbortController()
    const isOurs = () => this.#connection?.session === session
    const session: Session = new Session(
      {
        target: this.#target,
        durability: this.#durability,
        problems: this.#problems,
        steps: this.#stepsUntil(ended.signal),
        now: () => performance.now(),
        send: (message) => {
          if (isOurs()) this.#out.send(message)
        },
        welcomed: () => this.#catchUp(durable),
        event: this.#out.event,
        later: (ms, act) =>
          this.#timers.after(ms, () => {
            if (isOurs()) this.#enqueue(act)
          }),
        soon: (act) => {
          // Lets the thread receive messages.
          setImmediate(() => isOurs() && this.#enqueue(act))
        },
      },
      greeting,
    )
    this.#connection = { session, ended, isBroken: false, isTakenUp: false, owed: new OwedReport(this.#problems) }
  }

  #enqueue(work: (session: Session) => Promise<void> | void): void {
    if (this.#connection === null || this.#connection.isBroken) return
    const { session } = this.#connection
    this.#queue.push(session, () => work(session))
  }

  #breakOff(error: ProtocolError, session: Session | null): void {
    this.#endings.abandon(session)
    if (this.#connection === null || session !== this.#connection.session) return
    this.#connection.isBroken = true
    this.#out.event({ type: 'broken', error: { code: error.code, message: error.message } })
  }

  #stepsUntil(disconnected: AbortSignal): DiskSteps {
    const { signal } = this.#closing
    return {
      untilDone: (step) => this.#retry.run(step, [signal]),
      whileConnected: (step) => this.#retry.run(step, [disconnected, signal]),
      waiting: (work) => orDropped(work, [disconnected, signal]),
    }
  }

  #failing(error: DiskFailure | null): void {
    if (error !== null) this.#endings.abandon()
    this.#out.event({ type: 'failing', error: error === null ? null : { ...error, path: null } })
    this.#tell({ type: 'failing', error })
  }

  #tellOwed(): void {
    const { session, owed } = this.#connection ?? {}
    if (session?.isWelcome === true) owed?.tell(this.#target.ledger.debts.count, this.#out)
  }

  #tell(message: ToAgent): void {
    if (this.#connection?.session.isWelcome === true) this.#out.send(message)
  }

  /** Sends the messages that could not be sent between hello and welcome. */
  #catchUp(durable: number): void {
    if (this.#connection !== null) this.#connection.isTakenUp = true
    const { durableSequence } = this.#target.ledger
    if (durableSequence > durable) this.#tell({ type: 'durable', sequence: durableSequence })
    const { failure } = this.#retry
    if (failure !== null) this.#tell({ type: 'failing', error: explained(failure, this.#target.room) })
  }

  async #finishInterrupted(steps: DiskSteps): Promise<void> {
    const { ledger } = this.#target
    const reason = ledger.isComplete ? 'replay' : 'first-sync'
    const outcome = await recover({ ...this.#target, steps, reason })
    if (outcome === null) return
    this.#log('info', 'finished a commit that was interrupted', {})
    this.#problems.burstEnded(outcome)
    for (const due of outcome.due) this.#out.event({ type: 'due', ...due })
    if (ledger.position !== null) this.#durability.committedMuch(ledger.position)
  }

  #log(level: 'info' | 'warn' | 'error', message: string, details: Record<string, unknown>): void {
    this.#out.event({ type: 'log', level, message, details })
  }
}

/**
 * Whether something else is mounted in the target than when this was last asked; not while the disk or the ledger is in
 * trouble: the next look tells. @throws RootGone
 */
function areVolumesOthers(target: Target, problems: Problems): boolean {
  target.insistOnPlace()
  try {
    target.untouchable.refreshBorders()
  } catch (error) {
    if (!isOperatingError(error)) throw error
    return false
  }
  problems.unmounted(target.volumes.missing)
  return target.volumes.hasNews()
}

/** The runs of hooks that an earlier process did not come to. */
function tellDue({ ledger, hooks }: Target, out: DiskOutput): void {
  for (const due of ledger.hooks.allDue(hooks.keys)) out.event({ type: 'due', ...due })
  out.event({ type: 'complete', isComplete: ledger.isComplete })
}

/** Tells progress now and then, and everything else. */
function paced(tell: DiskOutput['event']): DiskOutput['event'] {
  const toldAt = { progress: Number.NEGATIVE_INFINITY, copied: Number.NEGATIVE_INFINITY }
  let copied = 0
  return (event) => {
    if (event.type !== 'progress' && event.type !== 'copied') return tell(event)
    if (event.type === 'copied') copied += event.bytes
    const now = performance.now()
    if (now - toldAt[event.type] < PROGRESS_MS) return
    toldAt[event.type] = now
    if (event.type === 'progress') return tell(event)
    tell({ type: 'copied', bytes: copied })
    copied = 0
  }
}

/** What is prepared and belongs to that position; null: nothing. */
function offeredSeries(
  { staged: { series }, hasIntent }: Target['ledger'],
  { epoch, sequence }: { epoch: string | null; sequence: number },
): HelloPosition['prepared'] {
  if (series === null || hasIntent || series.epoch !== epoch || series.base !== sequence) return null
  return { sequence: series.to, term: series.term }
}

function reachedBy({ position, durableSequence }: Target['ledger']): { sequence: number; durable: number } {
  return { sequence: position?.sequence ?? 0, durable: durableSequence }
}
