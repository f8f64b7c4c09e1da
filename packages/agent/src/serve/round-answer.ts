/** A round in the form of the API. Pure. */

import type { Member, Standing } from './feed/round.ts'
import { outcomeOf, type RoundReport, skewMs } from './feed/round-report.ts'
import type { RoundAnswer } from './schemas/releases.ts'

type Word = RoundAnswer['members'][number]['state']

const WORDS: Record<Exclude<Standing, 'committed'>, Word> = {
  staging: 'staging',
  staged: 'staged',
  aside: 'left-behind',
  leaving: 'left-behind',
  left: 'left-behind',
  unfenced: 'unfenced',
  gone: 'gone',
}

/** A reader of the log says that it has committed, and not how long that took. */
const UNKNOWN_TIMES = { stagedMs: null, committedMs: null, burstMs: null }

export function roundAnswer(root: string, report: RoundReport): RoundAnswer {
  const { id, at, from, to, stopped, changesets, began, ended, members, lateReaders } = report
  return {
    id,
    root,
    // While the decision is written down, nobody has gone.
    state: at === 'decide' ? 'fence' : at,
    outcome: ended === null ? null : outcomeOf(report),
    from,
    to,
    stopped,
    changesets,
    beganAt: began.toISOString(),
    endedAt: ended?.toISOString() ?? null,
    members: [
      ...[...members].map(([name, member]) => memberAnswer(name, member)),
      ...lateReaders.map((name) => ({ name, state: 'left-behind' as const, ...UNKNOWN_TIMES })),
    ],
    skewMs: rounded(skewMs(report)),
  }
}

function memberAnswer(name: string, { standing, isLate, stagedMs, committedMs, burstMs }: Member) {
  const state = standing === 'committed' ? (isLate ? 'left-behind' : 'committed') : WORDS[standing]
  return { name, state, stagedMs: rounded(stagedMs), committedMs: rounded(committedMs), burstMs: rounded(burstMs) }
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 10) / 10
}
