/** What a session says about itself: to the agent, and to the thread that serves. */
import { type DueRun, printable } from '@rootferry/host/machine'
import type { ToAgent, Welcome } from '@rootferry/protocol'
import type { DiskEvent, PathProblem } from '../root-messages.ts'
import type { Arrived } from './arrivals.ts'
import type { Durability } from './commit/durability.ts'
import type { Plan } from './ledger/operation.ts'
import type { Target } from './target.ts'

/** The bound of the `failing` message. */
const MOST_MESSAGE = 1_000
/** Paths of a commit that a log line names. */
const MOST_NAMED = 1_000

/** The content of the hello, with which the welcome is compared. */
export interface Greeting {
  epoch: string | null
  sequence: number
  target: 'empty' | 'populated'
  /** The end of what is prepared; null: nothing is. */
  prepared: number | null
}

interface Teller {
  send(message: ToAgent): void
  event(event: DiskEvent): void
}

/** No word of the agent is awaited. */
export const NOT_PREPARED = { type: 'prepared', sequence: null, doubtMs: 0 } as const

export function tellWelcomed({ event }: Pick<Teller, 'event'>, welcome: Welcome): void {
  const { start, sequence, head, reason } = welcome
  event(NOT_PREPARED)
  event({ type: 'log', level: 'info', message: 'welcomed by the agent', details: { start, sequence, head, reason } })
}

/** Behind in another epoch are all receivers alike. */
export function standingOf(welcome: Welcome, greeting: Greeting): DiskEvent {
  const { epoch, sequence, head, start, othersCurrent, released, clash } = welcome
  const isSame = epoch === greeting.epoch
  const isBehind = othersCurrent && isSame && (start === 'resync' || sequence < head)
  const leftBehind = isSame && greeting.sequence < released ? released : null
  return { type: 'standing', sequence: start === 'replay' ? sequence : 0, head, isBehind, leftBehind, clash }
}

/** Of a series that does not fit: the others of the round need not wait, and what visitors see here is whole. */
export function unfitFailure({ path, code, message }: PathProblem): { code: string; message: string } {
  const sentence = message.startsWith(`${code}: `) ? message.slice(code.length + 2) : `${printable(path)} ${message}`
  return { code, message: sentence.slice(0, MOST_MESSAGE) }
}

export function tellCommitted(
  parts: Teller & { target: Target; durability: Durability; now(): number },
  { header, arrival, bytes }: Arrived,
  { tally, micros, due }: { tally: Plan['tally']; micros: number; due: readonly DueRun[] },
  startedAt: number,
): void {
  const { target, durability, send, event, now } = parts
  const { request, to, head } = header
  // Before the commit is an event: readiness that waits for a hook must not come back in between. And before the agent
  // hears of it: it must hear first that this node is not ready, because its own hooks wait for that.
  for (const run of due) event({ type: 'due', ...run })
  if (request === null) send({ type: 'committed', sequence: to, burstMicros: micros })
  else send({ type: 'repaired', request })
  const entries = arrival.paths.length
  event({
    type: 'committed',
    sequence: to,
    head,
    as: request === null ? 'changeset' : 'repair',
    ...tally,
    bytes,
    entries,
    ms: now() - startedAt,
    burstMs: micros / 1000,
  })
  if (target.namesPaths) {
    const paths = arrival.paths.slice(0, MOST_NAMED).map(printable)
    event({ type: 'log', level: 'debug', message: 'paths of the commit', details: { sequence: to, paths } })
  }
  durability.committed(arrival.paths, target.ledger.position)
}
