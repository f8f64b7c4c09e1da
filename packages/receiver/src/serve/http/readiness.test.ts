/** Whether a load balancer may send visitors: a table of every reason against it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RootState } from '../root-state.ts'
import { NOT_READY, notReady, notReadyReason, staleSince } from './readiness.ts'

const NOW_MS = 100_000_000
/** The wall clock may say anything: it may have been set meanwhile. */
const secondsAgo = (seconds: number) => ({ at: new Date(0), ms: NOW_MS - seconds * 1000 })

const live: RootState = {
  root: 'shop',
  phase: 'live',
  connected: true,
  transport: 'websocket',
  disconnected: null,
  synced: true,
  isInService: true,
  isBehindOthers: false,
  leftBehind: null,
  returning: [],
  prepared: null,
  inDoubtSince: null,
  sequence: 7,
  durableSequence: 7,
  head: 7,
  staged: { entries: 0, bytes: 0 },
  copied: 0,
  lastError: null,
  failing: null,
  problems: [],
  owed: 0,
  clash: null,
  trash: { batches: 0, bytes: 0, oldestAt: null },
  differences: { missing: 0, changed: 0, extraneous: 0 },
  firstJoin: null,
  awaitsAccept: false,
  hooks: [],
  wasComplete: true,
}

const hook = { command: 'reload', readyAfter: false, isDue: true, runs: 0, failures: 0, lastError: null }

describe('a root is ready', () => {
  const CASES: [what: string, change: Partial<RootState>][] = [
    ['when it is live', {}],
    ['while the whole target is compared', { phase: 'resyncing' }],
    ['while it replays what it missed', { phase: 'replaying', sequence: 3 }],
    ['a while after its connection was lost', { phase: 'idle', connected: false, disconnected: secondsAgo(59) }],
    ['while a hook is due that it does not wait for', { hooks: [hook] }],
    ['when it is back, and the hooks of that have run, well or not', { returning: [0], hooks: [{ ...hook, runs: 1 }] }],
    ['with a path that could not be made right', { problems: [{ path: 'a', code: 'EPERM', message: 'no' }] }],
  ]
  for (const [what, change] of CASES) {
    it(what, () => assert.equal(notReadyReason({ ...live, ...change }, 60, NOW_MS), null))
  }
})

describe('a root is not ready', () => {
  const CASES: [what: string, change: Partial<RootState>, reason: RegExp][] = [
    [
      'before its first sync is complete',
      { synced: false, isInService: false, wasComplete: false, phase: 'replaying' },
      /^shop: the first sync is not complete$/,
    ],
    [
      'after a start until it has caught up',
      {
        synced: false,
        isInService: false,
        phase: 'replaying',
        problems: [{ path: 'a', code: 'EPERM', message: 'no' }],
      },
      /^shop: the receiver has started, and has not caught up yet; paths that cannot be made right: a \(EPERM\)$/,
    ],
    ['while it alone is behind', { phase: 'replaying', isBehindOthers: true }, /^shop: it missed changes that other/],
    [
      'while a hook that it waits for is due',
      {
        hooks: [{ command: 'reload', readyAfter: true, isDue: true, runs: 1, failures: 1, lastError: 'failed' }],
      },
      /^shop: the hook reload has not run: failed$/,
    ],
    [
      'while a hook is due that is to run before it comes back',
      { returning: [null, 2], hooks: [hook, { ...hook, runs: 2 }] },
      /^shop: the hook reload has not run$/,
    ],
    ['when it cannot commit', { failing: 'ENOSPC: no space' }, /^shop: ENOSPC/],
    [
      'while its first join waits to be accepted',
      { synced: false, awaitsAccept: true },
      /rootferry-receiver accept shop$/,
    ],
    ['too long after its connection was lost', { connected: false, disconnected: secondsAgo(60) }, /for 60 s$/],
  ]
  for (const [what, change, reason] of CASES) {
    it(what, () => assert.match(notReadyReason({ ...live, ...change }, 60, NOW_MS) ?? 'ready', reason))
  }
})

it('has a word for each reason, which metrics have as their label', () => {
  const CASES: [Partial<RootState>, string][] = [
    [{ awaitsAccept: true }, 'awaiting-accept'],
    [{ failing: 'ENOSPC: no space' }, 'failing'],
    [{ hooks: [{ command: 'reload', readyAfter: true, isDue: true, runs: 0, failures: 0, lastError: null }] }, 'hook'],
    [{ isBehindOthers: true }, 'behind'],
    [{ leftBehind: 9 }, 'left-behind'],
    [{ inDoubtSince: new Date(0) }, 'in-doubt'],
    [{ isInService: false, wasComplete: false }, 'first-sync'],
    [{ isInService: false }, 'starting'],
    [{ connected: false, disconnected: secondsAgo(60) }, 'stale'],
  ]
  assert.deepEqual(
    CASES.map(([change]) => notReady({ ...live, ...change }, 60, NOW_MS)?.word),
    CASES.map(([, word]) => word),
  )
  assert.deepEqual(
    CASES.map(([, word]) => word),
    [...NOT_READY],
  )
})

it('without a bound, a node stays ready however long its agent is away', () => {
  const lost = { ...live, connected: false, disconnected: secondsAgo(86_400) }
  assert.equal(notReadyReason(lost, null, NOW_MS), null)
  assert.deepEqual(staleSince([live, lost]), new Date(0))
  assert.equal(staleSince([live]), null)
})
