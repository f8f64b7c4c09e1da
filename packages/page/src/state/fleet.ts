/**
 * What the page knows of the agent: the last status, and what events have said since. Pure: every step makes a new value
 * and leaves the old one as it was.
 */
import type { ReceiverStatus, ResyncSummary, RootAnswer, RoundAnswer, StatusAnswer } from '@rootferry/agent/api'

export type Root = Omit<RootAnswer, 'problems'> & {
  /** Null: they are other ones than those that were known. */
  problems: RootAnswer['problems'] | null
  /** A number that grows when the agent's history has another interval; 0: nothing was said of it yet. */
  interval: number
}

export interface Fleet {
  certificate: StatusAnswer['certificate']
  /** By name, in the order of the agent. */
  roots: ReadonlyMap<string, Root>
  /** By root and name. */
  receivers: ReadonlyMap<string, ReceiverStatus>
  /** By id, the newest first. */
  resyncs: ReadonlyMap<string, ResyncSummary>
  /** By id, the newest first. */
  rounds: ReadonlyMap<string, RoundAnswer>
}

/** An event `progress` of the agent. */
export interface ProgressEvent {
  root: string
  sequence: number
  entries: RootAnswer['entries']
  pending: { changes: number; bytes: number } | null
  interval: number
  /** How many there are in all. */
  fleet: { roots: number; receivers: number }
  receivers: Pick<ReceiverStatus, 'name' | 'sequence' | 'durableSequence' | 'lag' | 'toCome'>[]
}

export type FleetEvent =
  | { type: 'receiver'; data: ReceiverStatus }
  | { type: 'root'; data: Omit<RootAnswer, 'problems'> }
  | { type: 'resync'; data: ResyncSummary }
  | { type: 'round'; data: RoundAnswer }
  | { type: 'progress'; data: ProgressEvent }

/** Of resyncs, and of rounds. */
const MOST_LISTED = 100

/** The answers that a fleet begins with. */
export interface Snapshot {
  status: StatusAnswer
  resyncs: readonly ResyncSummary[]
  rounds: readonly RoundAnswer[]
}

export function fleetOf({ status, resyncs, rounds }: Snapshot): Fleet {
  return {
    certificate: status.certificate,
    roots: new Map(status.roots.map((root) => [root.name, { ...root, interval: 0 }])),
    receivers: new Map(status.receivers.map((receiver) => [keyOf(receiver), receiver])),
    resyncs: new Map(resyncs.map((resync) => [resync.id, resync])),
    rounds: new Map(rounds.map((round) => [round.id, round])),
  }
}

/** All events of a moment at once: a fleet of a thousand is copied once and not a thousand times. */
export function withEvents(fleet: Fleet, events: readonly FleetEvent[]): Fleet {
  const roots = new Map(fleet.roots)
  const receivers = new Map(fleet.receivers)
  const resyncs = new Map(fleet.resyncs)
  const rounds = new Map(fleet.rounds)
  for (const { type, data } of events) {
    if (type === 'receiver') receivers.set(keyOf(data), data)
    else if (type === 'root') roots.set(data.name, { ...data, ...keptOf(roots.get(data.name), data) })
    else if (type === 'resync') resyncs.set(data.id, data)
    else if (type === 'round') rounds.set(data.id, data)
    else progress(data, roots, receivers)
  }
  return { ...fleet, roots, receivers, resyncs: newest(resyncs, 'createdAt'), rounds: newest(rounds, 'beganAt') }
}

/** Whether a root or a receiver was taken away, or came, and no event has said which. */
export function isOther({ roots, receivers }: Fleet, events: readonly FleetEvent[]): boolean {
  const last = events.findLast(({ type }) => type === 'progress')
  if (last?.type !== 'progress') return false
  const { fleet } = last.data
  return fleet.roots !== roots.size || fleet.receivers !== receivers.size
}

export function keyOf({ root, name }: { root: string; name: string }): string {
  return `${root}/${name}`
}

/** An event leaves the paths of problems out: they are unknown when their number has changed. */
function keptOf(
  before: Root | undefined,
  { problemCount }: Pick<Root, 'problemCount'>,
): Pick<Root, 'problems' | 'interval'> {
  const known = before?.problemCount === problemCount ? before.problems : null
  return { problems: problemCount === 0 ? [] : known, interval: before?.interval ?? 0 }
}

function progress(
  { root: name, sequence, entries, pending, interval, receivers: news }: ProgressEvent,
  roots: Map<string, Root>,
  receivers: Map<string, ReceiverStatus>,
): void {
  const root = roots.get(name)
  if (root !== undefined) {
    const hold = root.hold === null || pending === null ? root.hold : { ...root.hold, pending }
    roots.set(name, { ...root, sequence, entries, hold, interval })
  }
  for (const each of news) {
    const key = keyOf({ root: name, name: each.name })
    const receiver = receivers.get(key)
    if (receiver !== undefined) receivers.set(key, { ...receiver, ...each })
  }
}

function newest<Item extends Record<Time, string>, Time extends string>(
  items: Map<string, Item>,
  time: Time,
): Map<string, Item> {
  const sorted = [...items].sort(([, one], [, other]) => (one[time] < other[time] ? 1 : -1))
  return new Map(sorted.slice(0, MOST_LISTED))
}
