/** Pure decision: which hints of a batch may overtake a scan: those in the directories with few hints. */
import { BOUNDS } from '../../bounds.ts'
import type { Hint } from '../watch/watcher.ts'
import { DirectoryCounts } from './directory-counts.ts'

export interface SplitBatch {
  overtaking: Hint[]
  others: Hint[]
}

/** Both parts keep the order of the batch; hints at whole subtrees do not overtake. */
export function splitBatch(batch: readonly Hint[]): SplitBatch {
  const counts = new DirectoryCounts()
  for (const { path } of batch) counts.add(path)
  const few = counts.fewUpTo(BOUNDS.overtakingHints)
  const overtaking: Hint[] = []
  const others: Hint[] = []
  for (const hint of batch) {
    const mayOvertake = hint.extent === 'entry' && counts.around(hint.path) <= few
    if (mayOvertake) overtaking.push(hint)
    else others.push(hint)
  }
  return { overtaking, others }
}
