/**
 * The commit of a staged changeset: intent, burst, record. It begins with a changeset, or with an intent that
 * a killed process left behind.
 *
 *   staged content synced ─▶ intent in the ledger ─▶ burst ─▶ ledger: position, owed, no intent
 *
 * INVARIANT: once the intent is recorded the burst is carried through, by this process or the next, before anything
 * else happens to the tree.
 */

import type { ConfinedDirectories, DueRun, HookReason } from '@rootferry/host/machine'
import type { WorkArea } from '../area/work-area.ts'
import type { DiskSteps } from '../files/disk-retry.ts'
import type { HookMatches } from '../files/hook-matches.ts'
import { sweepPlacing } from '../files/placing-names.ts'
import { kindOfChange } from '../files/staged-change.ts'
import type { Untouchable } from '../files/untouchable.ts'
import { decodeIntent, encodeIntent, type Intent, isAnswer } from '../ledger/intent.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { BurstOutcome, Plan } from '../ledger/operation.ts'
import type { Burst } from './burst.ts'
import { presync } from './presync.ts'

/** Partly staged files, as far as a commit uses them up. */
export interface StagedPartials {
  /** @returns those that a changeset with these changes uses or makes obsolete */
  release(changedPaths: Iterable<string>, isWhole?: boolean): string[]
  /** The intent records that they are gone. */
  released(paths: readonly string[]): void
  /** Names in staging that must be kept. */
  stagedNames(): Set<string>
}

export interface CommitParts {
  confined: ConfinedDirectories
  ledger: Ledger
  burst: Burst
  area: WorkArea
  partials: StagedPartials
  /** What the target holds is noted with each commit. */
  fill: { note(): void }
  steps: DiskSteps
  hooks: HookMatches
  /** Why the commit happens. */
  reason: HookReason
}

/** The outcome of a burst whose commit is recorded, and the runs of hooks that are due now. */
export type CommitOutcome = BurstOutcome & { due: DueRun[] }

/**
 * The caller tidies staging when it has told others of the commit: what the burst replaced is freed then.
 * @param changedPaths every path of the changeset, including those that were not staged
 * @param ready a plan of this moment, whose staged content is synced; null: there is none
 */
export async function commitIntent(
  parts: CommitParts,
  intent: Intent,
  changedPaths: Iterable<string>,
  ready: Plan | null = null,
): Promise<CommitOutcome & { tally: Plan['tally'] }> {
  const { ledger, partials, burst, area, steps } = parts
  // A changeset that is overtaken goes on to need its own.
  const used = partials.release(changedPaths, intent.ahead === null)
  if (ready !== null) {
    await steps.whileConnected(() => ledger.recordIntent(encodeIntent({ ...intent, before: ready.before }), used))
    partials.released(used)
    return { ...(await carryThrough(parts, { ...intent, before: ready.before }, ready)), tally: ready.tally }
  }
  const order = { ...intent, before: [], isAnswer: isAnswer(intent) }
  const draft = await steps.whileConnected(() => burst.plan(order))
  // Inside the root the place may have to be made, which a disk in trouble refuses.
  const staging = await steps.whileConnected(() => area.directory('staging'))
  const hasWaited = await presync(draft, staging)
  const plan = await steps.whileConnected(() => {
    const first = hasWaited ? burst.plan(order) : draft
    ledger.recordIntent(encodeIntent({ ...intent, before: first.before }), used)
    return first
  })
  partials.released(used)
  const outcome = await carryThrough(parts, { ...intent, before: plan.before }, plan)
  return { ...outcome, tally: plan.tally }
}

/** Finishes the burst of an intent that is in the ledger. */
async function carryThrough(parts: CommitParts, intent: Intent, first: Plan | null): Promise<CommitOutcome> {
  const { ledger, burst, fill, steps, hooks, reason } = parts
  let plan = first
  const outcome = await steps.untilDone(() => {
    const present = plan
    // A second attempt finds the disk changed by the first.
    plan = null
    return burst.run(intent, present)
  })
  if (ledger.isAfterLoss) sweepPlacing(parts.confined, pathsOf(intent))
  const owed = [...intent.owed, ...outcome.owed]
  const { position, cleared } = intent
  const record = { position, cleared, owed: [...owed, ...outcome.failed], held: outcome.held }
  const matches = hooks.of(intent.changes, reason)
  const ahead = intent.ahead === null ? {} : { ahead: { paths: pathsOf(intent), to: intent.ahead } }
  const due = await steps.untilDone(() => {
    fill.note()
    return ledger.recordCommit({ ...record, hooks: { matches, reason }, ...ahead })
  })
  return { ...outcome, owed, due }
}

function pathsOf({ changes }: Intent): string[] {
  return changes.map(({ path }) => path)
}

/** Finishes the burst that the last process began, if any. @returns its outcome, null when there was none */
export async function recover(parts: CommitParts & { untouchable: Untouchable }): Promise<CommitOutcome | null> {
  const { ledger, untouchable, area, partials, steps } = parts
  const body = ledger.intent()
  const intent = body === null ? null : decodeIntent(body)
  if (intent !== null) {
    // The protect list may have changed since.
    const wanted = intent.isSeries ? ledger.staged.all().flatMap(({ change }) => change ?? []) : intent.changes
    const changes = wanted.filter((change) => !untouchable.protects(change.path, kindOfChange(change)))
    const outcome = await carryThrough(parts, { ...intent, changes }, null)
    await steps.untilDone(() => area.tidy(partials.stagedNames()))
    return outcome
  }
  if (body !== null) {
    // An intent of an unknown form: what it began is replayed or compared anew.
    await steps.untilDone(() => ledger.forgetPosition())
    await steps.untilDone(() => ledger.recordCommit({ position: null, cleared: [], owed: [] }))
  }
  await steps.untilDone(() => area.tidy(partials.stagedNames()))
  return null
}
