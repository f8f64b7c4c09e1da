/**
 * What is told of a round, while it runs and afterwards: to operators, in events, and in metrics. Pure.
 *
 * Times are milliseconds since the round began. The skew is how far apart members began to show the release: each
 * arrival of `committed`, less the burst before it.
 */
import type { Member, Round } from './round.ts'

export interface RoundReport {
  id: string
  at: Round['at']
  from: number
  to: number
  /** Of a change where every change is a round, and not of a release. */
  isStep: boolean
  /** Which receiver failed in a rolling release, and how; null: none did. */
  stopped: string | null
  /** As many as the release was cut into, as far as it was sent. */
  changesets: number
  began: Date
  ended: Date | null
  members: ReadonlyMap<string, Member>
  /** Readers of the log that had not staged it in time: the log itself is the member. */
  lateReaders: readonly string[]
}

/** Whether members have been let go, or will be. */
export function hasGone({ at }: Pick<RoundReport, 'at'>): boolean {
  return at === 'go' || at === 'over'
}

/** `partial`: some were left behind, or are gone. */
export function outcomeOf(report: RoundReport): 'all' | 'partial' | 'void' {
  // A rolling release that was stopped has changed some.
  const isShown = report.stopped !== null && [...report.members.values()].some(hasCommitted)
  if (report.at === 'void' && !isShown) return 'void'
  const isComplete = [...report.members.values()].every(({ standing, isLate }) => standing === 'committed' && !isLate)
  return isComplete && report.lateReaders.length === 0 ? 'all' : 'partial'
}

function hasCommitted({ standing }: Member): boolean {
  return standing === 'committed'
}

/** @returns null when fewer than two members have committed together */
export function skewMs({ members }: Pick<RoundReport, 'members'>): number | null {
  const begins = [...members.values()].flatMap(({ committedMs, burstMs, isLate }) =>
    committedMs === null || isLate ? [] : [committedMs - (burstMs ?? 0)],
  )
  return begins.length < 2 ? null : Math.max(...begins) - Math.min(...begins)
}

/** Members that the round did not wait for to the end, or that were no members, and readers of the log. */
export function leftBehind({ members, lateReaders }: Pick<RoundReport, 'members' | 'lateReaders'>): string[] {
  return [...[...members].flatMap(([name, { isLate }]) => (isLate ? [name] : [])), ...lateReaders]
}
