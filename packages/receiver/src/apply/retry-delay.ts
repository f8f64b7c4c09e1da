/** How long to wait before a failed step is tried again: 1 s, 2 s, 4 s … 30 s. Pure. */
const FIRST_MS = 1_000
const MOST_MS = 30_000

/** @param attempt 0 after the first failure */
export function retryDelayMs(attempt: number): number {
  return Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempt, 16))
}
