/**
 * Pure decision: whether a first join would replace or remove so much of a target that an operator must consent.
 *
 * A wrong path in receiver.yaml looks like this: nearly everything in the target is unknown to the agent, or different
 * there.
 */
import type { FirstJoin, JoinGuard } from '../../root-messages.ts'

/** `closer`: it waits only if files of the same size with another time differ in content, which their digests tell. */
export type JoinVerdict = 'go' | 'wait' | 'closer'

/** @param doubtful how many of the replaced files have the same size as the agent's */
export function judgeJoin(plan: FirstJoin, doubtful: number, guard: JoinGuard): JoinVerdict {
  const isTooMuch = (objects: number) =>
    objects > guard.minEntries && objects * 100 > guard.maxPercent * Math.max(plan.entries, 1)
  const most = plan.replaced + plan.extraneous
  if (!isTooMuch(most)) return 'go'
  return isTooMuch(most - doubtful) ? 'wait' : 'closer'
}
