/** The effect of each event on a root: a table of the fields that it changes, and of no others. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MOST_KNOWN } from '../root-messages.ts'
import { newRootState, nextRootState, type RootEvent, type RootState } from './root-state.ts'

const AT = { at: new Date(0), ms: 0 }
const LATER = { at: new Date(1_000), ms: 1_000 }
const problem = (path: string, message = 'no') => ({ path, code: 'EPERM', message })
const commit = {
  type: 'committed',
  head: 9,
  added: 1,
  changed: 1,
  removed: 1,
  bytes: 5,
  entries: 3,
  ms: 7,
  burstMs: 2,
} as const
const position = {
  epoch: 'e',
  term: 't',
  sequence: 4,
  durable: 3,
  target: 'populated',
  partials: [],
  prepared: null,
} as const
const plan = {
  right: 1,
  missing: 2,
  missingBytes: 3,
  differing: 4,
  extraneous: 5,
  trash: null,
  entries: 9,
  replaced: 1,
  paths: [],
}
const status = { batches: 1, bytes: 2, oldestAt: null }
const hook = { command: 'reload', readyAfter: false, isDue: false, runs: 0, failures: 0, lastError: null }
const clash = { text: 'two nodes', heard: LATER }
const fresh = newRootState('shop', AT)

describe('an event changes', () => {
  const CASES: [event: RootEvent, before: Partial<RootState>, after: Partial<RootState>][] = [
    [
      { type: 'opened', sequence: 4, durable: 3 },
      { failing: 'x', problems: [problem('a')], owed: 101 },
      { failing: null, problems: [], owed: 0, sequence: 4, durableSequence: 3 },
    ],
    [{ type: 'refused', message: 'in use' }, {}, { failing: 'in use' }],
    [{ type: 'died' }, {}, { failing: 'the disk thread died, and is being restarted' }],
    [{ type: 'died' }, { failing: 'EIO: broken' }, { failing: 'EIO: broken' }],
    [
      { type: 'position', position: { ...position, partials: [], prepared: null } },
      {},
      { sequence: 4, durableSequence: 3 },
    ],
    [{ type: 'connected' }, { lastError: 'x' }, { connected: true, disconnected: null, lastError: null }],
    [
      { type: 'disconnected', error: 'lost' },
      { connected: true, disconnected: null },
      { connected: false, disconnected: LATER, lastError: 'lost' },
    ],
    [{ type: 'disconnected', error: 'refused' }, {}, { disconnected: AT, lastError: 'refused' }],
    [{ type: 'succeeded', before: { ...fresh, synced: true, sequence: 5 } }, {}, { synced: true }],
    [
      { type: 'succeeded', before: { ...fresh, isInService: true, isBehindOthers: true, leftBehind: 9, clash } },
      {},
      { isInService: true, isBehindOthers: true, leftBehind: 9, clash },
    ],
    [{ ...commit, sequence: 8, as: 'changeset' }, { sequence: 7 }, { sequence: 8, head: 9 }],
    [{ ...commit, sequence: 8, as: 'repair' }, { sequence: 7 }, { sequence: 7, head: 9 }],
    [{ ...commit, sequence: 8, as: 'overtake' }, { sequence: 7 }, { sequence: 7, head: 9 }],
    [{ type: 'durable', sequence: 6 }, {}, { durableSequence: 6 }],
    [{ type: 'phase', phase: 'live' }, {}, { phase: 'live', synced: true, isInService: true }],
    [
      { type: 'phase', phase: 'idle' },
      { phase: 'live', synced: true, isInService: true },
      { phase: 'idle', synced: true },
    ],
    [{ type: 'phase', phase: 'replaying' }, {}, { phase: 'replaying', synced: false }],
    [{ type: 'phase', phase: 'awaiting-accept' }, {}, { phase: 'awaiting-accept', awaitsAccept: true }],
    [{ type: 'phase', phase: 'idle' }, { awaitsAccept: true }, { phase: 'idle', awaitsAccept: true }],
    [{ type: 'phase', phase: 'resyncing' }, { awaitsAccept: true }, { phase: 'resyncing', awaitsAccept: true }],
    [{ type: 'phase', phase: 'replaying' }, { awaitsAccept: true }, { phase: 'replaying', awaitsAccept: false }],
    [{ type: 'accepted' }, { awaitsAccept: true }, { awaitsAccept: false }],
    [{ type: 'trash', status }, {}, { trash: status }],
    [
      { type: 'differences', missing: 1, changed: 2, extraneous: 3 },
      { differences: { missing: 1, changed: 1, extraneous: 1 } },
      { differences: { missing: 2, changed: 3, extraneous: 4 } },
    ],
    [{ type: 'first-join', plan }, {}, { firstJoin: plan }],
    [{ type: 'progress', entries: 2, bytes: 3 }, {}, { staged: { entries: 2, bytes: 3 } }],
    [{ type: 'copied', bytes: 4 }, { copied: 3 }, { copied: 7 }],
    [{ type: 'recovered' }, {}, {}],
    [{ type: 'failing', error: { code: 'ENOSPC', message: 'full', path: null } }, {}, { failing: 'ENOSPC: full' }],
    [{ type: 'failing', error: null }, { failing: 'x' }, { failing: null }],
    [
      { type: 'problem', ...problem('a', 'still no') },
      { problems: [problem('a'), problem('b')] },
      { problems: [problem('b'), problem('a', 'still no')] },
    ],
    [{ type: 'mended', paths: ['a', 'c'] }, { problems: [problem('a'), problem('b')] }, { problems: [problem('b')] }],
    [{ type: 'due', hook: 0, stamp: 1, reason: 'change', paths: ['a'], omitted: 0 }, {}, {}],
    [{ type: 'complete', isComplete: true }, {}, { wasComplete: true }],
    [
      { type: 'complete', isComplete: false },
      { wasComplete: true, isInService: true },
      { wasComplete: false, isInService: false },
    ],
    [
      { type: 'standing', sequence: 3, head: 9, isBehind: true, leftBehind: null, clash: null },
      {},
      { sequence: 3, head: 9, isBehindOthers: true },
    ],
    [
      { type: 'standing', sequence: 3, head: 9, isBehind: false, leftBehind: null, clash: 'two nodes' },
      {},
      { sequence: 3, head: 9, clash },
    ],
    [
      { type: 'resynced', sequence: 5, head: 9 },
      { leftBehind: 9, isBehindOthers: true },
      { sequence: 5, head: 9, leftBehind: 9, isBehindOthers: true },
    ],
    [{ type: 'leave', to: 9 }, { leftBehind: 5 }, { leftBehind: 9 }],
    [{ type: 'leave', to: 5 }, { leftBehind: 9 }, { leftBehind: 9 }],
    [{ type: 'resynced', sequence: 9, head: 9 }, { leftBehind: 9 }, { sequence: 9, head: 9, leftBehind: null }],
    [
      { ...commit, as: 'changeset', sequence: 9 },
      { leftBehind: 9, hooks: [hook, { ...hook, isDue: true, runs: 3 }] },
      { sequence: 9, head: 9, leftBehind: null, returning: [null, 3] },
    ],
    [{ ...commit, as: 'changeset', sequence: 9 }, { hooks: [{ ...hook, isDue: true }] }, { sequence: 9, head: 9 }],
    [{ type: 'owed', count: 151 }, {}, { owed: 151 }],
    [{ type: 'doubted' }, { prepared: 9 }, { inDoubtSince: LATER.at }],
    [{ type: 'waited' }, {}, {}],
    [{ type: 'waited' }, { wasComplete: true }, { isInService: true }],
    [{ type: 'waited' }, { wasComplete: true, connected: true }, {}],
    [{ type: 'hooks', hooks: [] }, {}, {}],
    [{ type: 'consumed', bytes: 1 }, {}, {}],
    [{ type: 'log', level: 'info', message: 'x', details: {} }, {}, {}],
    [{ type: 'broken', error: { code: 'content-mismatch', message: 'x' } }, {}, {}],
  ]
  for (const [event, before, after] of CASES) {
    it(`${event.type}: ${Object.keys(after).join(', ') || 'nothing'}`, () => {
      const state = { ...fresh, ...before }
      assert.deepEqual(nextRootState(state, event, LATER), { ...state, ...after })
    })
  }
})

it('of many problems the last are known', () => {
  const problems = Array.from({ length: MOST_KNOWN }, (_, number) => problem(`p${number}`))
  const state = nextRootState({ ...fresh, problems }, { type: 'problem', ...problem('new') }, LATER)
  assert.deepEqual([state.problems.length, state.problems[0]?.path, state.problems.at(-1)?.path], [100, 'p1', 'new'])
})
