/** Hints whose deletions the guard holds back, until they are looked at again. Pure bookkeeping. */
import { BOUNDS } from '../../bounds.ts'
import type { Hint } from '../watch/watcher.ts'
import { parentsFirst, withoutCovered } from './coalesce.ts'

/** Deletions count as over when none came for this long; and after this long the root is looked at again anyway. */
export const HOLD_QUIET_MS = 300
const HOLD_LOOK_MS = 1_000

export class HeldHints {
  #held: { hints: Hint[]; sinceMs: number } | null = null

  get isEmpty(): boolean {
    return this.#held === null
  }

  /** @param whole stands for hints that are too many @returns milliseconds until the next look */
  hold(hints: readonly Hint[], whole: Hint, nowMs: number): number {
    this.#held ??= { hints: [], sinceMs: nowMs }
    const { sinceMs } = this.#held
    if (this.#held.hints.length + hints.length > BOUNDS.waitingHints) this.#held.hints = [whole]
    else this.#held.hints.push(...hints)
    return Math.min(HOLD_QUIET_MS, sinceMs + HOLD_LOOK_MS - nowMs)
  }

  /** Hints count as held until the look begins: an earlier scan must not take the hold for over. */
  take(): Hint[] | null {
    const held = this.#held
    this.#held = null
    return held === null ? null : parentsFirst(withoutCovered(held.hints))
  }

  clear(): void {
    this.#held = null
  }
}
