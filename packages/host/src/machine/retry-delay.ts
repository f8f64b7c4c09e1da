/** How long to wait before a failed operation is tried again: 1 s, 2 s, 4 s … 30 s. Pure: durations are arguments. */
const FIRST_MS = 1_000
const MOST_MS = 30_000
/** Something that ran for this long is not failing again and again. */
const STEADY_MS = 60_000

/** @param attempt 0 after the first failure */
export function retryDelayMs(attempt: number): number {
  return Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempt, 16))
}

/** The pace at which something that ends by itself is started again: slower each time, unless it ran for a while. */
export class RestartPace {
  #early = 0

  /** @param ranMs how long it ran. @returns milliseconds until the next start */
  next(ranMs: number): number {
    if (ranMs >= STEADY_MS) this.#early = 0
    this.#early += 1
    return retryDelayMs(this.#early - 1)
  }
}
