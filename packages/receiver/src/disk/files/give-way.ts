/** Drives a walk to its end, and lets the thread receive messages whenever some milliseconds have passed. */
import type { Walk } from './walk.ts'

/** Too short to be noticed. */
const TURN_MS = 10

/** The work is not needed any more. */
export class Dropped extends Error {
  override name = 'Dropped'
}

/**
 * @param copied is told how many bytes the walk has copied, now and then
 * @throws Dropped when one of the signals has fired by the time it gives way; any error of the walk
 */
export async function finish<Result>(
  walk: Walk<Result>,
  signals: readonly AbortSignal[],
  copied: (bytes: number) => void = () => undefined,
): Promise<Result> {
  let begun = performance.now()
  for (let at = walk.next(); ; at = walk.next()) {
    if (at.done === true) return at.value
    if (typeof at.value === 'number' && at.value > 0) copied(at.value)
    if (performance.now() - begun < TURN_MS) continue
    await othersTurn()
    if (signals.some(({ aborted }) => aborted)) {
      walk.return(undefined as never)
      throw new Dropped('the walk is not needed any more')
    }
    begun = performance.now()
  }
}

/** @throws Dropped when one of the signals fires before the work is done; any error of the work */
export async function orDropped<Result>(work: Promise<Result>, signals: readonly AbortSignal[]): Promise<Result> {
  const ended = AbortSignal.any([...signals])
  const { promise, reject } = Promise.withResolvers<never>()
  const drop = () => reject(new Dropped('the work is not waited for any more'))
  if (ended.aborted) drop()
  ended.addEventListener('abort', drop)
  try {
    return await Promise.race([work, promise])
  } finally {
    ended.removeEventListener('abort', drop)
  }
}

async function othersTurn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  setImmediate(resolve)
  await promise
}
