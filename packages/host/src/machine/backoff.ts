/** How long to wait before a failed operation is tried again: longer each time, up to a bound. Pure. */

export interface BackoffRange {
  firstMs: number
  mostMs: number
  /** How many times longer each wait is than the one before; 2 when absent. */
  growth?: number
}

/** @param attempt 0 after the first failure. @returns milliseconds */
export function backoffMs(attempt: number, { firstMs, mostMs, growth = 2 }: BackoffRange): number {
  return Math.min(mostMs, firstMs * growth ** attempt)
}

/** Between two starts of something that ends by itself, and between two attempts of a step that a disk refuses. */
export const RESTARTS: BackoffRange = { firstMs: 1_000, mostMs: 30_000 }
/** Something that ran for this long is not failing again and again. */
const STEADY_MS = 60_000

/** The pace at which something that ends by itself is started again: slower each time, unless it ran for a while. */
export class RestartPace {
  #early = 0

  /** @param ranMs how long it ran. @returns milliseconds until the next start */
  next(ranMs: number): number {
    if (ranMs >= STEADY_MS) this.#early = 0
    this.#early += 1
    return backoffMs(this.#early - 1, RESTARTS)
  }
}
