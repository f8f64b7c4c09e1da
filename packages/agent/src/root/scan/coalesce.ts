/**
 * Pure decision: when hints have settled into a batch, and which hints are in it.
 *
 *   hint ──► waiting, by each path's last hint ──► due ──► taken, but for paths that are still being written
 *               └── many wait, and few in its directory: taken early, when it has settled by itself
 *
 * A batch is due when for `settleMs` no hint came for a path that was not waiting already, and at the latest
 * `maxWaitMs` after the first hint in it. Of many paths something larger is under way, which pauses longer: the time to
 * settle grows with their number, up to a second, so that a deploy becomes fewer changesets. A save beside them does not
 * wait for that. A path that keeps changing holds only itself back, up to `maxWaitMs`: a log that is appended to for ever
 * delays no other path. Times are milliseconds of any clock that does not step back.
 * INVARIANT: the hints that are taken cover the hints that were added, and none waits longer than `maxWaitMs` for a
 * punctual owner.
 */
import { isBelowAny, parentPath, pathDepth, ROOT_PATH } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { Hint } from '../watch/watcher.ts'
import { DirectoryCounts } from './directory-counts.ts'

/**
 * Share of `settleMs` without a hint after which a path counts as quiet. Less than 1, so that the last file of a burst,
 * created and written within a few milliseconds, belongs to the burst and not to a batch of its own right after it.
 */
const QUIET_SHARE = 0.75

/** Up to so many paths settle within `settleMs`; for twice as many it is twice as long. */
const FEW_PATHS = 100
const MOST_SETTLE_MS = 1_000

interface Waiting {
  extent: Hint['extent']
  readonly firstMs: number
  lastMs: number
}

export interface CoalescerOptions {
  settleMs: number
  maxWaitMs: number
  /** Above this many waiting paths, all become one hint for the whole root. Default 100,000. */
  maxPaths?: number
}

export class Coalescer {
  readonly #settleMs: number
  readonly #maxWaitMs: number
  readonly #maxPaths: number
  readonly #quietMs: number
  /** INVARIANT: ordered by lastMs, so the quietest path comes first. */
  readonly #waiting = new Map<string, Waiting>()
  /** When the last hint came for a path that was not waiting. */
  #freshMs = 0
  /** The earliest firstMs of the waiting paths. */
  #firstMs = Number.POSITIVE_INFINITY
  /** Paths that came to wait since the last batch, with those that it left. */
  #paths = 0
  readonly #counts = new DirectoryCounts()
  /** Waiting paths that may be taken early, ordered by lastMs; what is not taken when it has settled waits for the batch. */
  readonly #unsettled = new Set<string>()

  constructor(options: CoalescerOptions) {
    this.#settleMs = options.settleMs
    this.#maxWaitMs = options.maxWaitMs
    this.#maxPaths = options.maxPaths ?? BOUNDS.waitingHints
    this.#quietMs = options.settleMs * QUIET_SHARE
  }

  collect(hint: Hint, nowMs: number): void {
    const known = this.#waiting.get(hint.path)
    if (known !== undefined) {
      if (hint.extent === 'subtree') known.extent = 'subtree'
      this.#moveToEnd(hint.path, known, nowMs)
      return
    }
    this.#freshMs = nowMs
    this.#paths += 1
    if (nowMs < this.#firstMs) this.#firstMs = nowMs
    if (this.#waiting.size >= this.#maxPaths) this.#collapse(nowMs)
    else {
      this.#waiting.set(hint.path, { extent: hint.extent, firstMs: nowMs, lastMs: nowMs })
      this.#counts.add(hint.path)
      this.#unsettled.add(hint.path)
    }
  }

  /** When `takeBatch` will next return a batch, as far as is known now; null when nothing waits. */
  dueAt(): number | null {
    const quietest = this.#waiting.values().next().value
    if (quietest === undefined) return null
    const latest = this.#firstMs + this.#maxWaitMs
    const settleMs = Math.min(MOST_SETTLE_MS, this.#settleMs * Math.max(1, this.#paths / FEW_PATHS))
    const settledMs = this.#freshMs + Math.max(this.#settleMs, settleMs)
    return Math.min(latest, Math.max(settledMs, quietest.lastMs + this.#quietMs))
  }

  /** When `takeEarly` may next return something, if hints that come later settle; null: not before the batch. */
  earlyAt(nowMs: number): number | null {
    if (this.#waiting.size <= BOUNDS.overtakingHints) return null
    const [first] = this.#unsettled
    const waiting = first === undefined ? undefined : this.#waiting.get(first)
    return (waiting?.lastMs ?? nowMs) + this.#settleMs
  }

  /** What has settled by itself while many others have not: the hints of directories in which few wait. */
  takeEarly(nowMs: number): Hint[] {
    if (this.#waiting.size <= BOUNDS.overtakingHints) return []
    const few = this.#counts.fewUpTo(BOUNDS.earlyHints)
    const taken: Hint[] = []
    for (const path of this.#unsettled) {
      const waiting = this.#waiting.get(path)
      if (waiting === undefined || waiting.lastMs + this.#settleMs > nowMs) break
      this.#unsettled.delete(path)
      if (this.#counts.around(path) <= few && this.#isAlone(path, waiting)) taken.push({ path, extent: 'entry' })
    }
    for (const { path } of taken) {
      this.#waiting.delete(path)
      this.#counts.remove(path)
    }
    return parentsFirst(taken)
  }

  /**
   * The batch: parents before children, no path twice, none below a path whose whole subtree is in it.
   * @returns nothing when it is not due yet
   */
  takeBatch(nowMs: number): Hint[] {
    const due = this.dueAt()
    if (due === null || nowMs < due) return []
    const taken: Hint[] = []
    let firstMs = Number.POSITIVE_INFINITY
    for (const [path, waiting] of this.#waiting) {
      if (waiting.lastMs + this.#quietMs <= nowMs || waiting.firstMs + this.#maxWaitMs <= nowMs) {
        this.#waiting.delete(path)
        taken.push({ path, extent: waiting.extent })
      } else if (waiting.firstMs < firstMs) firstMs = waiting.firstMs
    }
    this.#firstMs = firstMs
    this.#paths = this.#waiting.size
    this.#recount()
    return parentsFirst(withoutCovered(taken))
  }

  /** Whether the path waits, or a directory above it. */
  covers(path: string): boolean {
    let at = path
    while (at !== ROOT_PATH && !this.#waiting.has(at)) at = parentPath(at)
    return this.#waiting.has(at)
  }

  /** The paths that wait. */
  get paths(): Iterable<string> {
    return this.#waiting.keys()
  }

  #moveToEnd(path: string, waiting: Waiting, nowMs: number): void {
    if (waiting.lastMs === nowMs) return
    waiting.lastMs = nowMs
    this.#waiting.delete(path)
    this.#waiting.set(path, waiting)
    if (this.#unsettled.delete(path)) this.#unsettled.add(path)
  }

  #recount(): void {
    this.#counts.clear()
    this.#unsettled.clear()
    for (const path of this.#waiting.keys()) {
      this.#counts.add(path)
      this.#unsettled.add(path)
    }
  }

  /** Whether nothing in it waits, nor a directory above it with everything in it. */
  #isAlone(path: string, { extent }: Waiting): boolean {
    if (extent === 'subtree' || this.#counts.within(path) > 0) return false
    for (let above = path; above !== ROOT_PATH; ) {
      above = parentPath(above)
      if (this.#waiting.get(above)?.extent === 'subtree') return false
    }
    return true
  }

  #collapse(nowMs: number): void {
    this.#waiting.clear()
    this.#waiting.set(ROOT_PATH, { extent: 'subtree', firstMs: this.#firstMs, lastMs: nowMs })
    this.#recount()
  }
}

/** Hints without those below a path whose whole subtree is hinted at. */
export function withoutCovered(taken: Hint[]): Hint[] {
  const subtrees = new Set<string>()
  for (const { path, extent } of taken) if (extent === 'subtree') subtrees.add(path)
  return subtrees.size === 0 ? taken : taken.filter(({ path }) => !isBelowAny(path, subtrees))
}

/** By depth, and in the order of the hints within a depth: linear, while sorting 100,000 paths is not. */
export function parentsFirst(hints: readonly Hint[]): Hint[] {
  const byDepth: Hint[][] = []
  for (const hint of hints) {
    const depth = pathDepth(hint.path)
    while (byDepth.length <= depth) byDepth.push([])
    byDepth[depth]?.push(hint)
  }
  return byDepth.flat()
}
