/**
 * The effect of one commit on the debts: which it clears, which it makes, and which request it answers. Pure.
 *
 * A debt is a path that the target owes: its change could not be made. A changeset clears the debts of paths that it
 * brings whole; the answer to a want clears all paths of that want. Neither clears a path whose content was missing
 * here, and every path that the burst could not make right is owed again.
 *
 *   changeset ─▶ dueDebts ─▶ intent ─▶ burst ─▶ settlement ─▶ problems mended, wants, resync
 */
import { parentPath } from '@rootferry/protocol'
import type { PathProblem } from '../../root-messages.ts'
import type { StagedChange } from '../files/staged-change.ts'
import type { BurstOutcome } from '../ledger/operation.ts'

/** A changeset that is staged. */
export interface Arrival {
  /** Every path for which it has a change. */
  paths: readonly string[]
  staged: readonly StagedChange[]
  /** Paths whose content was not here, or differed from what the agent assumed. */
  owed: readonly string[]
  /** The paths of the want that this answers; null: it is not an answer. */
  asked: readonly string[] | null
}

/** The intent's record of debts, before the burst. */
export interface DueDebts {
  cleared: readonly string[]
  owed: readonly string[]
}

/** How an answer to a want ended. */
export interface Answered {
  /** The paths of the want. */
  paths: readonly string[]
  /** Paths that are not right yet, with the reason; null: the agent could not read the path just now. */
  unrepaired: ReadonlyMap<string, string | null>
  /** Bytes of content that came. */
  bytes: number
}

export interface Settlement {
  /** Paths that are now as the changeset says. */
  right: string[]
  /** Null for a changeset that was not asked for. */
  answered: Answered | null
}

/**
 * @param hasDebts whether anything is owed at all: usually nothing is
 * @param isAfterLoss directories may have a wrong time, and are asked for, as the ledger has it
 */
export function dueDebts({ paths, staged, owed, asked }: Arrival, hasDebts: boolean, isAfterLoss: boolean): DueDebts {
  if (asked === null) {
    const cleared = hasDebts ? broughtWhole(staged) : []
    return { cleared, owed: isAfterLoss ? [...owed, ...directoriesOf(paths)] : owed }
  }
  const came = new Set(paths)
  // A path that an answer leaves out could not be read by the agent just now.
  return { cleared: asked, owed: [...owed, ...asked.filter((path) => !came.has(path))] }
}

/** The directories of these paths, unless they are among the paths. */
function directoriesOf(paths: readonly string[]): string[] {
  const known = new Set(paths)
  return [...new Set(paths.map(parentPath))].filter((path) => !known.has(path))
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

/** What does not fit is no lack of content, which would be asked for at once, but a problem that lasts for a while. */
export function withUnfit<Outcome extends BurstOutcome>(outcome: Outcome, unfit: readonly PathProblem[]): Outcome {
  if (unfit.length === 0) return outcome
  const paths = new Set(unfit.map(({ path }) => path))
  return {
    ...outcome,
    owed: outcome.owed.filter((path) => !paths.has(path)),
    failed: [...outcome.failed, ...paths],
    problems: [...outcome.problems, ...unfit],
  }
}

/** A file that keeps its content brings nothing that could be owed. */
function broughtWhole(staged: readonly StagedChange[]): string[] {
  return staged.filter((change) => change.kind !== 'file' || change.staged !== null).map(({ path }) => path)
}

function bytesOf(staged: readonly StagedChange[]): number {
  return staged.reduce((sum, change) => sum + (change.kind === 'file' && change.staged !== null ? change.size : 0), 0)
}
