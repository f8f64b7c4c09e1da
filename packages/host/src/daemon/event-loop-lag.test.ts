/** What the lag counts when the thread was busy. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Registry } from '@prometheus-io/client'
import { EventLoopLag } from './event-loop-lag.ts'

test('a thread that was busy longer than a sample counts as late, and one that rests does not', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  let nowMs = 0
  t.mock.method(performance, 'now', () => nowMs)
  const registry = new Registry()
  const lag = new EventLoopLag(registry)
  lag.begin()
  const pass = (ms: number) => {
    nowMs += ms
    t.mock.timers.tick(100)
  }
  pass(100)
  pass(100)
  pass(850)
  return registry.metrics().then((text) => {
    assert.match(text, /_bucket\{le="0\.005"\} 2\n/)
    assert.match(text, /_bucket\{le="0\.5"\} 2\n/)
    assert.match(text, /_bucket\{le="1"\} 3\n/)
    assert.match(text, /_sum 0\.75\n/)
  })
})
