/**
 * One root's disk side as its thread drives it: a queue of what the agent sent, worked off strictly in order.
 *
 *   receiveText, receiveBytes ─▶ queue ─▶ Session ─▶ staging, commits ─▶ send, event
 *
 * A disk error holds the queue up and its step is tried again until it works; credit bounds what gathers meanwhile. A
 * connection that ends drops its part of the queue. The only file here that knows timers. An error that is nobody's
 * but this program's is thrown from the queue, and so ends the thread; the ledger knows where it was.
 */

import { setTimeout as wait } from 'node:timers/promises'
import { plainMessage } from '@rootferry/host/machine'
import { type Hello, ProtocolError, type ToAgent } from '@rootferry/protocol'
import type { DiskEvent, DiskOptions } from '../root-messages.ts'
import { recover } from './commit/commit.ts'
import { Durability } from './commit/durability.ts'
import { Problems } from './debts/problems.ts'
import { isOperatingError, RootGone } from './files/disk-errors.ts'
import { type DiskFailure, DiskRetry, type DiskSteps, Dropped } from './files/disk-retry.ts'
import { type Greeting, reportProblems, Session } from './session.ts'
import { openTarget, type Target } from './target.ts'

const PROGRESS_MS = 100
const PURGE_MS = 86_400_000

export interface DiskOutput {
  send(message: ToAgent): void
  event(event: DiskEvent): void
}

/** What a test may replace. */
export interface DiskSeams {
  /** Waits before a failed step is tried again; rejects when the signal fires. */
  delay(ms: number, signal: AbortSignal): Promise<void>
  beforeStep?(step: string, path: string): void
}

/** `session` is the connection that the work serves; null: it is done in any case. */
interface Item {
  session: Session | null
  work: () => Promise<void> | void
}

export class RootDisk {
  readonly #target: Target
  readonly #out: DiskOutput
  readonly #retry: DiskRetry
  readonly #durability: Durability
  readonly #problems: Problems
  readonly #closing = new AbortController()
  readonly #timers = new Set<NodeJS.Timeout>()
  #queue: Item[] = []
  #running: Promise<void> | null = null
  #session: Session | null = null
  #connection = new AbortController()
  #isBroken = false
  #progressAt = Number.NEGATIVE_INFINITY
  #trashChanges = 0

  private constructor(target: Target, out: DiskOutput, seams: DiskSeams) {
    this.#target = target
    this.#out = out
    this.#retry = new DiskRetry(seams.delay, (failure) => this.#failing(failure))
    this.#problems = new Problems(out.event)
    this.#durability = new Durability({
      confined: target.confined,
      borders: () => target.untouchable.borders,
      schedule: (ms, act) => this.#after(ms, act),
      synced: (position) => {
        if (!target.ledger.recordDurable(position)) return
        this.#tell({ type: 'durable', sequence: position.sequence })
        out.event({ type: 'durable', sequence: position.sequence })
      },
      failed: (message) => this.#log('error', 'what was committed could not be synced to disk', { error: message }),
    })
  }

  /**
   * Takes the root over: locks it, finishes what a killed process was in the middle of, cleans up.
   * @throws Failure with one line for the operator
   */
  static async open(options: DiskOptions, out: DiskOutput, seams: DiskSeams = { delay: pause }): Promise<RootDisk> {
    const log = (level: 'info' | 'warn', message: string, details: Record<string, unknown>) =>
      out.event({ type: 'log', level, message, details })
    const target = await openTarget({ ...options, ...seams, now: Date.now, log })
    const disk = new RootDisk(target, out, seams)
    disk.#purge()
    await disk.#recover()
    // What a process that was killed had committed may not be synced yet, and it took along what it knew of that.
    const { position } = target.ledger
    if (position !== null) disk.#durability.committedMuch(position)
    out.event({ type: 'phase', phase: 'idle' })
    return disk
  }

  /** Begins a connection. @throws RootGone when the path does not lead to the root that was opened any more */
  hello(): Pick<Hello, 'epoch' | 'term' | 'sequence' | 'durable' | 'target' | 'partials'> {
    const { ledger, partials } = this.#target
    if (!this.#target.isInPlace()) throw new RootGone(`${this.#target.path} is not the directory that was opened`)
    this.#target.doubtPosition()
    const { epoch, term, sequence } = ledger.position ?? { epoch: null, term: null, sequence: 0 }
    const target = this.#target.isEmpty() ? 'empty' : 'populated'
    this.#begin({ epoch, sequence, target }, ledger.durableSequence)
    return { epoch, term, sequence, durable: ledger.durableSequence, target, partials: partials.offered(epoch) }
  }

  /** A text frame from the agent; it is decoded in its turn. */
  receiveText(frame: Uint8Array): void {
    this.#enqueue((session) => session.text(frame))
  }

  /** A binary frame from the agent; its memory is this object's from now on. */
  receiveBytes(frame: Uint8Array): void {
    this.#enqueue((session) => session.bytes(frame))
  }

  disconnected(): void {
    const ended = this.#session
    if (ended === null) return
    this.#session = null
    this.#connection.abort()
    this.#queue = this.#queue.filter((item) => item.session !== ended)
    this.#out.event({ type: 'phase', phase: 'idle' })
    this.#add({ session: null, work: () => ended.end() })
  }

  /** Finishes what is in flight and syncs it; what waits in the queue is dropped, and may come again. */
  async close(): Promise<void> {
    this.disconnected()
    this.#closing.abort()
    if (this.#running !== null) await this.#running
    for (const timer of this.#timers) clearTimeout(timer)
    const isClean = (await this.#durability.flush()) && !this.#target.ledger.hasIntent
    await this.#target.close(isClean)
  }

  #begin(greeting: Greeting, durable: number): void {
    this.disconnected()
    this.#connection = new AbortController()
    this.#isBroken = false
    const ours = new Session(
      {
        target: this.#target,
        durability: this.#durability,
        problems: this.#problems,
        steps: this.#steps,
        now: () => performance.now(),
        send: (message) => {
          if (this.#session === ours) this.#out.send(message)
        },
        welcomed: () => this.#catchUp(durable),
        event: (event) => this.#event(event),
        later: (ms, act) =>
          this.#after(ms, () => {
            if (this.#session === ours) this.#enqueue(act)
          }),
        soon: (act) => {
          // Lets the thread hear what has come in.
          setImmediate(() => {
            if (this.#session === ours) this.#enqueue(act)
          })
        },
      },
      greeting,
    )
    this.#session = ours
  }

  #enqueue(work: (session: Session) => Promise<void> | void): void {
    const session = this.#session
    if (session === null || this.#isBroken) return
    this.#add({ session, work: () => work(session) })
  }

  #add(item: Item): void {
    this.#queue.push(item)
    this.#run()
  }

  #run(): void {
    this.#running ??= this.#workOff().then(() => {
      this.#running = null
      // What was queued while the last item ended.
      if (this.#queue.length > 0) this.#run()
    })
  }

  async #workOff(): Promise<void> {
    for (let item = this.#queue.shift(); item !== undefined; item = this.#queue.shift()) {
      const { session, work } = item
      try {
        if (session === null || (session === this.#session && !this.#isBroken)) await work()
      } catch (error) {
        if (error instanceof ProtocolError) this.#breakOff(error, session)
        else if (!(error instanceof Dropped)) throw error
      }
      this.#tellTrash()
    }
  }

  /** When it holds other things than before. */
  #tellTrash(): void {
    const { trash } = this.#target
    if (trash.changes === this.#trashChanges) return
    this.#trashChanges = trash.changes
    this.#emptyTrash()
  }

  #breakOff(error: ProtocolError, session: Session | null): void {
    if (session !== this.#session) return
    this.#isBroken = true
    this.#out.event({ type: 'broken', error: { code: error.code, message: error.message } })
  }

  readonly #steps: DiskSteps = {
    untilDone: (step) => this.#retry.run(step, [this.#closing.signal]),
    whileConnected: (step) => this.#retry.run(step, [this.#connection.signal, this.#closing.signal]),
  }

  #failing(failure: DiskFailure | null): void {
    this.#out.event({ type: 'failing', error: failure === null ? null : { ...failure, path: null } })
    this.#tell({ type: 'failing', error: failure })
  }

  #tell(message: ToAgent): void {
    if (this.#session?.isWelcome === true) this.#out.send(message)
  }

  /** Says what could not be said between hello and welcome. */
  #catchUp(durable: number): void {
    const { durableSequence } = this.#target.ledger
    if (durableSequence > durable) this.#tell({ type: 'durable', sequence: durableSequence })
    const { failure } = this.#retry
    if (failure !== null) this.#tell({ type: 'failing', error: failure })
  }

  /** At once when the disk allows, else as the first thing in the queue. */
  async #recover(): Promise<void> {
    const finish = async (steps: DiskSteps) => {
      const outcome = await recover(this.#target, steps)
      if (outcome === null) return
      this.#log('info', 'finished a commit that was interrupted', {})
      reportProblems(outcome, this.#problems, this.#out.event)
      for (const touched of this.#target.hooks.of(outcome.changes)) this.#out.event({ type: 'touched', ...touched })
      const { position } = this.#target.ledger
      if (position !== null) this.#durability.committedMuch(position)
    }
    try {
      await finish({ untilDone: async (step) => step(), whileConnected: async (step) => step() })
    } catch (error) {
      if (!isOperatingError(error)) throw error
      this.#add({ session: null, work: () => finish(this.#steps) })
    }
  }

  #purge(): void {
    this.#emptyTrash()
    this.#after(PURGE_MS, () => this.#add({ session: null, work: () => this.#purge() }))
  }

  #emptyTrash(): void {
    const { trash } = this.#target
    try {
      const batches = trash.purge()
      if (batches > 0) this.#log('info', 'emptied the trash', { batches })
      this.#out.event({ type: 'trash', status: trash.status })
    } catch (error) {
      if (!isOperatingError(error)) throw error
      this.#log('warn', 'the trash could not be emptied', { error: plainMessage(error) })
    }
  }

  #event(event: DiskEvent): void {
    if (event.type === 'progress') {
      const now = performance.now()
      if (now - this.#progressAt < PROGRESS_MS) return
      this.#progressAt = now
    }
    this.#out.event(event)
  }

  #after(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      act()
    }, ms)
    timer.unref()
    this.#timers.add(timer)
  }

  #log(level: 'info' | 'warn' | 'error', message: string, details: Record<string, unknown>): void {
    this.#out.event({ type: 'log', level, message, details })
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal })
}
