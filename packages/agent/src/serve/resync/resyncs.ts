/**
 * The full resyncs that operators ordered: what each covers, its progress, and its findings.
 *
 * A resync is one job for each root and receiver that it covers; the jobs run by themselves (see `resync-queue.ts`),
 * and this file adds their numbers up. Numbers live in memory; the roots keep the unfinished orders, which begin anew
 * when the agent is restarted. INVARIANT: at most MOST_REMEMBERED resyncs are known; the oldest that is over goes
 * first, and when none is over, the oldest is cancelled.
 */
import type { ResyncStatus, ResyncSummary } from '../schemas/resyncs.ts'
import { KeptDifferences, shareOf } from './kept-differences.ts'
import type { KeptResync } from './kept-resyncs.ts'
import { isOver, noFigures, type ResyncJob } from './resync-job.ts'
import { coverageOf, type Grants, orderOf, type ResyncRequest, rootsOf } from './resync-request.ts'
import { type Resync, statusOf, summaryOf } from './resync-status.ts'

/** A root as resyncs see it. */
export interface ResyncRoot {
  /** Whether the receiver ever connected. */
  knows(receiver: string): boolean
  /** Runs the jobs, which differ in their receiver only, as soon as their receivers can. */
  resync(jobs: readonly ResyncJob[]): void
  cancelResync(job: ResyncJob): void
  /** The unfinished orders of this root, oldest first; the next life of the agent gets them back. */
  keepResyncs(kept: readonly KeptResync[]): void
  readonly keptResyncs: readonly KeptResync[]
}

export interface ResyncsParts extends Grants {
  roots: ReadonlyMap<string, ResyncRoot>
  now(): Date
  newId(): string
  /** A status has changed. */
  changed(status: ResyncStatus): void
}

export const MOST_REMEMBERED = 100

export class Resyncs {
  readonly #parts: ResyncsParts
  /** Oldest first. */
  readonly #resyncs = new Map<string, Resync>()
  readonly #differences = new KeptDifferences()
  #isClosing = false

  constructor(parts: ResyncsParts) {
    this.#parts = parts
  }

  /** @throws ResyncRefused */
  create(request: ResyncRequest): ResyncStatus {
    const order = orderOf(request)
    const roots = rootsOf(request, this.#parts.roots)
    const coverage = coverageOf(request, roots, this.#parts)
    const [only = null, ...others] = roots.keys()
    const root = others.length === 0 ? only : null
    const resync = newResync({ id: this.#parts.newId(), root, order, createdAt: this.#parts.now() })
    const mostDifferences = shareOf(coverage.length)
    resync.jobs = coverage.map((job) => ({ ...job, resync: resync.id, order, mostDifferences, figures: noFigures() }))
    this.#remember(resync)
    for (const [name, each] of roots) each.resync(resync.jobs.filter((job) => job.root === name))
    this.#changed(resync)
    return statusOf(resync)
  }

  /**
   * Begins the unfinished resyncs of an earlier life of the agent anew; receivers whose token is gone are left out.
   * @returns ids
   */
  resume(): string[] {
    const known = this.#parts.receivers()
    const left = [...this.#parts.roots].flatMap(([root, { keptResyncs }]) =>
      keptResyncs.map((kept) => ({ root, kept })),
    )
    left.sort((one, other) => one.kept.createdAt.localeCompare(other.kept.createdAt))
    for (const { root, kept } of left) {
      const receivers = kept.receivers.filter((name) => known.includes(name))
      if (receivers.length > 0) this.#resumeIn(root, { ...kept, receivers })
    }
    for (const root of this.#parts.roots.keys()) this.#keep(root)
    return [...this.#resyncs.keys()]
  }

  /** A job of one of the resyncs has new numbers. */
  jobChanged(job: ResyncJob): void {
    const resync = this.#resyncs.get(job.resync)
    if (resync === undefined) return
    this.#differences.weigh(job)
    this.#changed(resync)
  }

  /** From now on, jobs end because the agent ends, and must continue in its next life. */
  close(): void {
    this.#isClosing = true
  }

  /** Newest first, without the paths that differ. */
  list(): ResyncSummary[] {
    return [...this.#resyncs.values()].reverse().map((resync) => summaryOf(statusOf(resync)))
  }

  get(id: string): ResyncStatus | null {
    const resync = this.#resyncs.get(id)
    return resync === undefined ? null : statusOf(resync)
  }

  /** Repairs that were made stay. @returns null for an unknown id; a resync that is over stays as it is */
  cancel(id: string): ResyncStatus | null {
    const resync = this.#resyncs.get(id)
    if (resync === undefined) return null
    this.#cancel(resync)
    return statusOf(resync)
  }

  #resumeIn(root: string, { id, isOfSeveral, createdAt, receivers, ...order }: KeptResync): void {
    const known = this.#resyncs.get(id)
    const resync = known ?? newResync({ id, root: isOfSeveral ? null : root, order, createdAt: new Date(createdAt) })
    const mostDifferences = shareOf(receivers.length)
    const jobs = receivers.map((receiver) => {
      return { resync: id, root, receiver, order, mostDifferences, figures: noFigures() }
    })
    resync.jobs.push(...jobs)
    if (known === undefined) this.#remember(resync)
    this.#parts.roots.get(root)?.resync(jobs)
    this.#changed(resync)
  }

  #cancel(resync: Resync): void {
    if (resync.finishedAt !== null) return
    resync.isCancelled = true
    for (const job of resync.jobs) if (!isOver(job)) this.#parts.roots.get(job.root)?.cancelResync(job)
  }

  #changed(resync: Resync): void {
    const unfinished = resync.jobs.filter((job) => !isOver(job)).length
    if (unfinished !== resync.kept) {
      resync.kept = unfinished
      for (const root of new Set(resync.jobs.map((job) => job.root))) this.#keep(root)
    }
    if (resync.finishedAt === null && unfinished === 0) resync.finishedAt = this.#parts.now()
    this.#parts.changed(statusOf(resync))
  }

  #keep(root: string): void {
    if (this.#isClosing) return
    const kept = [...this.#resyncs.values()].flatMap((resync): KeptResync[] => {
      const jobs = resync.jobs.filter((job) => job.root === root && !isOver(job))
      if (jobs.length === 0) return []
      const { id, order, createdAt } = resync
      const receivers = jobs.map(({ receiver }) => receiver)
      return [{ id, createdAt: createdAt.toISOString(), isOfSeveral: resync.root === null, ...order, receivers }]
    })
    this.#parts.roots.get(root)?.keepResyncs(kept)
  }

  #remember(resync: Resync): void {
    if (this.#resyncs.size >= MOST_REMEMBERED) {
      const known = [...this.#resyncs.values()]
      const leaves = known.find(({ finishedAt }) => finishedAt !== null) ?? known[0]
      if (leaves !== undefined) {
        this.#cancel(leaves)
        this.#resyncs.delete(leaves.id)
        this.#differences.forget(leaves.jobs)
      }
    }
    this.#resyncs.set(resync.id, resync)
  }
}

function newResync(given: Pick<Resync, 'id' | 'root' | 'order' | 'createdAt'>): Resync {
  return { ...given, finishedAt: null, isCancelled: false, jobs: [], kept: 0 }
}
