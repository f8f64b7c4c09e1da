/** Pure text: the fleet at a glance, roots first, then receivers, and whether anything is wrong. */
import {
  type Cell,
  count,
  counted,
  duration,
  hookTable,
  type Page,
  paint,
  type Row,
  size,
  type Tone,
  table,
} from '@rootferry/host/daemon'
import { printable } from '@rootferry/host/machine'
import type { ReceiverStatus, RootAnswer, StatusAnswer } from '../serve/schemas/status.ts'

const ROOT_TONES: Record<RootAnswer['state'], Tone> = {
  ready: 'good',
  scanning: 'warning',
  halted: 'bad',
  unavailable: 'bad',
}
/** The gravest last. */
const RECEIVER_TONES: Record<ReceiverStatus['state'], Tone> = {
  live: 'good',
  expected: 'warning',
  replaying: 'warning',
  resyncing: 'warning',
  'awaiting-accept': 'bad',
  'left-behind': 'bad',
  offline: 'bad',
  failed: 'bad',
}

const GRAVEST_FIRST = Object.keys(RECEIVER_TONES).toReversed() as ReceiverStatus['state'][]

/** Whether a root stands still, or a hold waits for an operator, or a hook fails, or a receiver that ever came is not live, or owes a path. */
export function isDegraded({ roots, receivers }: StatusAnswer): boolean {
  return (
    roots.some(
      ({ state, hold, hooks, log }) =>
        state === 'halted' ||
        state === 'unavailable' ||
        needsRelease(hold) ||
        logNote(log) !== null ||
        hooks.some(({ lastError }) => lastError !== null),
    ) ||
    receivers.some(
      ({ state, owed, clash }) => (state !== 'live' && state !== 'expected') || owed.count > 0 || clash !== null,
    )
  )
}

function needsRelease(hold: RootAnswer['hold']): boolean {
  return hold !== null && (hold.overdue || hold.refused !== null)
}

function holdTone(hold: RootAnswer['hold']): Tone {
  return needsRelease(hold) ? 'bad' : 'warning'
}

function holdNote({ since, by, reason, overdue, refused, pending }: NonNullable<RootAnswer['hold']>): string {
  const why = refused === null ? reason : `not released: ${refused}`
  const about = why === '' ? '' : `: ${why}`
  return `${overdue ? 'OVERDUE: ' : ''}held by ${by} since ${since}${about}; ${counted(pending.changes, 'change')} ${pending.changes === 1 ? 'waits' : 'wait'}, ${size(pending.bytes)}`
}

export function statusReport({ roots, receivers }: StatusAnswer, now: Date, page: Page): string {
  const rootTable = table(
    ['ROOT', 'STATE', 'SEQUENCE', 'ENTRIES', 'SIZE', 'WATCH', 'PROBLEMS'],
    roots.map(rootRow),
    page,
  )
  const hooks = hookTable(roots, page)
  const receiverTable = table(
    ['RECEIVER', 'ROOT', 'STATE', 'SEQUENCE', 'BEHIND', 'LAST SEEN'],
    receivers.map((receiver) => receiverRow(receiver, now)),
    page,
  )
  if (receiverTable === '')
    return `${rootTable}${hooks}\nno receiver is known yet: rootferry-agent token create NAME --join\n`
  return `${rootTable}${hooks}\n${receiverTable}\n${verdict(receivers, page.colour)}\n`
}

/** One line for each root and receiver, by its name: what of it changes seldom, and what a person wants to know then. */
export function stateLines({ roots, receivers }: StatusAnswer): Map<string, string> {
  const line = (...parts: (string | null)[]) => printable(parts.filter((part) => part !== null).join('; '))
  return new Map([
    ...roots.map(({ name, state, reason, hold, problemCount, log }): [string, string] => {
      const problems = problemCount === 0 ? null : counted(problemCount, 'problem')
      const held = hold === null ? null : `held by ${hold.by}${hold.overdue ? ', OVERDUE' : ''}`
      return [`root ${name}`, line(state, held, reason, problems, logNote(log))]
    }),
    ...receivers.map(({ name, root, state, owed, clash, lastError }): [string, string] => {
      return [`receiver ${name} of ${root}`, line(state, clash ?? lastError, owedText(owed))]
    }),
  ])
}

/**
 * When a fleet fills more than a screen, the last line is the one that is seen. A receiver of several roots is one
 * receiver, in the gravest of its states.
 */
function verdict(receivers: readonly ReceiverStatus[], colour: boolean): string {
  const states = [...Map.groupBy(receivers, ({ name }) => name).values()].map((ofRoots) =>
    GRAVEST_FIRST.find((state) => ofRoots.some((one) => one.state === state)),
  )
  const parts = GRAVEST_FIRST.toReversed().flatMap((state) => {
    const number = states.filter((one) => one === state).length
    return number === 0 ? [] : [paint(`${count(number)} ${state}`, RECEIVER_TONES[state], colour)]
  })
  return `receivers: ${parts.join(', ')}`
}

function rootRow(root: RootAnswer): Row {
  const { name, state, reason, sequence, entries, watch, problems, problemCount, hold, log } = root
  const { files, directories, symlinks, bytes } = entries
  const [problem] = problems
  const firstProblem = problem === undefined ? null : `first of its problems: ${problem.path}: ${problem.message}`
  return {
    cells: [
      { text: name },
      { text: hold === null ? state : `${state}, held`, tone: hold === null ? ROOT_TONES[state] : holdTone(hold) },
      right(String(sequence)),
      right(count(files + directories + symlinks)),
      right(size(bytes)),
      { text: watch.backend ?? '-', ...(watch.degraded === null ? {} : { tone: 'bad' as const }) },
      { ...right(count(problemCount)), ...(problemCount === 0 ? {} : { tone: 'warning' as const }) },
    ],
    note:
      haltedNote(root) ??
      reason ??
      (hold === null ? null : holdNote(hold)) ??
      logNote(log) ??
      watch.degraded ??
      firstProblem,
  }
}

function haltedNote({ name, state, reason }: RootAnswer): string | null {
  if (state !== 'halted' || reason === null) return null
  return `${reason}: mount it, put it back, or rootferry-agent guard accept ${name}`
}

/** Receivers that read the log get nothing while it is not written. */
function logNote(log: RootAnswer['log']): string | null {
  if (log === null) return null
  if (log.state === 'off' || log.state === 'refused') return `the log on NATS is not written: ${log.why ?? log.state}`
  const lacking = log.regions.find(({ why }) => why !== null)
  return lacking === undefined ? null : `region ${lacking.name} has no mirror of the log: ${lacking.why}`
}

function receiverRow(
  { name, root, state, sequence, lag, owed, clash, transport, region, lastSeenAt, lastError }: ReceiverStatus,
  now: Date,
): Row {
  const behind = lag.sequences === 0 || state === 'expected' ? '-' : `${count(lag.sequences)}, ${duration(lag.seconds)}`
  return {
    cells: [
      { text: name },
      { text: root },
      {
        text: transport === 'nats' ? `${state}, ${region === null ? 'nats' : `nats ${region}`}` : state,
        tone: RECEIVER_TONES[state],
      },
      right(String(sequence)),
      right(behind),
      { text: seen(state, lastSeenAt, now) },
    ],
    note: clash ?? lastError ?? owedText(owed),
  }
}

const MOST_NAMED = 3

function owedText({ count: number, paths }: ReceiverStatus['owed']): string | null {
  if (number === 0) return null
  const named = paths.slice(0, MOST_NAMED).map(({ path, code }) => `${path} (${code})`)
  const more = number - named.length
  return `cannot make right: ${named.join(', ')}${more > 0 ? ` and ${count(more)} more` : ''}`
}

function seen(state: ReceiverStatus['state'], lastSeenAt: string | null, now: Date): string {
  if (state !== 'offline' && state !== 'expected') return 'connected'
  if (lastSeenAt === null) return 'never'
  return `${duration(Math.max(0, (now.getTime() - Date.parse(lastSeenAt)) / 1000))} ago`
}

function right(text: string): Cell {
  return { text, right: true }
}
