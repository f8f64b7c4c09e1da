/**
 * Work whose size somebody else decides: a walk over what others put into the tree, or over a large file.
 *
 * It is a generator that yields wherever it may be interrupted. Whoever drives it gives way now and then, or drops it,
 * and after an error begins a new one, which goes on from what it finds on disk.
 * INVARIANT: no location outlives a yield, because other work may close the directories that it leads through.
 */
export type Walk<Result> = Generator<void, Result, void>

/** What a step of the disk is: a plain one is done at once. */
export type Step<Result> = () => Result | Walk<Result>

export function isWalk<Result>(begun: Result | Walk<Result>): begun is Walk<Result> {
  return typeof begun === 'object' && begun !== null && Symbol.iterator in begun && 'next' in begun && 'throw' in begun
}
