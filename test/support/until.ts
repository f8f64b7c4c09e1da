/** Waits for a condition with a deadline: tests never sleep for a fixed time and hope. */
import { setTimeout as delay } from 'node:timers/promises'

/** Soon at first, then less often, and at most half of the time: the awaited work needs the same processor. */
const FIRST_POLL_MS = 10
const LAST_POLL_MS = 150
const SLOWER = 1.3

/**
 * @param attempt the awaited condition: returns undefined or false while it does not hold
 * @param describe the message when the condition never held
 */
export async function until<Result>(
  attempt: () => Result | Promise<Result>,
  describe: () => string | Promise<string>,
  deadlineMs = 30_000,
): Promise<Exclude<Result, false | undefined | null>> {
  const end = performance.now() + deadlineMs
  for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(LAST_POLL_MS, pollMs * SLOWER)) {
    const askedAt = performance.now()
    const result = await attempt()
    if (result !== undefined && result !== false && result !== null)
      return result as Exclude<Result, false | undefined | null>
    const now = performance.now()
    if (now > end) throw new Error(`not within ${deadlineMs} ms: ${await describe()}`)
    await delay(Math.max(pollMs, now - askedAt))
  }
}
