/**
 * Pure decision: which hints of a batch may overtake a scan. Those in the directories with the fewest hints: a save is
 * one of few, and `chmod -R` or an unpacked archive hints at most entries of each directory.
 */
import { parentPath } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { Hint } from '../watch/watcher.ts'

export interface SplitBatch {
  overtaking: Hint[]
  others: Hint[]
}

/** Both parts keep the order of the batch; hints at whole subtrees do not overtake. */
export function splitBatch(batch: readonly Hint[]): SplitBatch {
  const counts = new Map<string, number>()
  for (const { path } of batch) {
    const directory = parentPath(path)
    counts.set(directory, (counts.get(directory) ?? 0) + 1)
  }
  const countOf = ({ path }: Hint) => counts.get(parentPath(path)) ?? 0
  const most = largestThatFits(counts, batch)
  const overtaking: Hint[] = []
  const others: Hint[] = []
  for (const hint of batch) {
    const mayOvertake = hint.extent === 'entry' && countOf(hint) <= most && overtaking.length < BOUNDS.overtakingHints
    if (mayOvertake) overtaking.push(hint)
    else others.push(hint)
  }
  return { overtaking, others }
}

/** The number of hints up to which a directory's hints may overtake: at least 1. */
function largestThatFits(counts: ReadonlyMap<string, number>, batch: readonly Hint[]): number {
  if (batch.length <= BOUNDS.overtakingHints) return batch.length
  const sizes = [...counts.values()].sort((a, b) => a - b)
  let sum = 0
  let most = 1
  for (const size of sizes) {
    sum += size
    if (sum > BOUNDS.overtakingHints) break
    most = size
  }
  return most
}
