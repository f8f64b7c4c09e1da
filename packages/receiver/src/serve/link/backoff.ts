/**
 * Pure decision: how long to wait before dialling again.
 *
 * Exponential with full jitter: a farm that lost its agent does not come back in one stampede. Source: Marc Brooker,
 * "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
const FIRST_MS = 250
/** Less than the usual 2: an agent that is restarted is back after a second or two. */
const GROWTH = 1.5
/** An agent that is back is wanted back: a refused attempt costs nearly nothing. */
const LAST_MS = 5_000
const HOPELESS_MS = 15_000

/**
 * @param attempts failed attempts since the last connection that worked
 * @param random in [0, 1)
 * @param isHopeless nothing changes unless an operator does something: a longer range at once
 * @returns milliseconds
 */
export function backoffMs(attempts: number, random: number, isHopeless: boolean): number {
  const range = isHopeless ? HOPELESS_MS : Math.min(LAST_MS, FIRST_MS * GROWTH ** Math.min(attempts, 20))
  return Math.round(range * random)
}
