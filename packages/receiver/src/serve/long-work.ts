/** Work that goes on for long is told of now and then; work that is over in a moment is not. Pure. */
const EVERY_MS = 5_000
/** Without a sign for so long it was over. */
const PAUSE_MS = 2_000

export class LongWork {
  #seenAtMs = Number.NEGATIVE_INFINITY
  #tellAtMs = Number.POSITIVE_INFINITY

  /** The work goes on. @returns whether that is to be told now */
  isToBeTold(nowMs: number): boolean {
    if (nowMs - this.#seenAtMs > PAUSE_MS) this.#tellAtMs = nowMs + EVERY_MS
    this.#seenAtMs = nowMs
    if (nowMs < this.#tellAtMs) return false
    this.#tellAtMs = nowMs + EVERY_MS
    return true
  }
}
