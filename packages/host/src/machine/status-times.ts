/** Times of a status of system-calls.ts in the form that node:fs gives them. Pure. */

/** By the formula of node:fs, so that both ways to look at a file see the same time to the last bit. */
export function milliseconds(seconds: number, nanoseconds: number): number {
  return seconds * 1_000 + nanoseconds / 1_000_000
}
