/**
 * Hints whose deletions the guard wants to look at again, until they are looked at again. Pure bookkeeping.
 *
 * INVARIANT: no path twice. Each look adds the trees that it has walked, and would walk them once more at the next.
 */
import { BOUNDS } from '../../bounds.ts'
import type { Hint } from '../watch/watcher.ts'
import { parentsFirst, withoutCovered } from './coalesce.ts'

/** Deletions count as over when none came for this long; and after this long the root is looked at again anyway. */
export const QUIET_MS = 300
const LOOK_MS = 1_000

export class WithheldDeletions {
  #waiting: { extents: Map<string, Hint['extent']>; sinceMs: number } | null = null

  get isEmpty(): boolean {
    return this.#waiting === null
  }

  /** @param whole stands for hints that are too many @returns milliseconds until the next look */
  wait(hints: readonly Hint[], whole: Hint, nowMs: number): number {
    this.#waiting ??= { extents: new Map(), sinceMs: nowMs }
    const { extents, sinceMs } = this.#waiting
    for (const { path, extent } of hints) if (extents.get(path) !== 'subtree') extents.set(path, extent)
    if (extents.size > BOUNDS.waitingHints) {
      extents.clear()
      extents.set(whole.path, whole.extent)
    }
    return Math.min(QUIET_MS, sinceMs + LOOK_MS - nowMs)
  }

  /** Hints count as waiting until the look begins: an earlier scan must not take the wait for over. */
  take(): Hint[] | null {
    const waiting = this.#waiting
    this.#waiting = null
    if (waiting === null) return null
    const hints = [...waiting.extents].map(([path, extent]): Hint => ({ path, extent }))
    return parentsFirst(withoutCovered(hints))
  }

  clear(): void {
    this.#waiting = null
  }
}
