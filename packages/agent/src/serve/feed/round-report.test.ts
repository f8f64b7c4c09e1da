/** What is told of rounds: outcomes, and how far apart members began to show a release. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { roundAnswer } from '../round-answer.ts'
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
  lateReaders: [],
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

  it('names the readers of the log that were slow, while the log itself is a member like others', () => {
    const slow = { ...report('over', {}), lateReaders: ['web7'] }
    assert.equal(outcomeOf(slow), 'partial')
    assert.deepEqual(leftBehind(slow), ['web7'])
    const names = roundAnswer('site', slow).members.map(({ name, state }) => [name, state])
    assert.deepEqual(names, [
      ['web0', 'committed'],
      ['web7', 'left-behind'],
    ])
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
