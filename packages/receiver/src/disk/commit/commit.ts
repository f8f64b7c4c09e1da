/**
 * The commit of what was staged: intent, burst, record, tidying; from a changeset, or from an intent that a process
 * which was killed left behind.
 *
 *   intent in the ledger ─▶ burst ─▶ ledger: position, owed, no intent ─▶ staging tidied
 *
 * INVARIANT: once the intent is recorded the burst is carried through, by this process or the next, before anything
 * else happens to the tree.
 */

import type { StagedChange } from '../files/staged-change.ts'
import { decodeIntent, encodeIntent, type Intent } from '../ledger/intent.ts'
import type { Plan } from '../ledger/operation.ts'
import type { Target } from '../target.ts'
import type { BurstOutcome } from './committer.ts'

/**
 * Runs a step until it works. With `droppable` the wait for a better time ends by an exception when the connection
 * that the step serves is gone.
 */
export type Persist = <T>(step: () => T, droppable: boolean) => Promise<T>

/** @param changedPaths every path of the changeset, also those that were not staged */
export async function commitIntent(
  target: Target,
  intent: Intent,
  changedPaths: Iterable<string>,
  persist: Persist,
): Promise<BurstOutcome & { tally: Plan['tally'] }> {
  const { ledger, partials, committer } = target
  const used = partials.release(changedPaths)
  const plan = await persist(() => {
    const first = committer.plan(intent.changes, [])
    ledger.recordIntent(encodeIntent({ ...intent, before: first.before }), used)
    return first
  }, true)
  partials.released(used)
  const outcome = await carryThrough(target, { ...intent, before: plan.before }, plan, persist)
  return { ...outcome, tally: plan.tally }
}

/** Finishes the burst of an intent that is in the ledger. */
export async function carryThrough(
  target: Target,
  intent: Intent,
  first: Plan | null,
  persist: Persist,
): Promise<BurstOutcome> {
  const { ledger, committer, area, partials } = target
  let plan = first
  const outcome = await persist(() => {
    const present = plan
    // A second attempt finds another disk than the first.
    plan = null
    return committer.run(intent.changes, intent.before, present)
  }, false)
  const owed = [...intent.owed, ...outcome.owed]
  const record = { position: intent.position, cleared: intent.cleared, owed: [...owed, ...outcome.failed] }
  await persist(() => ledger.recordCommit(record), false)
  await persist(() => area.tidy(partials.stagedNames()), false)
  return { ...outcome, owed }
}

/** Finishes what the last process was in the middle of, if anything. @returns its outcome, null when there was none */
export async function recover(
  target: Target,
  persist: Persist,
): Promise<(BurstOutcome & { changes: readonly StagedChange[] }) | null> {
  const { ledger, untouchable, area, partials } = target
  const body = ledger.intent()
  const intent = body === null ? null : decodeIntent(body)
  if (intent !== null) {
    // The protect list may be another one by now.
    const changes = intent.changes.filter(({ path, kind }) => !untouchable.protects(path, kind === 'directory'))
    return { ...(await carryThrough(target, { ...intent, changes }, null, persist)), changes }
  }
  if (body !== null) {
    // Of an unknown form: what it began is replayed or compared anew.
    await persist(() => ledger.forgetPosition(), false)
    await persist(() => ledger.recordCommit({ position: null, cleared: [], owed: [] }), false)
  }
  await persist(() => area.tidy(partials.stagedNames()), false)
  return null
}
