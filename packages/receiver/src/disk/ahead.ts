/**
 * The commit of what overtakes a changeset: visible at once, and the target's position stays where it is.
 *
 * What has no room on this disk is left out, and what fails is owed, as in any commit. INVARIANT: nothing that the
 * changeset under way has staged is removed, and no debt is cleared: all of it comes again in its order.
 */
import type { HookReason } from '@rootferry/host/machine'
import type { ToAgent } from '@rootferry/protocol'
import type { DiskEvent } from '../root-messages.ts'
import type { Arrivals } from './arrivals.ts'
import { commitIntent } from './commit/commit.ts'
import type { Durability } from './commit/durability.ts'
import type { Problems } from './debts/problems.ts'
import type { Repairs } from './debts/repairs.ts'
import { settlement } from './debts/settlement.ts'
import type { DiskSteps } from './files/disk-retry.ts'
import type { StagedPart } from './stage/staged-so-far.ts'
import type { Target } from './target.ts'

export interface AheadParts {
  target: Target
  durability: Durability
  problems: Problems
  steps: DiskSteps
  send(message: ToAgent): void
  event(event: DiskEvent): void
  repairs: Repairs
  reason: HookReason
  /** Milliseconds, for durations only. */
  now(): number
  /** How far the index is, as was heard. */
  head: number
  arrivals: Pick<Arrivals, 'stagedNames' | 'overtaking'>
}

const NO_DEBTS = { cleared: [], owed: [] }

export async function commitAhead(parts: AheadParts, part: StagedPart): Promise<void> {
  const { target, steps, problems, repairs, send, event, durability, arrivals } = parts
  const { paths, staged, to, bytes } = part
  const intent = {
    changes: staged,
    before: [],
    position: null,
    askedMs: null,
    keepsReplaced: false,
    isSeries: false,
    ahead: to,
  }
  const outcome = await commitIntent({ ...target, steps, reason: parts.reason }, { ...intent, ...NO_DEBTS }, paths)
  for (const run of outcome.due) event({ type: 'due', ...run })
  send({ type: 'overtaken', sequence: to })
  durability.committed(paths, target.ledger.position)
  const { startedAt } = arrivals.overtaking
  const { tally, micros } = outcome
  const sums = { ...tally, bytes, entries: paths.length, ms: parts.now() - startedAt, burstMs: micros / 1000 }
  event({ type: 'committed', as: 'overtake', sequence: to, head: Math.max(parts.head, to), ...sums })
  arrivals.overtaking.end()
  await steps.untilDone(() => target.area.tidy(arrivals.stagedNames()))
  problems.burstEnded(outcome)
  problems.mended(settlement({ paths, staged, owed: [], asked: null }, NO_DEBTS, outcome).right)
  repairs.burstEnded(outcome, false)
}
