/**
 * Work whose size others determine: a walk over their part of the tree, or over a large file.
 *
 * It is a generator that yields wherever it may be interrupted. The caller that drives it gives way now and then, or
 * drops it, and after an error begins a new one, which continues from what it finds on disk. A walk that copies content
 * yields the bytes that it has copied since the last time, so that somebody can tell that the work goes on.
 *
 * INVARIANT: no location outlives a yield, because other work may close the directories that it leads through.
 */
export type Walk<Result> = Generator<number | undefined, Result, void>

/**
 * Goes on with a walk until it is time to give way.
 * @param yielded called with what the walk yields
 * @returns the walk when it gave way; null: it is done, as it is when it throws
 */
export function goOn(walk: Walk<void>, isDue: () => boolean, yielded?: (bytes: number) => void): Walk<void> | null {
  for (let at = walk.next(); at.done !== true; at = walk.next()) {
    if (typeof at.value === 'number' && at.value > 0) yielded?.(at.value)
    if (isDue()) return walk
  }
  return null
}

/** A step of the disk: a plain function is done at once, a walk gives way. */
export type Step<Result> = () => Result | Walk<Result>

export function isWalk<Result>(begun: Result | Walk<Result>): begun is Walk<Result> {
  return typeof begun === 'object' && begun !== null && Symbol.iterator in begun && 'next' in begun && 'throw' in begun
}
