/** Turns on the real event loop, by a clock that the test sets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Turn, TurnsEnded } from './turn.ts'

const NONE = { release: () => undefined }

test('a turn is over after a while, and what others have to do comes before the next', async () => {
  let now = 1_000
  const turn = new Turn(NONE, () => now)
  assert.equal(turn.isOver, false)
  now += 1_000
  assert.equal(turn.isOver, true)
  let others = 0
  setImmediate(() => {
    others += 1
  })
  await turn.next()
  assert.equal(others, 1)
  assert.equal(turn.isOver, false)
})

test('work that waits for its next turn ends with an error when there is none', async () => {
  const turn = new Turn(NONE)
  const waiting = turn.next()
  turn.close()
  await assert.rejects(waiting, TurnsEnded)
  await nextTurn()
  await assert.rejects(turn.next(), TurnsEnded)
})
