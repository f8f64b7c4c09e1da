/** What is told of rounds: outcomes, and how far apart members began to show a release. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Member } from './round.ts'
import { hasGone, leftBehind, outcomeOf, type RoundReport, skewMs } from './round-report.ts'

const member = (given: Partial<Member>): Member => {
  return {
    standing: 'committed',
    isFailing: false,
    isReady: true,
    isLate: false,
    stagedMs: 1,
    committedMs: 9,
    burstMs: 2,
    ...given,
  }
}
const report = (at: RoundReport['at'], ...members: Partial<Member>[]): RoundReport => ({
  id: 'r1',
  at,
  from: 1,
  to: 2,
  isStep: false,
  stopped: null,
  changesets: 1,
  began: new Date(0),
  ended: null,
  members: new Map(members.map((given, number) => [`web${number}`, member(given)])),
})

describe('a report of a round', () => {
  it('has the outcome of its members', () => {
    assert.equal(outcomeOf(report('over', {}, {})), 'all')
    assert.equal(outcomeOf(report('over', {}, { standing: 'gone' })), 'partial')
    assert.equal(outcomeOf(report('over', {}, { isLate: true })), 'partial')
    assert.equal(outcomeOf(report('void', {}, {})), 'void')
    assert.equal(outcomeOf({ ...report('void', {}, { standing: 'staged' }), stopped: 'web1 was lost' }), 'partial')
    assert.equal(outcomeOf({ ...report('void', { standing: 'staged' }), stopped: 'web1 was lost' }), 'void')
    assert.deepEqual(leftBehind(report('over', {}, { isLate: true })), ['web1'])
  })

  it('counts the skew from the begin of each burst, and not who was late', () => {
    assert.equal(skewMs(report('over', {}, { committedMs: 30, burstMs: 20 }, { committedMs: 99, isLate: true })), 3)
    assert.equal(skewMs(report('over', {}, { committedMs: null })), null)
  })

  it('has gone from the decision on', () => {
    assert.deepEqual(
      (['collect', 'fence', 'decide', 'go', 'over', 'void'] as const).map((at) => hasGone({ at })),
      [false, false, false, true, true, false],
    )
  })
})
