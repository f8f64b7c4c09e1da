/**
 * What one commit means for the debts: which it clears, which it makes, and what it answers. Pure.
 *
 * A debt is a path that the target owes: its change could not be made. A changeset clears the debts of paths that it
 * brings whole; the answer to a want clears all that the want had asked for. Neither clears a path whose content was
 * not here, and whatever the burst could not make right is owed again.
 *
 *   changeset ─▶ dueDebts ─▶ intent ─▶ burst ─▶ settlement ─▶ problems mended, wants, resync
 */
import type { StagedChange } from '../files/staged-change.ts'
import type { BurstOutcome } from '../ledger/operation.ts'

/** A changeset that is staged. */
export interface Arrival {
  /** Every path that it has a change for. */
  paths: readonly string[]
  staged: readonly StagedChange[]
  /** Paths whose content was not here, or not what the agent took it for. */
  owed: readonly string[]
  /** What the want had asked for that this answers; null: it is a changeset of its own. */
  asked: readonly string[] | null
}

/** What the intent says of debts, before the burst. */
export interface DueDebts {
  cleared: readonly string[]
  owed: readonly string[]
}

/** How an answer to a want ended. */
export interface Answered {
  /** What it had been asked for. */
  paths: readonly string[]
  /** Those that are not right yet, and why; null: the agent could not read it just now. */
  unrepaired: ReadonlyMap<string, string | null>
  /** Content that came. */
  bytes: number
}

export interface Settlement {
  /** Paths that are as the changeset says now. */
  right: string[]
  /** Null for a changeset that nothing had asked for. */
  answered: Answered | null
}

/** @param hasDebts whether anything is owed at all: mostly nothing is */
export function dueDebts({ paths, staged, owed, asked }: Arrival, hasDebts: boolean): DueDebts {
  if (asked === null) return { cleared: hasDebts ? broughtWhole(staged) : [], owed }
  const came = new Set(paths)
  // What an answer leaves out could not be read by the agent just now.
  return { cleared: asked, owed: [...owed, ...asked.filter((path) => !came.has(path))] }
}

export function settlement({ paths, staged, asked }: Arrival, due: DueDebts, outcome: BurstOutcome): Settlement {
  const { owed, failed, problems } = outcome
  const wrong = new Set([...due.owed, ...owed, ...failed, ...problems.map(({ path }) => path)])
  const right = paths.filter((path) => !wrong.has(path))
  if (asked === null) return { right, answered: null }
  const unrepaired = new Map<string, string | null>()
  for (const path of [...owed, ...failed]) unrepaired.set(path, 'could not be made right')
  for (const { path, message } of problems) unrepaired.set(path, message)
  for (const path of due.owed) unrepaired.set(path, null)
  return { right, answered: { paths: asked, unrepaired, bytes: bytesOf(staged) } }
}

/** A file that keeps its content brings nothing that could be owed. */
function broughtWhole(staged: readonly StagedChange[]): string[] {
  return staged.filter((change) => change.kind !== 'file' || change.staged !== null).map(({ path }) => path)
}

function bytesOf(staged: readonly StagedChange[]): number {
  return staged.reduce((sum, change) => sum + (change.kind === 'file' && change.staged !== null ? change.size : 0), 0)
}
