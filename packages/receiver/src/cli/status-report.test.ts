/** The report of a receiver's status. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReceiverStatus, RootAnswer } from '../serve/http/status-schema.ts'
import { newRootState } from '../serve/root-state.ts'
import { statusReport } from './status-report.ts'

const PAGE = { colour: false, width: Number.POSITIVE_INFINITY }
const NOW = new Date('2026-01-31T08:15:00.000Z')

function status(change: Partial<RootAnswer>): ReceiverStatus {
  const { head: _, disconnected: __, owed: ___, ...state } = newRootState('shop', { at: NOW, ms: 0 })
  const plain: RootAnswer = {
    ...state,
    problems: [],
    problemCount: 0,
    clash: null,
    hooks: [],
    firstJoin: null,
    disconnectedAt: null,
    inDoubt: null,
    lag: { sequences: 0 },
    connected: true,
    phase: 'live',
  }
  return { version: '1', name: 'web1', ready: true, reasons: [], roots: [{ ...plain, ...change }] }
}

test('the state is one word, and a node that is behind alone is left-behind', () => {
  const word = (change: Partial<RootAnswer>) =>
    / (\S+)/.exec(statusReport(status(change), NOW, PAGE).split('\n')[1] ?? '')?.[1]
  assert.equal(word({}), 'live')
  assert.equal(word({ phase: 'replaying', isBehindOthers: true }), 'left-behind')
  assert.equal(word({ phase: 'replaying', isBehindOthers: true, connected: false }), 'offline')
  assert.equal(word({ failing: 'ENOSPC: full' }), 'failed')
  assert.equal(word({ awaitsAccept: true }), 'awaiting-accept')
})

test('a node whose token another node uses says so, and counts all its problems', () => {
  const problems = [{ path: 'a', code: 'EPERM', message: 'not permitted' }]
  const report = statusReport(
    status({ clash: 'two nodes use the token of web1', problems, problemCount: 130 }),
    NOW,
    PAGE,
  )
  assert.match(report, /^shop +live +0 +- +130 .*\n {2}two nodes use the token of web1$/m)
})

test('hooks have a table of their own, with the error of the one that fails', () => {
  const hook = { command: '/bin/reload php', readyAfter: true, isDue: false, runs: 1_200, failures: 0, lastError: null }
  const failing = { ...hook, command: 'purge', isDue: true, runs: 3, failures: 2, lastError: 'failed: exit code 7' }
  const report = statusReport(status({ hooks: [hook, failing] }), NOW, PAGE)
  assert.match(
    report,
    /^HOOK +ROOT +STATE +RUNS +FAILED\n\/bin\/reload php +shop +idle +1,200 +0\npurge +shop +failing +3 +2\n {2}failed: exit code 7\n\nready\n$/m,
  )
  assert.doesNotMatch(statusReport(status({}), NOW, PAGE), /HOOK/)
})
