/**
 * Pure: how far the sessions of a root may be fed. Its thread says how far the index is, and at which sequence the root
 * is held.
 *
 * INVARIANT: the reach is the lesser of head and limit. Lag, states and propagation count from the reach: a receiver
 * that has all that it may have is not late. What was held back counts as found when it was released.
 */
export interface Reach {
  head: number
  /** Milliseconds of the wall clock at which the changes up to here were first hinted at, or released. */
  seenMs: number
}

export class Gate {
  #head = 0
  #limit: number | null = null
  #reached: number | null = null

  get isHeld(): boolean {
    return this.#limit !== null
  }

  /** The index is at `head`. @returns the new reach; null when it is as before */
  advanced(head: number, seenMs: number): Reach | null {
    this.#head = head
    return this.#next(seenMs)
  }

  /** Nothing above `limit` is fed; null: the root is not held. @returns the new reach; null when it is as before */
  limited(limit: number | null, nowMs: number): Reach | null {
    this.#limit = limit
    return this.#reached === null ? null : this.#next(nowMs)
  }

  #next(seenMs: number): Reach | null {
    const head = this.#limit === null ? this.#head : Math.min(this.#head, this.#limit)
    if (head === this.#reached) return null
    this.#reached = head
    return { head, seenMs }
  }
}
