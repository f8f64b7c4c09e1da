/**
 * What all sessions of a root share: plans and packed segments, so that a change is packed once for everybody.
 *
 * Sessions at the same cursor get the same plan, and the same bytes of its segments, as long as those are in the cache;
 * one that lags behind the cache has its segments packed again, at its own pace. So memory depends on CACHE_BYTES and
 * not on how many receivers lag. The queue lets live sessions go ahead of bulk work.
 */
import PQueue from 'p-queue'
import type { RootThread } from '../root-thread.ts'
import type { PackedSegment, PlanSummary } from './packer.ts'

/** Segments that other sessions may ask for in a moment. */
const CACHE_BYTES = 48 * 1024 * 1024
/** Requests the root's thread works on at once: one packing, one waiting, so that it never idles. */
const CONCURRENCY = 2

export type Urgency = 'live' | 'bulk'
const PRIORITY: Record<Urgency, number> = { live: 1, bulk: 0 }

interface SharedPlan {
  summary: Promise<PlanSummary>
  users: number
}

interface CachedSegment {
  packed: Promise<PackedSegment>
  bytes: number
}

export class Hub {
  readonly #root: RootThread
  readonly #queue = new PQueue({ concurrency: CONCURRENCY })
  /** By cursor: the plan that leads on from there. */
  readonly #plans = new Map<number, SharedPlan>()
  /** By plan, position and encoding; least recently used first. */
  readonly #segments = new Map<string, CachedSegment>()
  #cachedBytes = 0
  #packedBytes = 0

  constructor(root: RootThread) {
    this.#root = root
  }

  /** Bytes packed so far: does not grow with the number of receivers. */
  get packedBytes(): number {
    return this.#packedBytes
  }

  /** A plan from `cursor` on, shared with every session there. Return it with `leave`. */
  async join(cursor: number, urgency: Urgency): Promise<PlanSummary> {
    let shared = this.#plans.get(cursor)
    if (shared === undefined) {
      shared = { summary: this.#enqueue(urgency, () => this.#root.ask('plan', { from: cursor })), users: 0 }
      this.#plans.set(cursor, shared)
      shared.summary.catch(() => this.#plans.delete(cursor))
    }
    shared.users += 1
    return await shared.summary
  }

  /** The last one to leave drops the plan: whoever comes later to this cursor gets the truth of then. */
  leave(plan: PlanSummary): void {
    const shared = this.#plans.get(plan.from)
    if (shared === undefined) return
    shared.users -= 1
    if (shared.users > 0) return
    this.#plans.delete(plan.from)
    this.#release(plan.id)
  }

  /** A plan of one session's own, for a want. Return it with `dismiss`. */
  repair(request: number, paths: string[]): Promise<PlanSummary> {
    return this.#enqueue('bulk', () => this.#root.ask('repair', { request, paths }))
  }

  dismiss(plan: PlanSummary): void {
    this.#release(plan.id)
  }

  segment(plan: PlanSummary, position: number, compress: boolean, urgency: Urgency): Promise<PackedSegment> {
    const key = `${plan.id}/${position}/${compress}`
    const cached = this.#segments.get(key)
    if (cached !== undefined) {
      this.#segments.delete(key)
      this.#segments.set(key, cached)
      return cached.packed
    }
    const packed = this.#enqueue(urgency, () => this.#root.ask('pack', { plan: plan.id, segment: position, compress }))
    const entry: CachedSegment = { packed, bytes: 0 }
    this.#segments.set(key, entry)
    packed.then(
      ({ payload }) => this.#account(key, entry, payload.byteLength),
      () => this.#segments.delete(key),
    )
    return packed
  }

  #account(key: string, entry: CachedSegment, bytes: number): void {
    this.#packedBytes += bytes
    if (this.#segments.get(key) !== entry) return
    entry.bytes = bytes
    this.#cachedBytes += bytes
    for (const [oldest, { bytes: freed }] of this.#segments) {
      if (this.#cachedBytes <= CACHE_BYTES) return
      this.#segments.delete(oldest)
      this.#cachedBytes -= freed
    }
  }

  #release(plan: number): void {
    this.#root.tell({ type: 'release', plan })
    for (const [key, { bytes }] of this.#segments) {
      if (!key.startsWith(`${plan}/`)) continue
      this.#segments.delete(key)
      this.#cachedBytes -= bytes
    }
  }

  #enqueue<Result>(urgency: Urgency, work: () => Promise<Result>): Promise<Result> {
    return this.#queue.add(work, { priority: PRIORITY[urgency] })
  }
}
