/** Delays grow, up to a bound. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backoffMs, RESTARTS, RestartPace } from './backoff.ts'

test('each attempt waits twice as long as the one before, up to the bound, however many there were', () => {
  const delays = [0, 1, 2, 4, 5, 100, 5_000].map((attempt) => backoffMs(attempt, RESTARTS))
  assert.deepEqual(delays, [1_000, 2_000, 4_000, 16_000, 30_000, 30_000, 30_000])
  assert.equal(backoffMs(2, { firstMs: 100, mostMs: 1_000, growth: 1.5 }), 225)
})

test('what ends again and again is started less and less often; what ran for a while begins anew', () => {
  const pace = new RestartPace()
  assert.deepEqual(
    [200, 59_999, 0].map((ranMs) => pace.next(ranMs)),
    [1_000, 2_000, 4_000],
  )
  assert.deepEqual(
    [60_000, 10].map((ranMs) => pace.next(ranMs)),
    [1_000, 2_000],
  )
})
