/** Where a receiver may begin: every way in which its position can be known, unknown or wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Hello } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import { decideStart, type IndexPosition, preparedOf, roundToComplete } from './start-decision.ts'

const index: IndexPosition = {
  epoch: 'E',
  head: 100,
  horizon: 40,
  movedOn: () => [],
  endWithin: (from, changes) => from + changes,
  knows: (term, sequence) => term === 'T' && sequence <= 90,
}
const hello: Hello = {
  type: 'hello',
  software: '0',
  root: 'shop',
  epoch: 'E',
  term: 'T',
  sequence: 80,
  durable: 80,
  target: 'populated',
  partials: [],
  encodings: ['tar'],
  prepared: null,
  credit: 1,
}

const cases: [string, Partial<Hello>, 'replay' | 'resync', number][] = [
  ['a known position replays from there', {}, 'replay', 80],
  ['a position at the horizon replays', { sequence: 40 }, 'replay', 40],
  ['a position below the horizon compares', { sequence: 39 }, 'resync', 100],
  ['a position ahead of the index compares', { sequence: 101 }, 'resync', 100],
  ['a sequence of a term that the index never finished compares', { sequence: 95 }, 'resync', 100],
  ['a term that the index does not know compares', { term: 'other' }, 'resync', 100],
  ['another epoch compares', { epoch: 'other' }, 'resync', 100],
  ['a first join with content compares', { epoch: null, term: null, sequence: 0 }, 'resync', 100],
  [
    'a first join of an empty target replays everything',
    { epoch: null, term: null, sequence: 0, target: 'empty' },
    'replay',
    0,
  ],
  ['another epoch on an emptied target replays everything', { epoch: 'other', target: 'empty' }, 'replay', 0],
  ['an emptied target with a good position continues from it', { target: 'empty' }, 'replay', 80],
]
for (const [name, change, start, sequence] of cases) {
  test(name, () => {
    const decision = decideStart({ ...hello, ...change }, index)
    assert.deepEqual([decision.start, decision.sequence], [start, sequence], decision.reason)
  })
}

test('a replay builds on what is staged of this epoch, of a known term, and from where it begins', () => {
  const built = (change: Partial<Hello>) => {
    const said = { ...hello, prepared: { sequence: 88, term: 'T' }, ...change }
    return preparedOf(said, decideStart(said, index), index)
  }
  assert.equal(built({}), 88)
  assert.equal(built({ prepared: null }), null)
  assert.equal(built({ prepared: { sequence: 95, term: 'T' } }), null)
  assert.equal(built({ prepared: { sequence: 70, term: 'T' } }), null)
  assert.equal(built({ sequence: 39 }), null, 'it compares')
  assert.equal(built({ epoch: 'other', target: 'empty', sequence: 0 }), null)
})

test('what is staged is completed to the end of the last round, unless that is more than can be staged', () => {
  assert.equal(roundToComplete(80, 80 + BOUNDS.roundChanges, index), 80 + BOUNDS.roundChanges)
  assert.equal(roundToComplete(80, 81 + BOUNDS.roundChanges, index), null)
})
