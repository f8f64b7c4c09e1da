/** A session's bookkeeping: every message in every phase, then the rules one by one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS, ProtocolError, type ResyncProgress, type ToAgent, type Welcome } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import { LIVE_LAG_SECONDS, type Phase, SessionState } from './session-state.ts'

type Message = Exclude<ToAgent, { type: 'hello' }>

function welcome(start: 'replay' | 'resync', sequence: number): Welcome {
  const total = { entries: 0, bytes: 0 }
  return {
    type: 'welcome',
    software: '0',
    epoch: 'E',
    term: 'T',
    head: 100,
    start,
    sequence,
    reason: '',
    total,
    filter: [],
    othersCurrent: false,
    clash: null,
    prepared: null,
    released: 0,
  }
}

function stateIn(phase: Phase): SessionState {
  const state = new SessionState()
  if (phase === 'feeding') state.greeted(welcome('replay', 10), { durable: 8, credit: 1_000, epoch: 'E', sequence: 10 })
  if (phase === 'comparing')
    state.greeted(welcome('resync', 100), { durable: 8, credit: 1_000, epoch: 'E', sequence: 10 })
  return state
}

const REPORT: ResyncProgress = {
  type: 'resync-progress',
  id: 1,
  state: 'done',
  checked: 0,
  missing: 0,
  changed: 0,
  extraneous: 0,
  repaired: 0,
  bytes: 0,
  differences: [],
  error: null,
}

const messages: Record<Message['type'], Message> = {
  credit: { type: 'credit', bytes: 5 },
  committed: { type: 'committed', sequence: 20, burstMicros: 0 },
  durable: { type: 'durable', sequence: 10 },
  list: { type: 'list', request: 1, within: '.', after: null, digests: true },
  summarize: { type: 'summarize', request: 3, after: null, owners: true },
  expand: { type: 'expand', request: 4, within: ['a'], after: null },
  want: { type: 'want', request: 2, paths: [['a', null]] },
  repaired: { type: 'repaired', request: 2 },
  resynced: { type: 'resynced', sequence: 100 },
  failing: { type: 'failing', error: { code: 'ENOSPC', message: 'full' } },
  owed: { type: 'owed', count: 1, paths: [{ path: 'a', code: 'EPERM' }] },
  ready: { type: 'ready', ready: true },
  trash: { type: 'trash', batches: 1, bytes: 5, oldest: 1 },
  staged: { type: 'staged', sequence: 20 },
  left: { type: 'left', sequence: 20 },
  overtaken: { type: 'overtaken', sequence: 20 },
  'resync-progress': REPORT,
}
/** The effect of each message in each phase, while nothing is in progress. */
const table: Record<Phase, Record<Message['type'], 'taken' | 'refused'>> = {
  greeting: {
    credit: 'refused',
    committed: 'refused',
    durable: 'refused',
    list: 'refused',
    summarize: 'refused',
    expand: 'refused',
    want: 'refused',
    repaired: 'refused',
    resynced: 'refused',
    failing: 'refused',
    owed: 'refused',
    ready: 'refused',
    trash: 'refused',
    staged: 'refused',
    left: 'refused',
    overtaken: 'refused',
    'resync-progress': 'refused',
  },
  comparing: {
    credit: 'taken',
    committed: 'refused',
    durable: 'refused',
    list: 'taken',
    summarize: 'taken',
    expand: 'taken',
    want: 'taken',
    repaired: 'refused',
    resynced: 'taken',
    failing: 'taken',
    owed: 'taken',
    ready: 'taken',
    trash: 'taken',
    staged: 'refused',
    left: 'taken',
    overtaken: 'taken',
    'resync-progress': 'refused',
  },
  feeding: {
    credit: 'taken',
    committed: 'refused',
    durable: 'taken',
    list: 'taken',
    summarize: 'taken',
    expand: 'taken',
    want: 'taken',
    repaired: 'refused',
    resynced: 'refused',
    failing: 'taken',
    owed: 'taken',
    ready: 'taken',
    trash: 'taken',
    staged: 'refused',
    left: 'taken',
    overtaken: 'taken',
    'resync-progress': 'refused',
  },
}
for (const phase of ['greeting', 'comparing', 'feeding'] as const) {
  for (const [type, message] of Object.entries(messages)) {
    const expected = table[phase][message.type]
    test(`${type} is ${expected} while ${phase}`, () => {
      const attempt = () => stateIn(phase).receive(message)
      if (expected === 'taken') assert.doesNotThrow(attempt)
      else assert.throws(attempt, ProtocolError)
    })
  }
}

test('changesets are confirmed in the order they were sent, each once', () => {
  const state = stateIn('feeding')
  state.sentChangeset(20)
  state.sentChangeset(30)
  assert.throws(() => state.receive({ type: 'committed', sequence: 30, burstMicros: 0 }), ProtocolError)
  state.receive({ type: 'committed', sequence: 20, burstMicros: 0 })
  assert.throws(() => state.receive({ type: 'committed', sequence: 20, burstMicros: 0 }), ProtocolError)
  state.receive({ type: 'committed', sequence: 30, burstMicros: 0 })
  assert.deepEqual([state.committed, state.cursor], [30, 30])
})

test('durable never runs ahead of committed', () => {
  const state = stateIn('feeding')
  state.sentChangeset(20)
  assert.throws(() => state.receive({ type: 'durable', sequence: 20 }), ProtocolError)
  state.receive({ type: 'committed', sequence: 20, burstMicros: 0 })
  state.receive({ type: 'durable', sequence: 20 })
  assert.equal(state.durable, 20)
})

test('a receiver that confirms nothing is not fed without end', () => {
  const state = stateIn('feeding')
  for (let sent = 0; sent < BOUNDS.unconfirmedChangesets; sent += 1) {
    assert.ok(state.mayFeed(1_000))
    state.sentChangeset(11 + sent)
  }
  assert.ok(!state.mayFeed(1_000))
})

test('requests are bounded, those that are being answered included', () => {
  const state = stateIn('feeding')
  for (let request = 1; request <= LIMITS.openRequests; request += 1) {
    state.receive({ type: 'want', request, paths: [['a', null]] })
    state.requests.waiting.shift()
    state.requests.sentRepair(request)
  }
  assert.throws(() => state.receive({ type: 'want', request: 99, paths: [['a', null]] }), ProtocolError)
  state.receive({ type: 'repaired', request: 1 })
  assert.doesNotThrow(() => state.receive({ type: 'want', request: 99, paths: [['a', null]] }))
})

test('it is live when it has caught up, stays live while small changes flow, and says when it fails', () => {
  const state = stateIn('feeding')
  state.confirmedAt(100)
  assert.equal(state.statusAt(0), 'replaying')
  state.sentChangeset(100)
  state.receive({ type: 'committed', sequence: 100, burstMicros: 0 })
  assert.ok(!state.hasCaughtUp, 'to be asked for its status changes nothing')
  state.confirmedAt(100)
  assert.ok(state.hasCaughtUp)
  state.confirmedAt(101)
  assert.equal(state.statusAt(LIVE_LAG_SECONDS), 'live')
  state.receive(messages.failing)
  assert.equal(state.statusAt(0), 'failed')
  state.receive({ type: 'failing', error: null })
  assert.equal(state.statusAt(0), 'live')
})

test('it is live no more while it is far behind, and again as soon as it is not', () => {
  const state = stateIn('feeding')
  state.sentChangeset(100)
  state.receive({ type: 'committed', sequence: 100, burstMicros: 0 })
  state.confirmedAt(100)
  assert.equal(state.statusAt(0), 'live')
  assert.equal(state.statusAt(LIVE_LAG_SECONDS + 1), 'replaying')
  assert.ok(state.hasCaughtUp, 'its changesets still go ahead of bulk work')
  assert.equal(state.statusAt(1), 'live')
})

test('a resync ends where welcome said, and feeding begins there', () => {
  const state = stateIn('comparing')
  assert.ok(!state.mayFeed(1_000))
  state.receive({ type: 'resynced', sequence: 100 })
  assert.ok(state.mayFeed(101))
  assert.deepEqual([state.cursor, state.committed], [100, 100])
})

test('a resync reports until its end, and then no more', () => {
  const state = stateIn('feeding')
  state.resync = 7
  const report: ResyncProgress = { ...REPORT, id: 7 }
  assert.throws(() => state.receive(REPORT), ProtocolError)
  state.receive({ ...report, state: 'running' })
  state.receive({ ...report, state: 'cancelled' })
  assert.throws(() => state.receive(report), ProtocolError)
})

test('changes and answers take turns, and a listing waits while changes are due', () => {
  const state = stateIn('feeding')
  assert.equal(state.next(10, false), 'wait')
  assert.equal(state.next(11, false), 'feed')
  state.receive(messages.want)
  assert.equal(state.next(10, false), 'answer')
  assert.equal(state.next(11, false), 'feed')
  assert.equal(state.next(11, true), 'answer')
  state.requests.waiting.shift()
  state.receive(messages.list)
  assert.equal(state.next(11, true), 'feed')
  assert.equal(state.next(10, true), 'answer')
  for (let sent = 0; sent < BOUNDS.unconfirmedChangesets; sent += 1) state.sentChangeset(11 + sent)
  assert.equal(state.next(10 + BOUNDS.unconfirmedChangesets, false), 'answer')
  assert.equal(state.next(1_000, true), 'wait')
  const comparing = stateIn('comparing')
  comparing.receive(messages.list)
  assert.equal(comparing.next(1_000, false), 'answer')
})

test('a receiver that missed alone what others have is left behind until it has caught up', () => {
  const hello = { durable: 8, credit: 1_000, epoch: 'E', sequence: 10 }
  const alone = (change: Partial<Welcome> = {}, epoch = 'E') => {
    const state = new SessionState()
    state.greeted({ ...welcome('replay', 10), othersCurrent: true, ...change }, { ...hello, epoch })
    state.confirmedAt(100)
    return state
  }
  const state = alone()
  assert.equal(state.statusAt(0), 'left-behind')
  state.sentChangeset(100)
  state.receive({ type: 'committed', sequence: 100, burstMicros: 0 })
  state.confirmedAt(100)
  assert.equal(state.statusAt(0), 'live')
  assert.equal(state.statusAt(LIVE_LAG_SECONDS + 1), 'replaying')
  assert.equal(alone({ start: 'resync', sequence: 100 }).statusAt(0), 'left-behind')
  assert.equal(alone({ othersCurrent: false }).statusAt(0), 'replaying')
  assert.equal(alone({}, 'another').statusAt(0), 'replaying')
  assert.equal(alone({ sequence: 100 }).statusAt(0), 'live')
  assert.equal(alone({ othersCurrent: false, released: 11 }).statusAt(0), 'left-behind', 'a round went without it')
  assert.equal(alone({ othersCurrent: false, released: 10 }).statusAt(0), 'replaying')
  const left = alone({ sequence: 100 })
  assert.equal(left.statusAt(0), 'live')
  left.leave(100)
  assert.equal(left.statusAt(0), 'live', 'it has all of the round')
  left.leave(120)
  left.confirmedAt(120)
  assert.equal(left.statusAt(0), 'left-behind')
})
