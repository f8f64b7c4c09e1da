/** Waits for a condition with a deadline: tests never sleep for a fixed time and hope. */
import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 15

/**
 * @param attempt what is awaited: returns undefined or false while it does not hold
 * @param describe what is said when it never came
 */
export async function until<Result>(
  attempt: () => Result | Promise<Result>,
  describe: () => string | Promise<string>,
  deadlineMs = 30_000,
): Promise<Exclude<Result, false | undefined | null>> {
  const end = performance.now() + deadlineMs
  for (;;) {
    const result = await attempt()
    if (result !== undefined && result !== false && result !== null)
      return result as Exclude<Result, false | undefined | null>
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${await describe()}`)
    await delay(POLL_MS)
  }
}
