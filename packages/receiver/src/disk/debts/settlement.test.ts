/** The effect of a commit on the debts: a table of what came, the outcome of the burst, and the consequences. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StagedChange } from '../files/staged-change.ts'
import type { BurstOutcome } from '../ledger/operation.ts'
import { type Arrival, dueDebts, type Settlement, settlement } from './settlement.ts'

const look = { mode: 0o644, uid: 1, gid: 1, mtime: 1 }
const whole = (path: string, size = 5): StagedChange => ({ kind: 'file', path, size, ...look, staged: '1' })
const kept = (path: string): StagedChange => ({ kind: 'file', path, size: 5, ...look, staged: null })
const gone = (path: string): StagedChange => ({ kind: 'absent', path })
const directory = (path: string): StagedChange => ({ kind: 'directory', path, ...look, staged: null })

function arrival(given: Partial<Arrival> & { staged: StagedChange[] }): Arrival {
  return { paths: given.staged.map(({ path }) => path), owed: [], asked: null, ...given }
}

describe('before the burst', () => {
  const CASES: [what: string, arrival: Arrival, hasDebts: boolean, cleared: string[], owed: string[]][] = [
    ['a changeset clears nothing where nothing is owed', arrival({ staged: [whole('a')] }), false, [], []],
    [
      'it clears what it brings whole, and not a file that keeps its content',
      arrival({ staged: [whole('a'), kept('b'), gone('c'), directory('d')] }),
      true,
      ['a', 'c', 'd'],
      [],
    ],
    [
      'what builds on something else than is here is owed',
      arrival({ staged: [whole('a')], paths: ['a', 'b'], owed: ['b'] }),
      false,
      [],
      ['b'],
    ],
    [
      'an answer clears all that was asked for',
      arrival({ staged: [whole('a'), gone('b')], asked: ['a', 'b'] }),
      true,
      ['a', 'b'],
      [],
    ],
    [
      'a path that an answer leaves out is owed again, as is one that builds on something else',
      arrival({ staged: [whole('a')], paths: ['a', 'b'], owed: ['b'], asked: ['a', 'b', 'c'] }),
      true,
      ['a', 'b', 'c'],
      ['b', 'c'],
    ],
  ]
  for (const [what, arrived, hasDebts, cleared, owed] of CASES) {
    it(what, () => assert.deepEqual(dueDebts(arrived, hasDebts, false), { cleared, owed }))
  }
})

it('after a loss of power a changeset owes the directories of its paths that it does not bring', () => {
  const owedBy = (...paths: string[]) => dueDebts(arrival({ staged: [], paths, owed: ['x'] }), false, true).owed
  assert.deepEqual(owedBy('.', 'a', 'b/c', 'b/d', 'e/f/g', 'e/f'), ['x', 'b', 'e'])
  assert.deepEqual(owedBy('a'), ['x', '.'])
})

const fine: BurstOutcome = { owed: [], failed: [], held: [], problems: [], unrestored: [], bordered: [], micros: 0 }
const problem = { path: 'p', code: 'EPERM', message: 'no' }
const COULD_NOT = 'could not be made right'

describe('after the burst', () => {
  const CASES: [what: string, arrival: Arrival, outcome: Partial<BurstOutcome>, after: Settlement][] = [
    [
      'all is right, and answers nothing, when nothing was asked for',
      arrival({ staged: [whole('a'), kept('b')] }),
      {},
      { right: ['a', 'b'], answered: null },
    ],
    [
      'what is owed, has failed or has a problem is not right',
      arrival({
        staged: [whole('f'), whole('p'), kept('o'), whole('a')],
        paths: ['f', 'p', 'o', 'x', 'a'],
        owed: ['x'],
      }),
      { owed: ['o'], failed: ['f'], problems: [problem] },
      { right: ['a'], answered: null },
    ],
    [
      'an answer says of each path why it is not right, and how much content came',
      arrival({
        staged: [whole('f', 7), whole('p', 2), kept('o'), whole('a', 1)],
        asked: ['f', 'p', 'o', 'a', 'left-out'],
      }),
      { owed: ['o'], failed: ['f', 'p'], problems: [problem] },
      {
        right: ['a'],
        answered: {
          paths: ['f', 'p', 'o', 'a', 'left-out'],
          unrepaired: new Map([
            ['o', COULD_NOT],
            ['f', COULD_NOT],
            ['p', 'no'],
            ['left-out', null],
          ]),
          bytes: 10,
        },
      },
    ],
    [
      'the problem of a directory above counts for it alone: what failed below it is in the outcome',
      arrival({ staged: [directory('p'), whole('p/a')], asked: ['p/a'] }),
      { failed: ['p/a'], problems: [problem] },
      {
        right: [],
        answered: {
          paths: ['p/a'],
          unrepaired: new Map([
            ['p/a', COULD_NOT],
            ['p', 'no'],
          ]),
          bytes: 5,
        },
      },
    ],
  ]
  for (const [what, arrived, outcome, after] of CASES) {
    it(what, () => {
      assert.deepEqual(settlement(arrived, dueDebts(arrived, true, false), { ...fine, ...outcome }), after)
    })
  }
})
