/** When a reader of a log reports: soon for what others wait for, and at its pace for the rest. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { encodeMessage } from '@rootferry/protocol'
import { AckTimer } from './ack-timer.ts'

function reading(t: TestContext) {
  let nowMs = 1_000
  t.mock.timers.enable({ apis: ['setTimeout'] })
  t.mock.method(performance, 'now', () => nowMs)
  t.mock.method(Math, 'random', () => 0.5)
  const told: Record<string, unknown>[] = []
  const timer = new AckTimer((ack) => void told.push(ack as Record<string, unknown>))
  const pass = (ms: number) => {
    nowMs += ms
    t.mock.timers.tick(ms)
    return told.splice(0)
  }
  timer.reads('e')
  const commit = (sequence: number) => timer.said(encodeMessage({ type: 'committed', sequence, burstMicros: 0 }))
  pass(0)
  pass(250)
  return { timer, pass, commit }
}

test('commits are told at once, and no oftener than four times a second', (t) => {
  const { pass, commit } = reading(t)
  commit(11)
  assert.deepEqual(
    pass(0).map(({ committed }) => committed),
    [11],
  )
  commit(12)
  commit(13)
  assert.deepEqual(pass(249), [])
  assert.deepEqual(
    pass(1).map(({ committed }) => committed),
    [13],
  )
})

test('with a pace, commits are told once within it, and what a round waits for still at once', (t) => {
  const { timer, pass, commit } = reading(t)
  timer.pace(10_000)
  commit(11)
  assert.deepEqual(pass(4_000), [])
  commit(12)
  assert.deepEqual(
    pass(1_000).map(({ committed }) => committed),
    [12],
  )
  commit(13)
  timer.said(encodeMessage({ type: 'staged', sequence: 14 }))
  assert.deepEqual(
    pass(250).map(({ committed, staged }) => [committed, staged]),
    [[13, 14]],
  )
})

test('a pace is never longer than the time between signs of life', (t) => {
  const { timer, pass, commit } = reading(t)
  timer.pace(1e9)
  commit(11)
  assert.equal(pass(7_500).length, 1)
})
