/**
 * What all sessions of a root share: plans and packed segments, so that a change is packed once for all receivers.
 *
 * Sessions at the same cursor get the same plan and the same bytes of its segments, as long as those are in the cache.
 * A session that lags behind the cache has its segments packed again, at its own pace. So memory depends on the cache's
 * bound and not on how many receivers lag. A session with few changes to come does not wait for one with many: live
 * work has a queue of its own, and the thread does all work in short turns.
 */

import type { Want } from '@rootferry/protocol'
import PQueue from 'p-queue'
import { BOUNDS } from '../../bounds.ts'
import type { PackedOvertake, PackedSegment, PlanSummary, RootRequests } from '../../root-messages.ts'
import type { RootThread } from '../root-thread.ts'
import { type OvertakeOrder, SharedOvertakes } from './shared-overtakes.ts'

/**
 * Requests of one kind that the root's thread works on at once: one is packed and one waits, so that the thread never
 * idles.
 */
const CONCURRENCY = 2

/** Nothing else holds up a round: answers that wait for a release fill their queue. */
export type Urgency = 'live' | 'bulk' | 'round'

export type PlanOrder = RootRequests['plan']['takes']

interface SharedPlan {
  key: string
  summary: Promise<PlanSummary>
  /** Null until it is asked for. */
  laidOut: Promise<PlanSummary> | null
  users: number
}

interface SharedSegment {
  packed: Promise<PackedSegment>
  bytes: number
  /** Sessions that are sending the segment, or about to. */
  leases: number
  isCached: boolean
}

/** A segment that a session may send until it releases the lease, once. */
export interface SegmentLease extends PackedSegment {
  release(): void
}

export class Hub {
  readonly #root: Pick<RootThread, 'ask' | 'tell'>
  readonly #queues: Record<Urgency, PQueue> = {
    live: new PQueue({ concurrency: CONCURRENCY }),
    bulk: new PQueue({ concurrency: CONCURRENCY }),
    round: new PQueue({ concurrency: CONCURRENCY }),
  }
  /** Reading a large file takes long. */
  readonly #layouts = new PQueue({ concurrency: CONCURRENCY })
  /** By order: the plan that begins there, for sessions that come to it now. */
  readonly #plans = new Map<string, SharedPlan>()
  /** By id: every shared plan that has sessions. */
  readonly #joined = new Map<number, SharedPlan>()
  /** By plan, position and encoding; least recently used first. */
  readonly #segments = new Map<string, SharedSegment>()
  #cachedBytes = 0
  #packedBytes = 0
  readonly #overtakes: SharedOvertakes

  constructor(root: Pick<RootThread, 'ask' | 'tell'>) {
    this.#root = root
    this.#overtakes = new SharedOvertakes((order) => this.#enqueue('live', () => this.#root.ask('overtake', order)))
  }

  /** Bytes packed so far: does not grow with the number of receivers. */
  get packedBytes(): number {
    return this.#packedBytes
  }

  /** A plan, shared with every session that orders the same. Return it with `leave`. */
  async join(order: PlanOrder, urgency: Urgency): Promise<PlanSummary> {
    const { base, from, whole, to, isRest, isFrail, shown, limit } = order
    const key = [base, from, whole, to, isRest, isFrail, shown, limit].join('/')
    let shared = this.#plans.get(key)
    if (shared === undefined) {
      shared = { key, summary: this.#enqueue(urgency, () => this.#root.ask('plan', order)), laidOut: null, users: 0 }
      this.#plans.set(key, shared)
      const made = shared
      shared.summary.catch(() => {
        if (this.#plans.get(key) === made) this.#plans.delete(key)
      })
    }
    shared.users += 1
    const summary = await shared.summary
    this.#joined.set(summary.id, shared)
    return summary
  }

  /** A plan that was joined, as it is sent. Others are not held up while its files are read. */
  layOut(plan: PlanSummary): Promise<PlanSummary> {
    const shared = this.#joined.get(plan.id)
    if (plan.isLaidOut || shared === undefined) return Promise.resolve(plan)
    shared.laidOut ??= this.#layouts.add(() => this.#root.ask('lay-out', { plan: plan.id }))
    return shared.laidOut
  }

  /** The last session to leave drops the plan: a later session at this cursor gets a plan of its own time. */
  leave(plan: PlanSummary): void {
    const shared = this.#joined.get(plan.id)
    if (shared === undefined) return
    shared.users -= 1
    if (shared.users > 0) return
    this.#joined.delete(plan.id)
    if (this.#plans.get(shared.key) === shared) this.#plans.delete(shared.key)
    this.#release(plan.id)
  }

  /** What goes ahead of that plan, which is under way; null: nothing now. */
  overtake(order: OvertakeOrder): Promise<PackedOvertake | null> {
    return this.#overtakes.ask(order)
  }

  /** A plan for one session alone, for a want. Return it with `dismiss`. */
  repair(request: number, paths: Want['paths']): Promise<PlanSummary> {
    return this.#enqueue('bulk', () => this.#root.ask('repair', { request, paths }))
  }

  dismiss(plan: PlanSummary): void {
    this.#release(plan.id)
  }

  /** The segment's memory goes back when it has left the cache and has no lease. */
  async segment(plan: PlanSummary, position: number, compress: boolean, urgency: Urgency): Promise<SegmentLease> {
    const key = `${plan.id}/${position}/${compress}`
    const shared = this.#segments.get(key) ?? this.#pack(key, plan.id, position, compress, urgency)
    this.#segments.delete(key)
    this.#segments.set(key, shared)
    shared.leases += 1
    const packed = await shared.packed
    const release = () => {
      shared.leases -= 1
      if (shared.leases === 0 && !shared.isCached) this.#recycle(packed)
    }
    return { ...packed, release }
  }

  #pack(key: string, plan: number, segment: number, compress: boolean, urgency: Urgency): SharedSegment {
    const packed = this.#enqueue(urgency, () => this.#root.ask('pack', { plan, segment, compress }))
    const shared: SharedSegment = { packed, bytes: 0, leases: 0, isCached: true }
    packed.then(
      ({ payload, isAsPlanned }) => {
        // Earlier plans may rely on content that this segment does not bring: only their present sessions keep them.
        if (!isAsPlanned) this.#plans.clear()
        this.#account(shared, payload.byteLength)
      },
      () => this.#segments.delete(key),
    )
    return shared
  }

  #account(shared: SharedSegment, bytes: number): void {
    this.#packedBytes += bytes
    shared.bytes = bytes
    if (!shared.isCached) return
    this.#cachedBytes += bytes
    for (const [oldest, segment] of this.#segments) {
      if (this.#cachedBytes <= BOUNDS.segmentCacheBytes) return
      this.#evict(oldest, segment)
    }
  }

  #evict(key: string, shared: SharedSegment): void {
    this.#segments.delete(key)
    this.#cachedBytes -= shared.bytes
    shared.isCached = false
    if (shared.leases > 0) return
    // A segment that is still being packed has a lease, or its last lease has just ended: its promise is settled.
    void shared.packed.then((packed) => this.#recycle(packed), ignore)
  }

  #recycle({ payload }: PackedSegment): void {
    if (payload.byteLength > 0) this.#root.tell({ type: 'recycle', memory: payload.buffer })
  }

  #release(plan: number): void {
    this.#root.tell({ type: 'release', plan })
    for (const [key, shared] of this.#segments) if (key.startsWith(`${plan}/`)) this.#evict(key, shared)
  }

  #enqueue<Result>(urgency: Urgency, work: () => Promise<Result>): Promise<Result> {
    return this.#queues[urgency].add(work)
  }
}

/** The holder of a lease has received the failure. */
function ignore(): void {
  return
}
