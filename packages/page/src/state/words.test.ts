/** What a release is called, and who lacks it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReceiverStatus } from '@rootferry/agent/api'
import { fleetWith, RECEIVER, ROOT } from '../../test-support/examples.ts'
import { lackingOf, releaseWord, roundWord } from './words.ts'

test('a release is everywhere when no receiver lacks it, one that was away or was left behind included', () => {
  const over = { state: 'over' as const, outcome: 'all' as const }
  assert.equal(roundWord(over, 0).word, 'everywhere')
  assert.deepEqual(roundWord(over, 1), { tone: 'bad', word: 'not everywhere' })
  assert.equal(roundWord({ ...over, outcome: 'partial' }, 0).word, 'everywhere')
  assert.equal(roundWord({ state: 'void', outcome: 'void' }, 0).word, 'void')
  assert.equal(roundWord({ state: 'collect', outcome: null }, 3).tone, 'busy')
})

test('nothing is called released before its round has gone, or when it does not go', () => {
  const words = ([null, 'collect', 'fence', 'roll', 'go', 'over', 'void'] as const).map(releaseWord)
  assert.deepEqual(
    words.map((word) => word.split(' ')[0]),
    ['Being', 'Being', 'Being', 'Being', 'Released', 'Released', 'Not'],
  )
})

test('receivers lack a release until they are at its end, unless they never came, or the index is another one', () => {
  const { sequence } = RECEIVER
  const receivers: ReceiverStatus[] = [
    RECEIVER,
    { ...RECEIVER, name: 'web2', state: 'offline', sequence: sequence - 1 },
    { ...RECEIVER, name: 'web3', state: 'expected', sequence: 0 },
    { ...RECEIVER, name: 'web4', state: 'replaying', sequence: sequence - 1 },
  ]
  const round = { root: ROOT.name, to: sequence }
  const names = (fleet: Parameters<typeof lackingOf>[1]) => lackingOf(round, fleet).map(({ name }) => name)
  assert.deepEqual(names(fleetWith(receivers, { sequence })), ['web2', 'web4'])
  assert.deepEqual(names(fleetWith(receivers, { sequence: sequence - 5 })), [])
})
