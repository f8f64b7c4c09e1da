/**
 * The resyncs of one root: which wait for which receiver, and which is under way where.
 *
 *   waiting ──prepared, receiver live, nothing else under way──▶ running ──last report──▶ over
 *      ▲────────────────────connection ended─────────────────────────┘
 *
 * A receiver runs one at a time, in the order in which they were asked for. INVARIANT: a job that is over is in neither
 * place; one that was cancelled keeps its receiver busy until that has said so.
 */
import type { ResyncOrder, ResyncProgress } from '@rootferry/protocol'
import { isOver, MOST_DIFFERENCES, noFigures, type ResyncJob } from './resync-job.ts'

/** A receiver's connection, as far as resyncs are concerned. */
export interface ResyncLine {
  /** Whether a resync may begin now. */
  readonly isResyncFree: boolean
  startResync(order: ResyncOrder): void
  cancelResync(id: number): void
}

interface Waiting {
  job: ResyncJob
  isPrepared: boolean
}

interface Running {
  job: ResyncJob
  id: number
  line: ResyncLine
}

export class ResyncQueue {
  /** By receiver, in order. */
  readonly #waiting = new Map<string, Waiting[]>()
  readonly #running = new Map<string, Running>()
  readonly #lineOf: (receiver: string) => ResyncLine | undefined
  #ids = 0

  /** @param lineOf the receiver's connection, if it has one */
  constructor(lineOf: (receiver: string) => ResyncLine | undefined) {
    this.#lineOf = lineOf
  }

  /** @param prepared resolves when the index is what is on disk; when it rejects, so fail the jobs */
  add(jobs: readonly ResyncJob[], prepared: Promise<unknown>): void {
    const added = jobs.map((job): Waiting => ({ job, isPrepared: false }))
    for (const waiting of added) {
      const { receiver } = waiting.job
      this.#waiting.set(receiver, [...(this.#waiting.get(receiver) ?? []), waiting])
    }
    prepared.then(
      () => {
        for (const waiting of added) waiting.isPrepared = true
        for (const { receiver } of jobs) this.pump(receiver)
      },
      (error: unknown) => {
        for (const { job } of added) this.#finish(job, 'failed', error instanceof Error ? error.message : String(error))
      },
    )
  }

  /** Begins what can begin. To be called whenever that may have become possible. */
  pump(receiver: string): void {
    const waiting = this.#waiting.get(receiver)
    const next = waiting?.[0]
    const line = this.#lineOf(receiver)
    if (next === undefined || !next.isPrepared || line?.isResyncFree !== true) return
    waiting?.shift()
    const { job } = next
    const { paths, check, dryRun } = job.order
    this.#ids += 1
    this.#running.set(receiver, { job, id: this.#ids, line })
    job.figures = { ...noFigures(), state: 'running' }
    line.startResync({ type: 'resync', id: this.#ids, within: paths, check, dryRun })
    job.onChange()
  }

  progress(receiver: string, report: ResyncProgress): void {
    const running = this.#running.get(receiver)
    if (running?.id !== report.id) return
    const { job } = running
    const { type: _, id: __, state, differences, ...counts } = report
    const known = job.figures.differences
    job.figures = {
      ...job.figures,
      ...counts,
      state: isOver(job) ? job.figures.state : state,
      differences: [...known, ...differences].slice(0, MOST_DIFFERENCES),
    }
    if (state !== 'running') this.#running.delete(receiver)
    job.onChange()
    this.pump(receiver)
  }

  /** The connection is gone: what ran on it begins anew on the next one. */
  ended(receiver: string, line: ResyncLine): void {
    const running = this.#running.get(receiver)
    if (running?.line !== line) return
    this.#running.delete(receiver)
    const { job } = running
    if (isOver(job)) return
    job.figures = noFigures()
    this.#waiting.set(receiver, [{ job, isPrepared: true }, ...(this.#waiting.get(receiver) ?? [])])
    job.onChange()
    this.pump(receiver)
  }

  cancel(job: ResyncJob): void {
    const running = this.#running.get(job.receiver)
    if (running?.job === job) running.line.cancelResync(running.id)
    this.#finish(job, 'cancelled', null)
  }

  /** The receiver will not come again. */
  forget(receiver: string): void {
    const jobs = (this.#waiting.get(receiver) ?? []).map(({ job }) => job)
    const running = this.#running.get(receiver)
    this.#running.delete(receiver)
    if (running !== undefined) jobs.push(running.job)
    for (const job of jobs) this.#finish(job, 'failed', 'the token of this receiver was revoked')
  }

  /** None of them will run any more. */
  abandon(why: string): void {
    const jobs = [...this.#waiting.values()].flatMap((waiting) => waiting.map(({ job }) => job))
    jobs.push(...[...this.#running.values()].map(({ job }) => job))
    for (const job of jobs) this.#finish(job, 'failed', why)
  }

  #finish(job: ResyncJob, state: 'failed' | 'cancelled', error: string | null): void {
    const left = this.#waiting.get(job.receiver)?.filter((waiting) => waiting.job !== job) ?? []
    if (left.length === 0) this.#waiting.delete(job.receiver)
    else this.#waiting.set(job.receiver, left)
    if (isOver(job)) return
    job.figures = { ...job.figures, state, error }
    job.onChange()
    this.pump(job.receiver)
  }
}
