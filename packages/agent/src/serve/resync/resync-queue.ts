/**
 * The resyncs of one root: which job waits for which receiver, and which is running where.
 *
 *   waiting ──receiver live, nothing else running──▶ comparing ──last report──▶ ending ──committed what ──▶ over
 *      ▲                                                 │                         │   the scan found
 *      └─────────────────connection ended────────────────┴─────────────────────────┘
 *
 * The agent scans its own tree while receivers compare: receivers compare with the index as it was when they were told
 * to, and whatever the scan finds is a change that reaches them like any other. So a resync is over when comparison and
 * scan are over, and the receiver has committed what the scan has found. Jobs of a tree that may not be listed yet wait
 * for the scan. A receiver runs one job at a time, in the order in which they were requested. INVARIANT: a job that is
 * over neither waits nor runs; a cancelled job keeps its receiver busy until the receiver has confirmed the end.
 */
import { errorMessage } from '@rootferry/host/machine'
import type { ResyncProgress } from '@rootferry/protocol'
import { isOver, noFigures, type ResyncJob, type ResyncOrder } from './resync-job.ts'

/** A receiver's connection, as far as resyncs need it. */
export interface ResyncLine {
  /** Whether a resync may begin now. */
  readonly isResyncFree: boolean
  readonly committed: number
  startResync(id: number, order: ResyncOrder): void
  cancelResync(id: number): void
}

/**
 * The agent's scan of its tree for a group of jobs; `head` is the head that the index reached by it, null until it is
 * over.
 */
interface Look {
  head: number | null
  /** The jobs must wait for the scan. */
  goesFirst: boolean
}

interface Waiting {
  job: ResyncJob
  look: Look
}

interface Running extends Waiting {
  id: number
  line: ResyncLine
  /** The last state that the receiver reported. */
  outcome: Exclude<ResyncProgress['state'], 'running'> | null
}

export interface ResyncQueueParts {
  /** The receiver's connection, if it has one; one that can be asked for is. */
  lineTo(receiver: string): ResyncLine | undefined
  /** The numbers of a job have changed. */
  changed(job: ResyncJob): void
}

export class ResyncQueue {
  /** By receiver, in order. */
  readonly #waiting = new Map<string, Waiting[]>()
  readonly #running = new Map<string, Running>()
  readonly #parts: ResyncQueueParts
  #ids = 0

  constructor(parts: ResyncQueueParts) {
    this.#parts = parts
  }

  /**
   * @param looked resolves with the head when the index equals the disk; when it rejects, the jobs fail
   * @param goesFirst whether the jobs wait for that
   */
  enqueue(jobs: readonly ResyncJob[], looked: Promise<{ head: number }>, goesFirst: boolean): void {
    const look: Look = { head: null, goesFirst }
    for (const job of jobs) {
      this.#waiting.set(job.receiver, [...(this.#waiting.get(job.receiver) ?? []), { job, look }])
    }
    looked.then(
      ({ head }) => {
        look.head = head
        for (const { receiver } of jobs) this.pump(receiver)
      },
      (error: unknown) => {
        for (const job of jobs) this.#end(job, 'failed', errorMessage(error))
      },
    )
    for (const { receiver } of jobs) this.pump(receiver)
  }

  /**
   * Ends the jobs that have ended, and begins the next one if it can begin. Call it whenever that may have become
   * possible.
   */
  pump(receiver: string): void {
    this.#conclude(receiver)
    const waiting = this.#waiting.get(receiver)
    const next = waiting?.[0]
    if (next === undefined || this.#running.has(receiver)) return
    if (next.look.goesFirst && next.look.head === null) return
    const line = this.#parts.lineTo(receiver)
    if (line?.isResyncFree !== true) return
    waiting?.shift()
    const { job } = next
    this.#ids += 1
    this.#running.set(receiver, { ...next, id: this.#ids, line, outcome: null })
    job.figures = { ...noFigures(), state: 'running' }
    line.startResync(this.#ids, job.order)
    this.#parts.changed(job)
  }

  progress(receiver: string, report: ResyncProgress): void {
    const running = this.#running.get(receiver)
    if (running?.id !== report.id) return
    const { job } = running
    const { type: _, id: __, state, differences, ...counts } = report
    const known = job.figures.differences
    job.figures = { ...job.figures, ...counts, differences: [...known, ...differences].slice(0, job.mostDifferences) }
    if (state !== 'running') running.outcome = state
    this.#parts.changed(job)
    this.pump(receiver)
  }

  #conclude(receiver: string): void {
    const running = this.#running.get(receiver)
    if (running === undefined || running.outcome === null) return
    const { job, look, line, outcome } = running
    const isAwaited = !isOver(job) && outcome !== 'cancelled'
    if (isAwaited && (look.head === null || line.committed < look.head)) return
    this.#running.delete(receiver)
    if (isOver(job)) return
    job.figures = { ...job.figures, state: outcome }
    this.#parts.changed(job)
  }

  /** The connection is gone: its running job begins anew on the next connection. */
  ended(receiver: string, line: ResyncLine): void {
    const running = this.#running.get(receiver)
    if (running?.line !== line) return
    this.#running.delete(receiver)
    const { job, look } = running
    if (isOver(job)) return
    job.figures = noFigures()
    this.#waiting.set(receiver, [{ job, look }, ...(this.#waiting.get(receiver) ?? [])])
    this.#parts.changed(job)
    this.pump(receiver)
  }

  cancel(job: ResyncJob): void {
    this.#end(job, 'cancelled', null)
  }

  /** The receiver will not come again. */
  forget(receiver: string): void {
    const jobs = (this.#waiting.get(receiver) ?? []).map(({ job }) => job)
    const running = this.#running.get(receiver)
    this.#running.delete(receiver)
    if (running !== undefined) jobs.push(running.job)
    for (const job of jobs) this.#finish(job, 'failed', 'the token of this receiver was revoked')
  }

  /** No job will run any more. */
  abandon(why: string): void {
    const jobs = [...this.#waiting.values()].flatMap((waiting) => waiting.map(({ job }) => job))
    jobs.push(...[...this.#running.values()].map(({ job }) => job))
    for (const job of jobs) this.#finish(job, 'failed', why)
  }

  /** Ends a job early: a receiver that is running it is told to cancel. */
  #end(job: ResyncJob, state: 'failed' | 'cancelled', error: string | null): void {
    const running = this.#running.get(job.receiver)
    if (running?.job === job && running.outcome === null) running.line.cancelResync(running.id)
    this.#finish(job, state, error)
  }

  #finish(job: ResyncJob, state: 'failed' | 'cancelled', error: string | null): void {
    const left = this.#waiting.get(job.receiver)?.filter((waiting) => waiting.job !== job) ?? []
    if (left.length === 0) this.#waiting.delete(job.receiver)
    else this.#waiting.set(job.receiver, left)
    if (isOver(job)) return
    job.figures = { ...job.figures, state, error }
    this.#parts.changed(job)
    this.pump(job.receiver)
  }
}
