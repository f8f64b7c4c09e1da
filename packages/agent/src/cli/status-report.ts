/** Pure text: the fleet at a glance, roots first, then receivers, and whether anything is the matter. */
import { type Cell, count, duration, type Row, size, type Tone, table } from '@rootferry/host'
import type { ReceiverAnswer, RootAnswer, StatusAnswer } from '../http/schemas.ts'

const ROOT_TONES: Record<RootAnswer['state'], Tone> = {
  ready: 'good',
  scanning: 'warning',
  halted: 'bad',
  unavailable: 'bad',
}
const RECEIVER_TONES: Record<ReceiverAnswer['state'], Tone> = {
  live: 'good',
  replaying: 'warning',
  resyncing: 'warning',
  offline: 'bad',
  failed: 'bad',
}

/** Whether a root stands still, or a receiver is anything but live. */
export function isDegraded({ roots, receivers }: StatusAnswer): boolean {
  return (
    roots.some(({ state }) => state === 'halted' || state === 'unavailable') ||
    receivers.some(({ state }) => state !== 'live')
  )
}

export function statusReport({ roots, receivers }: StatusAnswer, now: Date, colour: boolean): string {
  const rootTable = table(
    ['ROOT', 'STATE', 'SEQUENCE', 'ENTRIES', 'SIZE', 'WATCH', 'PROBLEMS'],
    roots.map(rootRow),
    colour,
  )
  const receiverTable = table(
    ['RECEIVER', 'ROOT', 'STATE', 'SEQUENCE', 'BEHIND', 'LAST SEEN'],
    receivers.map((receiver) => receiverRow(receiver, now)),
    colour,
  )
  return `${rootTable}\n${receiverTable === '' ? 'no receiver has a token yet\n' : receiverTable}`
}

function rootRow({ name, state, reason, sequence, entries, watch, problems, problemCount }: RootAnswer): Row {
  const { files, directories, symlinks, bytes } = entries
  const [problem] = problems
  const firstProblem = problem === undefined ? null : `first of its problems: ${problem.path}: ${problem.message}`
  return {
    cells: [
      { text: name },
      { text: state, tone: ROOT_TONES[state] },
      right(String(sequence)),
      right(count(files + directories + symlinks)),
      right(size(bytes)),
      { text: watch.backend ?? '-', ...(watch.degraded === null ? {} : { tone: 'bad' as const }) },
      { ...right(count(problemCount)), ...(problemCount === 0 ? {} : { tone: 'warning' as const }) },
    ],
    note: reason ?? watch.degraded ?? firstProblem,
  }
}

function receiverRow({ name, root, state, sequence, lag, lastSeenAt, lastError }: ReceiverAnswer, now: Date): Row {
  const behind = lag.sequences === 0 ? '-' : `${count(lag.sequences)}, ${duration(lag.seconds)}`
  return {
    cells: [
      { text: name },
      { text: root },
      { text: state, tone: RECEIVER_TONES[state] },
      right(String(sequence)),
      right(behind),
      { text: seen(state, lastSeenAt, now) },
    ],
    note: lastError,
  }
}

function seen(state: ReceiverAnswer['state'], lastSeenAt: string | null, now: Date): string {
  if (state !== 'offline') return 'connected'
  if (lastSeenAt === null) return 'never'
  return `${duration(Math.max(0, (now.getTime() - Date.parse(lastSeenAt)) / 1000))} ago`
}

function right(text: string): Cell {
  return { text, right: true }
}
