/** Hints whose deletions the guard wants to look at again, until they are looked at again. Pure bookkeeping. */
import { BOUNDS } from '../../bounds.ts'
import type { Hint } from '../watch/watcher.ts'
import { parentsFirst, withoutCovered } from './coalesce.ts'

/** Deletions count as over when none came for this long; and after this long the root is looked at again anyway. */
export const QUIET_MS = 300
const LOOK_MS = 1_000

export class WithheldDeletions {
  #waiting: { hints: Hint[]; sinceMs: number } | null = null

  get isEmpty(): boolean {
    return this.#waiting === null
  }

  /** @param whole stands for hints that are too many @returns milliseconds until the next look */
  wait(hints: readonly Hint[], whole: Hint, nowMs: number): number {
    this.#waiting ??= { hints: [], sinceMs: nowMs }
    const { sinceMs } = this.#waiting
    if (this.#waiting.hints.length + hints.length > BOUNDS.waitingHints) this.#waiting.hints = [whole]
    else this.#waiting.hints.push(...hints)
    return Math.min(QUIET_MS, sinceMs + LOOK_MS - nowMs)
  }

  /** Hints count as waiting until the look begins: an earlier scan must not take the wait for over. */
  take(): Hint[] | null {
    const waiting = this.#waiting
    this.#waiting = null
    return waiting === null ? null : parentsFirst(withoutCovered(waiting.hints))
  }

  clear(): void {
    this.#waiting = null
  }
}
