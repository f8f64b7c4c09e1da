/** The reports of status and resync, and the exit codes that follow from them. */
import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import type { ResyncStatus } from '../serve/schemas/resyncs.ts'
import type { ReceiverStatus, RootAnswer } from '../serve/schemas/status.ts'
import { progressLines, resyncExitCode, resyncReport, unfinished } from './resync-report.ts'
import { isDegraded, statusReport } from './status-report.ts'

const PAGE = { colour: false, width: Number.POSITIVE_INFINITY }
const NOW = new Date('2026-01-31T08:15:00.000Z')

const hold = {
  id: 'h1',
  sequence: 7,
  since: '2026-01-31T08:00:00.000Z',
  reason: 'deploy',
  by: 'ops',
  overdue: false,
  refused: null,
  pending: { changes: 1_200, bytes: 3_000_000 },
}

const root = (change: Partial<RootAnswer> = {}): RootAnswer => ({
  name: 'shop',
  epoch: 'e',
  sequence: 24_393,
  state: 'ready',
  reason: null,
  entries: { files: 20_000, directories: 4_000, symlinks: 392, bytes: 221_900_000 },
  watch: { backend: 'directory', degraded: null },
  problems: [],
  problemCount: 0,
  scanningSince: null,
  oldestHintAt: null,
  hold: null,
  hooks: [],
  log: null,
  ...change,
})
const receiver = (change: Partial<ReceiverStatus> = {}): ReceiverStatus => ({
  name: 'web1',
  root: 'shop',
  state: 'live',
  sequence: 24_393,
  durableSequence: 24_393,
  lag: { sequences: 0, seconds: 0 },
  toCome: { bytes: 0, share: null },
  owed: { count: 0, paths: [] },
  trash: null,
  clash: null,
  transport: null,
  region: null,
  connectedAt: NOW.toISOString(),
  lastSeenAt: NOW.toISOString(),
  lastError: null,
  ...change,
})
const fleet = (roots: RootAnswer[], receivers: ReceiverStatus[]) => ({
  version: '1',
  certificate: null,
  roots,
  receivers,
})

describe('a fleet is degraded', () => {
  for (const state of ['offline', 'resyncing', 'replaying', 'left-behind', 'awaiting-accept', 'failed'] as const) {
    it(`when a receiver is ${state}`, () => assert.ok(isDegraded(fleet([root()], [receiver(), receiver({ state })]))))
  }
  for (const state of ['halted', 'unavailable'] as const) {
    it(`when a root is ${state}`, () => assert.ok(isDegraded(fleet([root({ state })], [receiver()]))))
  }
  it('when a log is not written, or not mirrored in a region', () => {
    const log = { state: 'publishing' as const, sequence: 7, readers: 2, why: null, snapshot: null, regions: [] }
    const region = { name: 'west', readers: 1, behind: 0, why: null }
    const logged = (change: Partial<NonNullable<RootAnswer['log']>>) =>
      isDegraded(fleet([root({ log: { ...log, ...change } })], [receiver()]))
    assert.deepEqual([logged({}), logged({ regions: [region] })], [false, false])
    assert.ok(logged({ state: 'off', why: 'no server answers' }))
    assert.ok(logged({ regions: [{ ...region, behind: null, why: 'it cannot be reached' }] }))
  })
  it('but not when all are live, nor when there is no receiver yet', () => {
    assert.ok(!isDegraded(fleet([root()], [receiver()])))
    assert.ok(!isDegraded(fleet([root({ state: 'scanning' })], [])))
  })
})

test('status shows roots, then receivers, and says why one is not well', () => {
  const offline = receiver({
    name: 'web2',
    state: 'offline',
    lag: { sequences: 4_293, seconds: 750 },
    toCome: { bytes: 0, share: null },
    lastSeenAt: '2026-01-31T08:00:00.000Z',
    lastError: 'the connection was lost',
  })
  assert.equal(
    statusReport(fleet([root({ state: 'halted', reason: 'it is empty' })], [receiver(), offline]), NOW, PAGE),
    `ROOT  STATE   SEQUENCE  ENTRIES      SIZE  WATCH      PROBLEMS
shop  halted     24393   24,392  221.9 MB  directory         0
  it is empty: mount it, put it back, or rootferry-agent guard accept shop

RECEIVER  ROOT  STATE    SEQUENCE              BEHIND  LAST SEEN
web1      shop  live        24393                   -  connected
web2      shop  offline     24393  4,293, 12 min 30 s  15 min 0 s ago
  the connection was lost

receivers: 1 live, 1 offline
`,
  )
})

test('a receiver of two roots is counted once, in the gravest of its states', () => {
  const roots = [root(), root({ name: 'blog' })]
  const receivers = [
    receiver(),
    receiver({ root: 'blog', state: 'replaying' }),
    receiver({ name: 'web2' }),
    receiver({ name: 'web2', root: 'blog' }),
    receiver({ name: 'web3', state: 'offline' }),
    receiver({ name: 'web3', root: 'blog', state: 'expected' }),
  ]
  assert.match(statusReport(fleet(roots, receivers), NOW, PAGE), /^receivers: 1 live, 1 replaying, 1 offline\n$/m)
})

const figures = (change: Partial<ResyncStatus['receivers'][string]> = {}): ResyncStatus['receivers'][string] => ({
  state: 'done',
  checked: 100,
  missing: 0,
  changed: 0,
  extraneous: 0,
  repaired: 0,
  bytes: 0,
  differences: [],
  error: null,
  ...change,
})
const resync = (receivers: ResyncStatus['receivers'], state: ResyncStatus['state'] = 'done'): ResyncStatus => ({
  id: 'r1',
  root: 'shop',
  check: 'metadata',
  dryRun: true,
  state,
  createdAt: NOW.toISOString(),
  finishedAt: NOW.toISOString(),
  paths: [],
  receivers,
})

test('a resync ends with 0 when nothing differed, 3 when anything did, 1 when it did not come to its end', () => {
  assert.equal(resyncExitCode(resync({ web1: figures() })), 0)
  for (const drift of [{ missing: 1 }, { changed: 1 }, { extraneous: 1 }]) {
    assert.equal(resyncExitCode(resync({ web1: figures(), web2: figures({ ...drift, repaired: 1 }) })), 3)
  }
  assert.equal(resyncExitCode(resync({ web1: figures({ missing: 1 }) }, 'failed')), 1)
  assert.equal(resyncExitCode(resync({ web1: figures() }, 'cancelled')), 1)
})

test('the report of a resync names what differed, escaped, and how much more there is', () => {
  const differences = Array.from({ length: 30 }, (_, number) => ({
    path: `a\u001b${number}`,
    kind: 'missing' as const,
  }))
  const report = resyncReport(resync({ web1: figures({ missing: 2_000, differences }) }), PAGE)
  assert.match(report, /^web1 +done +100 +2,000 +0 +0 +0 +0 B$/m)
  assert.match(report, /^web1 +missing +a\\u001b19$/m)
  assert.match(report, /^web1 +and 1,980 more$/m)
  assert.ok(!report.includes('\u001b'))
  assert.match(report, /resync r1 is done \(dry run: nothing was changed\)\n$/)
})

test('of several roots the report names the one of each path; of no receiver it says so', () => {
  const differences = [{ root: 'blog', path: 'index.php', kind: 'missing' as const }]
  assert.match(
    resyncReport(resync({ web1: figures({ missing: 1, differences }) }), PAGE),
    /missing +blog: index\.php$/m,
  )
  assert.match(resyncReport(resync({}), PAGE), /^no receiver was ever here/)
})

test('progress has a bar where all entries are compared, and those that are under way come first', () => {
  const both = { web1: figures(), web02: figures({ state: 'running', checked: 6_098 }) }
  const status = fleet([root()], [receiver(), receiver({ name: 'web02' })])
  assert.deepEqual(progressLines(resync(both, 'running'), status, true), [
    'web02  ██████░░░░░░░░░░░░░░░░░░  25%  6,098 compared, 0 differ, 0 repaired, 0 B',
    'web1   ████████████████████████ 100%  100 compared, 0 differ, 0 repaired, 0 B',
  ])
  assert.match(progressLines(resync(both, 'running'), status, false)[0] ?? '', /^web02 {2}6,098 compared/)
  const failed = resync({ web1: figures({ state: 'failed', error: 'a: EACCES' }) }, 'failed')
  assert.deepEqual(progressLines(failed, status, false), ['web1  failed: a: EACCES'])
})

describe('a resync that has not begun says what it waits for:', () => {
  const pending = resync({ web1: figures({ state: 'pending' }) }, 'running')
  const waits = (roots: RootAnswer[], receivers: ReceiverStatus[]) =>
    progressLines(pending, fleet(roots, receivers), false)
  it('a root', () =>
    assert.deepEqual(waits([root({ state: 'halted' })], [receiver()]), ['web1  waits: root shop is halted']))
  it('a release', () => assert.deepEqual(waits([root({ hold })], [receiver()]), ['web1  waits: root shop is held']))
  it('a receiver that is away', () =>
    assert.match(waits([root()], [receiver({ state: 'offline' })])[0] ?? '', /offline, runs when it is back$/))
  it('a receiver that catches up', () =>
    assert.match(waits([root()], [receiver({ state: 'replaying' })])[0] ?? '', /waits: replaying$/))
  it('its turn, whatever other roots and receivers do', () =>
    assert.match(
      waits(
        [root(), root({ name: 'blog', state: 'halted' })],
        [receiver(), receiver({ root: 'blog', state: 'failed' }), receiver({ name: 'web2', state: 'offline' })],
      )[0] ?? '',
      /waits for the look/,
    ))
})

test('a held root says who holds it, why and what waits; overdue or refused it needs somebody', () => {
  const held = fleet([root({ hold })], [receiver()])
  assert.equal(isDegraded(held), false)
  const report = statusReport(held, NOW, PAGE)
  assert.match(report, /ready, held/)
  assert.match(report, /held by ops since 2026-01-31T08:00:00.000Z: deploy; 1,200 changes wait, 3.0 MB/)
  const overdue = fleet([root({ hold: { ...hold, overdue: true } })], [receiver()])
  assert.equal(isDegraded(overdue), true)
  assert.match(statusReport(overdue, NOW, PAGE), /OVERDUE: held by ops/)
  const refused = fleet([root({ hold: { ...hold, refused: 'mass deletion: 9 of 10' } })], [receiver()])
  assert.equal(isDegraded(refused), true)
  assert.match(statusReport(refused, NOW, PAGE), /not released: mass deletion: 9 of 10/)
})

it('a receiver that owes a path is degraded, and the report names the path; one that never came is not degraded', () => {
  const owing = receiver({ owed: { count: 5, paths: [{ path: 'a/b', code: 'EPERM' }] } })
  assert.ok(isDegraded(fleet([root()], [owing])))
  assert.match(statusReport(fleet([root()], [owing]), NOW, PAGE), /cannot make right: a\/b \(EPERM\) and 4 more/)
  assert.ok(!isDegraded(fleet([root()], [receiver({ state: 'expected', lastSeenAt: null })])))
})

test('a part of a resync is stuck while its receiver is away or cannot commit, or its root stands still', () => {
  const part = resync({ web1: figures({ state: 'pending' }), web2: figures() }, 'running')
  const stuck = (roots: RootAnswer[], state: ReceiverStatus['state']) =>
    unfinished(part, fleet(roots, [receiver({ state }), receiver({ name: 'web2' })]))
  for (const state of ['offline', 'expected', 'awaiting-accept', 'failed'] as const)
    assert.deepEqual(stuck([root()], state), [{ name: 'web1', why: state, isStuck: true }])
  for (const state of ['live', 'replaying', 'resyncing'] as const)
    assert.equal(stuck([root()], state)[0]?.isStuck, false)
  for (const [change, why] of [
    [{ state: 'halted' }, 'root shop is halted'],
    [{ hold }, 'root shop is held'],
  ] as const)
    assert.deepEqual(stuck([root(change)], 'live'), [{ name: 'web1', why, isStuck: true }])
})
