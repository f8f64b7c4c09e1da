/**
 * The full resyncs that operators ordered: what each covers, its progress, and its findings.
 *
 * A resync is one job for each root and receiver that it covers; the jobs run by themselves (see `resync-queue.ts`),
 * and this file adds their numbers up. Numbers live in memory; the roots keep the unfinished orders, which begin anew
 * when the agent is restarted. INVARIANT: at most MOST_REMEMBERED resyncs are known; the oldest that is over goes
 * first, and when none is over, the oldest is cancelled.
 */
import { isWithin, LIMITS, pathFault, ROOT_PATH } from '@rootferry/protocol'
import type { KeptOrder } from './kept-resyncs.ts'
import { isOver, named, noFigures, type ResyncJob, type ResyncScope, summed } from './resync-job.ts'

export interface ResyncRequest {
  /** null: every root. */
  root: string | null
  /** Empty: every receiver that ever connected. */
  receivers: string[]
  /** Entry paths; empty: the whole tree. */
  paths: string[]
  check: 'metadata' | 'content'
  dryRun: boolean
}

export interface Difference {
  path: string
  kind: 'missing' | 'changed' | 'extraneous'
  /** Set when the resync covers several roots. */
  root?: string
}

export interface ResyncReceiver {
  state: 'pending' | 'running' | 'done' | 'failed' | 'cancelled'
  checked: number
  missing: number
  changed: number
  extraneous: number
  repaired: number
  /** Bytes of content that was received. */
  bytes: number
  /** The first 1,000 differences. */
  differences: Difference[]
  error: string | null
}

export interface ResyncStatus {
  id: string
  /** null when it covers several. */
  root: string | null
  check: 'metadata' | 'content'
  dryRun: boolean
  state: 'running' | 'done' | 'failed' | 'cancelled'
  createdAt: string
  finishedAt: string | null
  receivers: Record<string, ResyncReceiver>
}

export type ResyncFault = 'unknown-root' | 'unknown-receiver' | 'invalid-path'

/** A request that cannot be carried out as it stands. */
export class ResyncRefused extends Error {
  readonly code: ResyncFault
  override name = 'ResyncRefused'

  constructor(code: ResyncFault, message: string) {
    super(message)
    this.code = code
  }
}

/** A root as resyncs see it. */
export interface ResyncRoot {
  /** Whether the receiver ever connected. */
  knows(receiver: string): boolean
  /** Runs the jobs, which differ in their receiver only, as soon as their receivers can. */
  resync(jobs: readonly ResyncJob[]): void
  cancelResync(job: ResyncJob): void
  /** The unfinished orders of this root, oldest first; the next life of the agent gets them back. */
  keepOrders(orders: readonly KeptOrder[]): void
  readonly keptOrders: readonly KeptOrder[]
}

export interface ResyncsParts {
  roots: ReadonlyMap<string, ResyncRoot>
  /** Names of all receivers that may connect. */
  receivers(): string[]
  /** Whether the receiver's token grants that root. */
  isGranted(receiver: string, root: string): boolean
  now(): Date
  newId(): string
}

export const MOST_REMEMBERED = 100

interface Resync {
  id: string
  root: string | null
  order: ResyncScope
  createdAt: Date
  finishedAt: Date | null
  isCancelled: boolean
  jobs: ResyncJob[]
  /** The number of unfinished jobs, which the roots keep. */
  kept: number
}

export class Resyncs {
  /** Called whenever a status has changed. */
  onChange: (status: ResyncStatus) => void = () => undefined
  readonly #parts: ResyncsParts
  /** Oldest first. */
  readonly #resyncs = new Map<string, Resync>()
  #isClosing = false

  constructor(parts: ResyncsParts) {
    this.#parts = parts
  }

  /** @throws ResyncRefused */
  create(request: ResyncRequest): ResyncStatus {
    const roots = this.#rootsOf(request)
    const receivers = this.#receiversOf(request, [...roots.keys()])
    const order = { paths: topmost(request.paths), check: request.check, dryRun: request.dryRun }
    const [only, ...others] = roots.keys()
    const resync: Resync = {
      id: this.#parts.newId(),
      root: others.length === 0 ? (only ?? null) : null,
      order,
      createdAt: this.#parts.now(),
      finishedAt: null,
      isCancelled: false,
      jobs: [],
      kept: 0,
    }
    const changed = () => this.#changed(resync)
    const isNamed = request.receivers.length > 0
    for (const name of roots.keys()) {
      for (const receiver of receivers) {
        if (!this.#parts.isGranted(receiver, name)) continue
        if (covers(roots, name, receiver, isNamed)) resync.jobs.push(newJob(name, receiver, order, changed))
      }
    }
    this.#remember(resync)
    for (const [name, root] of roots) root.resync(resync.jobs.filter((job) => job.root === name))
    this.#changed(resync)
    return statusOf(resync)
  }

  /**
   * Begins the unfinished resyncs of an earlier life of the agent anew; receivers whose token is gone are left out.
   * @returns ids
   */
  resume(): string[] {
    const known = this.#parts.receivers()
    const left = [...this.#parts.roots].flatMap(([root, { keptOrders }]) => keptOrders.map((kept) => ({ root, kept })))
    left.sort((one, other) => one.kept.createdAt.localeCompare(other.kept.createdAt))
    for (const { root, kept } of left) {
      const receivers = kept.receivers.filter((name) => known.includes(name))
      if (receivers.length > 0) this.#resumeIn(root, { ...kept, receivers })
    }
    for (const root of this.#parts.roots.keys()) this.#keep(root)
    return [...this.#resyncs.keys()]
  }

  #resumeIn(root: string, { id, isOfSeveral, createdAt, receivers, paths, check, dryRun }: KeptOrder): void {
    const order = { paths, check, dryRun }
    const resync = this.#resyncs.get(id) ?? {
      id,
      root: isOfSeveral ? null : root,
      order,
      createdAt: new Date(createdAt),
      finishedAt: null,
      isCancelled: false,
      jobs: [],
      kept: 0,
    }
    const jobs = receivers.map((receiver) => newJob(root, receiver, order, () => this.#changed(resync)))
    resync.jobs.push(...jobs)
    if (!this.#resyncs.has(id)) this.#remember(resync)
    this.#parts.roots.get(root)?.resync(jobs)
    this.#changed(resync)
  }

  /** From now on, jobs end because the agent ends, and must continue in its next life. */
  close(): void {
    this.#isClosing = true
  }

  /** Newest first. */
  list(): ResyncStatus[] {
    return [...this.#resyncs.values()].reverse().map(statusOf)
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
    if (resync.finishedAt === null && resync.jobs.every(isOver)) resync.finishedAt = this.#parts.now()
    this.onChange(statusOf(resync))
  }

  #keep(root: string): void {
    if (this.#isClosing) return
    const orders = [...this.#resyncs.values()].flatMap((resync): KeptOrder[] => {
      const jobs = resync.jobs.filter((job) => job.root === root && !isOver(job))
      if (jobs.length === 0) return []
      const { id, order, createdAt } = resync
      const receivers = jobs.map(({ receiver }) => receiver)
      return [{ id, createdAt: createdAt.toISOString(), isOfSeveral: resync.root === null, ...order, receivers }]
    })
    this.#parts.roots.get(root)?.keepOrders(orders)
  }

  #remember(resync: Resync): void {
    if (this.#resyncs.size >= MOST_REMEMBERED) {
      const kept = [...this.#resyncs.values()]
      const leaves = kept.find(({ finishedAt }) => finishedAt !== null) ?? kept[0]
      if (leaves !== undefined) {
        this.#cancel(leaves)
        this.#resyncs.delete(leaves.id)
      }
    }
    this.#resyncs.set(resync.id, resync)
  }

  #rootsOf({ root, paths }: ResyncRequest): ReadonlyMap<string, ResyncRoot> {
    if (paths.length > LIMITS.resyncPaths) {
      throw new ResyncRefused('invalid-path', `${paths.length} paths: ${LIMITS.resyncPaths} are accepted at the most`)
    }
    for (const path of paths) {
      const fault = pathFault(path)
      if (fault !== null) throw new ResyncRefused('invalid-path', `the path ${JSON.stringify(path)} ${fault}`)
    }
    if (root === null) return this.#parts.roots
    const found = this.#parts.roots.get(root)
    if (found === undefined) throw new ResyncRefused('unknown-root', `there is no root ${JSON.stringify(root)}`)
    return new Map([[root, found]])
  }

  #receiversOf({ receivers }: ResyncRequest, roots: readonly string[]): string[] {
    const known = this.#parts.receivers()
    const stranger = receivers.find((name) => !known.includes(name))
    if (stranger !== undefined) {
      throw new ResyncRefused('unknown-receiver', `there is no receiver ${JSON.stringify(stranger)}`)
    }
    const excluded = receivers.find((name) => !roots.some((root) => this.#parts.isGranted(name, root)))
    if (excluded !== undefined) {
      throw new ResyncRefused('unknown-receiver', `the token of ${JSON.stringify(excluded)} is not good for ${roots}`)
    }
    return receivers.length === 0 ? known : [...new Set(receivers)]
  }
}

/** A receiver need not have every root: it takes part where it has connected before, or where it was named. */
function covers(roots: ReadonlyMap<string, ResyncRoot>, name: string, receiver: string, isNamed: boolean): boolean {
  if (roots.get(name)?.knows(receiver) === true) return true
  return isNamed && ![...roots.values()].some((root) => root.knows(receiver))
}

function newJob(root: string, receiver: string, order: ResyncScope, changed: () => void): ResyncJob {
  return { root, receiver, order, onChange: changed, figures: noFigures() }
}

/** The paths without those that lie below another one; the whole tree when there are none. */
function topmost(paths: readonly string[]): string[] {
  const unique = [...new Set(paths)]
  const top = unique.filter((path) => !unique.some((other) => other !== path && isWithin(path, other)))
  return top.length === 0 ? [ROOT_PATH] : top
}

function statusOf({ id, root, order, createdAt, finishedAt, isCancelled, jobs }: Resync): ResyncStatus {
  const receivers: Record<string, ResyncReceiver> = {}
  for (const { receiver } of jobs) {
    const own = jobs.filter((job) => job.receiver === receiver)
    receivers[receiver] ??= summed(own.map((job) => (root === null ? named(job) : job.figures)))
  }
  const hasFailed = jobs.some(({ figures }) => figures.state === 'failed')
  const end = isCancelled ? 'cancelled' : hasFailed ? 'failed' : 'done'
  return {
    id,
    root,
    check: order.check,
    dryRun: order.dryRun,
    state: finishedAt === null ? 'running' : end,
    createdAt: createdAt.toISOString(),
    finishedAt: finishedAt?.toISOString() ?? null,
    receivers,
  }
}
