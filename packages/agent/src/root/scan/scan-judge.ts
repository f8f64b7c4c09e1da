/**
 * The judgement on a scan: missing filesystems, an operator's acceptance, and the guard, in this order. An acceptance is of
 * the filesystems that were missing when it was given (see KnownBorders): one that goes after that is missed.
 */
import type { EntryIndex } from '../index/entry-index.ts'
import type { Guard, Loss } from './guard.ts'
import type { KnownBorders } from './known-borders.ts'
import { livingEntries } from './living-entries.ts'
import type { Judge, ScanVerdict } from './scanner.ts'
import type { WithheldDeletions } from './withheld-deletions.ts'

export interface ScanJudgeParts {
  guard: Guard
  borders: Pick<KnownBorders, 'look' | 'gone' | 'forget'>
  /** How scans run now: see root-life.ts. */
  mode: () => 'none' | 'judged' | 'accepted' | 'halted' | 'held'
  /** Looks whether a file holds the root. */
  hold: { look(): void }
  index: Pick<EntryIndex, 'totals'>
  /** Deletions of earlier scans that wait for another look. */
  withheld: Pick<WithheldDeletions, 'isEmpty'>
}

/** @param isWhole whether the scan is one of the whole tree */
export function scanJudge(parts: ScanJudgeParts, isWhole: boolean): Judge {
  const { guard, borders, mode, hold, index, withheld } = parts
  // What is mounted before the first look may not be there after it.
  borders.look()
  const { gone } = borders
  return (loss, isComplete) => {
    hold.look()
    const isAccepted = isWhole && mode() === 'accepted'
    const seen = borders.look()
    if (seen === 'unknown') return { decision: isComplete && mode() !== 'halted' ? 'look-again' : 'withhold' }
    if (seen !== 'all there')
      return isComplete ? { decision: 'halt', reason: seen.missing, isOfPart: false } : { decision: 'withhold' }
    // Nothing leaves a held root: its losses are judged together when it is released.
    const isHeld = mode() === 'held'
    const verdict: ScanVerdict =
      isAccepted || isHeld
        ? { decision: 'pass' }
        : guard.judge(loss, livingEntries(index), performance.now(), isComplete)
    // The index of a halted root stays as it is until a scan of the whole tree passes.
    if (mode() === 'halted' && (verdict.decision === 'look-again' || !isComplete)) return { decision: 'withhold' }
    if (verdict.decision !== 'pass' || !isComplete) return verdict
    if (!isWhole && !withheld.isEmpty && deletionsOf(loss) > 0) return { decision: 'look-again' }
    guard.passed(loss)
    borders.forget(gone)
    return verdict
  }
}

function deletionsOf({ removals, moved }: Loss): number {
  return removals - moved
}
