/**
 * A short scan that overtakes another: it records what came or changed, and neither deletes nor takes long.
 *
 * @returns whether everything is recorded; false when the scan would take too long, has found a deletion, or lost its
 * root: its hints then wait their turn.
 */
import { BOUNDS } from '../../bounds.ts'
import { Turn } from '../turn.ts'
import type { Hint } from '../watch/watcher.ts'
import type { ScannedRoot } from './scan-queue.ts'
import type { RecordOrder } from './swaps.ts'

export async function overtakingLook(
  { scanner, overtaking, borders, directories }: ScannedRoot,
  hints: readonly Hint[],
  hold: { look(): void },
  isCurrent: () => boolean,
  order: RecordOrder,
): Promise<boolean> {
  const turn = new Turn(directories)
  const steps = overtaking.scan(
    hints,
    ({ removals }) => {
      hold.look()
      if (borders.look() !== 'all there') return { decision: 'withhold' }
      return { decision: removals > 0 ? 'look-again' : 'pass' }
    },
    { order, isShort: true },
  )
  for (let looks = 0; looks < BOUNDS.overtakingLooks && isCurrent(); looks += 1) {
    const step = steps.next()
    if (step.done === true) {
      const isRecorded = step.value.decision === 'pass'
      // What is there as the index has it, or is not there at all, leaves no trace in the index.
      if (isRecorded) scanner.overtaken(hints)
      return isRecorded
    }
    if (step.value !== undefined || turn.isOver) {
      await step.value
      await turn.next()
    }
  }
  steps.return({ decision: 'withhold' })
  return false
}
