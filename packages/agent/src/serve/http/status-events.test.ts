/** Which looks at the fleet become events, and which do not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RoundAnswer } from '../schemas/releases.ts'
import type { ResyncReceiver, ResyncStatus } from '../schemas/resyncs.ts'
import type { ReceiverStatus, RootAnswer } from '../schemas/status.ts'
import { EventLog } from './event-log.ts'
import { StatusEvents } from './status-events.ts'

const receiver: ReceiverStatus = {
  name: 'web1',
  root: 'shop',
  state: 'live',
  sequence: 1,
  durableSequence: 1,
  lag: { sequences: 0, seconds: 0 },
  toCome: { bytes: 0, share: null },
  owed: { count: 0, paths: [] },
  trash: null,
  clash: null,
  transport: null,
  region: null,
  connectedAt: 'then',
  lastSeenAt: 'then',
  lastError: null,
}
const figures: ResyncReceiver = {
  state: 'running',
  checked: 0,
  missing: 1,
  changed: 0,
  extraneous: 0,
  repaired: 0,
  bytes: 0,
  differences: [{ path: 'a', kind: 'missing' }],
  error: null,
}
const resync = (state: ResyncStatus['state'], checked: number): ResyncStatus => ({
  id: 'r1',
  root: 'shop',
  check: 'metadata',
  dryRun: false,
  state,
  createdAt: 'then',
  finishedAt: null,
  paths: [],
  receivers: { web1: { ...figures, checked } },
})

const ROOT: RootAnswer = {
  name: 'shop',
  epoch: 'e',
  sequence: 1,
  state: 'ready',
  reason: null,
  entries: { files: 0, directories: 1, symlinks: 0, bytes: 0 },
  watch: { backend: null, degraded: null },
  problems: [],
  problemCount: 0,
  scanningSince: null,
  oldestHintAt: null,
  hold: null,
  hooks: [],
  log: null,
}
const ROUND: RoundAnswer = {
  id: 'r1',
  root: 'shop',
  state: 'collect',
  outcome: null,
  from: 1,
  to: 2,
  stopped: null,
  changesets: 0,
  beganAt: 'then',
  endedAt: null,
  members: [],
  skewMs: null,
}

function eventsOf(tell: (events: StatusEvents) => void): { type: string; data: unknown }[] {
  const log = new EventLog('a')
  tell(new StatusEvents(log))
  return (log.after('a-0') ?? []).map(({ type, data }) => ({ type, data: JSON.parse(data) }))
}

test('a receiver is an event when its state, its connection or its error changes, and not when it only makes progress', () => {
  const told = eventsOf((events) => {
    events.receiver(receiver)
    events.receiver({ ...receiver, sequence: 2, lastSeenAt: 'later' })
    events.receiver({ ...receiver, state: 'failed', lastError: 'ENOSPC' })
    events.receiver({ ...receiver, state: 'failed', lastError: 'EROFS' })
    events.receiver({ ...receiver, name: 'web2' })
  })
  assert.equal(told.length, 4)
})

test('a resync is an event when it changes state, and once a second while it runs; its paths are left to the API', () => {
  const told = eventsOf((events) => {
    events.resync(resync('running', 0), 0)
    events.resync(resync('running', 10), 500)
    events.resync(resync('running', 20), 1_000)
    events.resync(resync('running', 25), 1_500)
    events.look(2_000)
    events.resync(resync('done', 30), 2_001)
  })
  assert.deepEqual(
    told.map(({ data }) => (data as ResyncStatus).receivers['web1']?.checked),
    [0, 20, 25, 30],
  )
  assert.ok(!JSON.stringify(told).includes('differences'))
})

test('many receivers that begin a resync at once are one event, and then one a second, with the last state of all', () => {
  const names = Array.from({ length: 1_000 }, (_, at) => `web${at}`)
  const begun = (count: number): ResyncStatus => ({
    ...resync('running', 0),
    receivers: Object.fromEntries(
      names.map((name, at) => [name, { ...figures, state: at < count ? ('running' as const) : ('pending' as const) }]),
    ),
  })
  const told = eventsOf((events) => {
    for (let count = 0; count <= 1_000; count += 1) events.resync(begun(count), count / 10)
    events.look(500)
    events.look(1_000)
    events.look(2_000)
  })
  const running = told.map(
    ({ data }) => Object.values((data as ResyncStatus).receivers).filter(({ state }) => state === 'running').length,
  )
  assert.deepEqual(running, [0, 1_000])
})

test('a changeset tells the slowest of the changes behind it', () => {
  const [slow, unknown] = eventsOf((events) => {
    events.changeset('shop', { receiver: 'web1', sequence: 7, seconds: [0.1, 0.4, 0.2] })
    events.changeset('shop', { receiver: 'web1', sequence: 8, seconds: [] })
  })
  assert.deepEqual(slow?.data, { root: 'shop', receiver: 'web1', sequence: 7, propagationSeconds: 0.4 })
  assert.deepEqual(unknown?.data, { root: 'shop', receiver: 'web1', sequence: 8, propagationSeconds: null })
})

test('a hold is an event when it begins, is overdue, or ends; and so is each state of a round', () => {
  const hold = { id: 'h1', sequence: 4, since: 'then', reason: '', by: 'ops', overdue: false, refused: null }
  const root = (held: object | null): RootAnswer => ({ ...ROOT, hold: held as RootAnswer['hold'] })
  const told = eventsOf((events) => {
    events.root(root(null))
    events.root(root({ ...hold, pending: { changes: 0, bytes: 0 } }))
    events.root(root({ ...hold, pending: { changes: 7, bytes: 9 } }))
    events.root(root({ ...hold, overdue: true, pending: { changes: 7, bytes: 9 } }))
    events.root(root(null))
    events.round(ROUND)
  })
  const holds = told.filter(({ type }) => type === 'hold').map(({ data }) => (data as { hold: object | null }).hold)
  assert.deepEqual(
    holds.map((one) => one !== null && 'overdue' in one && one.overdue),
    [false, true, false],
  )
  assert.equal(holds.at(-1), null)
  assert.deepEqual(told.filter(({ type }) => type === 'round').length, 1)
})
