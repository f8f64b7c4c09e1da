/**
 * The life of a root: the complete table of states and events, and the meaning of each state for scans and operators.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  answerToAcceptance,
  type LifeEffect,
  type LifeEvent,
  type RootLife,
  type ScanMode,
  scanModeOf,
  statusOf,
  step,
  wantsDocroot,
} from './root-life.ts'

const LIVES = {
  starting: { at: 'starting' },
  unavailable: { at: 'unavailable', reason: 'gone' },
  scanning: { at: 'scanning', isAccepted: false },
  'scanning, accepted': { at: 'scanning', isAccepted: true },
  ready: { at: 'ready' },
  'halted, open': { at: 'halted', reason: 'emptied', docroot: 'open', isAccepted: false },
  'halted, closed': { at: 'halted', reason: 'replaced', docroot: 'closed', isAccepted: false },
  'halted, closed, accepted': { at: 'halted', reason: 'replaced', docroot: 'closed', isAccepted: true },
  'halted, missing': { at: 'halted', reason: 'gone', docroot: 'missing', isAccepted: false },
  closed: { at: 'closed' },
} as const satisfies Record<string, RootLife>

const EVENTS = {
  found: { type: 'found', fault: null },
  'another found': { type: 'found', fault: 'replaced' },
  missing: { type: 'missing', reason: 'gone', isIndexEmpty: false },
  'missing, nothing known': { type: 'missing', reason: 'gone', isIndexEmpty: true },
  displaced: { type: 'displaced' },
  passed: { type: 'passed' },
  stopped: { type: 'stopped', reason: 'emptied' },
  accepted: { type: 'accepted' },
  closed: { type: 'closed' },
} as const satisfies Record<string, LifeEvent>

type LifeName = keyof typeof LIVES
type Row = Record<
  keyof typeof EVENTS,
  [LifeName | { at: 'halted'; reason: string; docroot: 'closed' }, ...LifeEffect[]]
>

const RELEASED: [LifeName, ...LifeEffect[]] = ['closed', 'release']

const TABLE: Record<LifeName, Row> = {
  starting: {
    found: ['scanning', 'watch-docroot'],
    'another found': ['halted, closed', 'tell-halted'],
    missing: ['halted, missing', 'tell-halted'],
    'missing, nothing known': ['unavailable', 'tell-unavailable'],
    displaced: ['starting'],
    passed: ['starting'],
    stopped: ['starting'],
    accepted: ['starting'],
    closed: ['closed'],
  },
  unavailable: {
    found: ['scanning', 'watch-docroot'],
    'another found': ['halted, closed', 'tell-halted'],
    missing: ['halted, missing', 'tell-halted'],
    'missing, nothing known': ['unavailable'],
    displaced: ['unavailable'],
    passed: ['unavailable'],
    stopped: ['unavailable'],
    accepted: ['unavailable'],
    closed: ['closed'],
  },
  scanning: {
    found: ['scanning'],
    'another found': ['scanning'],
    missing: ['halted, missing', 'close-docroot', 'tell-halted'],
    'missing, nothing known': ['unavailable', 'close-docroot', 'tell-unavailable'],
    displaced: ['starting', 'close-docroot'],
    passed: ['ready', 'tell-ready'],
    stopped: ['halted, open', 'tell-halted'],
    accepted: ['scanning'],
    closed: ['closed', 'close-docroot'],
  },
  'scanning, accepted': {
    found: ['scanning, accepted'],
    'another found': ['scanning, accepted'],
    missing: ['halted, missing', 'close-docroot', 'tell-halted'],
    'missing, nothing known': ['unavailable', 'close-docroot', 'tell-unavailable'],
    displaced: ['starting', 'close-docroot'],
    passed: ['ready', 'tell-ready'],
    stopped: ['halted, open', 'tell-halted'],
    accepted: ['scanning, accepted'],
    closed: ['closed', 'close-docroot'],
  },
  ready: {
    found: ['ready'],
    'another found': ['ready'],
    missing: ['halted, missing', 'close-docroot', 'tell-halted'],
    'missing, nothing known': ['unavailable', 'close-docroot', 'tell-unavailable'],
    displaced: ['starting', 'close-docroot'],
    passed: ['ready'],
    stopped: ['halted, open', 'tell-halted'],
    accepted: ['ready'],
    closed: ['closed', 'close-docroot'],
  },
  'halted, open': {
    found: ['halted, open'],
    'another found': ['halted, open'],
    missing: ['halted, missing', 'close-docroot', 'tell-halted'],
    'missing, nothing known': ['unavailable', 'close-docroot', 'tell-unavailable', 'release'],
    displaced: [{ at: 'halted', reason: 'emptied', docroot: 'closed' }, 'close-docroot'],
    passed: ['ready', 'tell-ready', 'release'],
    stopped: ['halted, open'],
    accepted: ['scanning, accepted', 'scan-whole', 'release'],
    closed: ['closed', 'close-docroot', 'release'],
  },
  'halted, closed': {
    found: ['scanning', 'watch-docroot', 'release'],
    'another found': ['halted, closed'],
    missing: ['halted, missing', 'tell-halted'],
    'missing, nothing known': ['unavailable', 'tell-unavailable', 'release'],
    displaced: ['halted, closed'],
    passed: ['halted, closed'],
    stopped: ['halted, closed'],
    accepted: ['halted, closed, accepted', 'look-for-docroot'],
    closed: RELEASED,
  },
  'halted, closed, accepted': {
    found: ['scanning, accepted', 'watch-docroot', 'release'],
    'another found': ['scanning, accepted', 'watch-docroot', 'release'],
    missing: ['halted, missing', 'tell-halted'],
    'missing, nothing known': ['unavailable', 'tell-unavailable', 'release'],
    displaced: ['halted, closed, accepted'],
    passed: ['halted, closed, accepted'],
    stopped: ['halted, closed, accepted'],
    accepted: ['halted, closed, accepted', 'look-for-docroot'],
    closed: RELEASED,
  },
  'halted, missing': {
    found: ['scanning', 'watch-docroot', 'release'],
    'another found': ['halted, closed', 'tell-halted'],
    missing: ['halted, missing'],
    'missing, nothing known': ['unavailable', 'tell-unavailable', 'release'],
    displaced: ['halted, missing'],
    passed: ['halted, missing'],
    stopped: ['halted, missing'],
    accepted: ['halted, missing'],
    closed: RELEASED,
  },
  closed: {
    found: ['closed'],
    'another found': ['closed'],
    missing: ['closed'],
    'missing, nothing known': ['closed'],
    displaced: ['closed'],
    passed: ['closed'],
    stopped: ['closed'],
    accepted: ['closed'],
    closed: ['closed'],
  },
}

for (const [from, row] of Object.entries(TABLE) as [LifeName, Row][]) {
  test(`what follows ${from}`, () => {
    for (const [name, [to, ...effects]] of Object.entries(row) as [keyof Row, Row[keyof Row]][]) {
      const expected = typeof to === 'string' ? LIVES[to] : { ...to, isAccepted: false }
      assert.deepEqual(step(LIVES[from], EVENTS[name]), { life: expected, effects }, name)
    }
  })
}

test('a directory is opened where the life continues with it', () => {
  const wanting = Object.entries(LIVES).flatMap(([name, life]) =>
    [null, 'replaced'].flatMap((fault) => (wantsDocroot(life, fault) ? [`${name}: ${fault}`] : [])),
  )
  assert.deepEqual(wanting, [
    'starting: null',
    'unavailable: null',
    'halted, closed: null',
    'halted, closed, accepted: null',
    'halted, closed, accepted: replaced',
    'halted, missing: null',
  ])
})

test('a reason that changes is told, and the root stays halted', () => {
  const halted = LIVES['halted, open']
  const { life, effects } = step(halted, { type: 'stopped', reason: 'mass deletion' })
  assert.deepEqual([life, effects], [{ ...halted, reason: 'mass deletion' }, ['tell-halted']])
})

const MEANING: Record<LifeName, [ScanMode, string, string | null, string]> = {
  starting: ['none', 'scanning', null, 'not-halted'],
  unavailable: ['none', 'unavailable', 'gone', 'not-halted'],
  scanning: ['judged', 'scanning', null, 'not-halted'],
  'scanning, accepted': ['accepted', 'scanning', null, 'not-halted'],
  ready: ['judged', 'ready', null, 'not-halted'],
  'halted, open': ['halted', 'halted', 'emptied', 'accepted'],
  'halted, closed': ['none', 'halted', 'replaced', 'accepted'],
  'halted, closed, accepted': ['none', 'halted', 'replaced', 'accepted'],
  'halted, missing': ['none', 'halted', 'gone', 'root-missing'],
  closed: ['none', 'scanning', null, 'not-halted'],
}

test('what a state means to scans, to status and to an operator who accepts', () => {
  for (const [name, [mode, state, reason, answer]] of Object.entries(MEANING) as [
    LifeName,
    (typeof MEANING)[LifeName],
  ][]) {
    assert.equal(scanModeOf(LIVES[name], false), mode, name)
    assert.equal(scanModeOf(LIVES[name], true), mode === 'judged' ? 'held' : mode, name)
    assert.deepEqual(statusOf(LIVES[name]), { state, reason }, name)
    assert.equal(answerToAcceptance(LIVES[name]), answer, name)
  }
})
