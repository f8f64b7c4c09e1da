/** Percentiles of counted durations, against sorted ones. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LatencyBuckets } from './latency-buckets.ts'

test('a percentile is at most a fifth above the one of sorted durations, and never below it', () => {
  const durations = fc.array(fc.double({ min: 0.001, max: 3_000, noNaN: true }), { minLength: 1, maxLength: 300 })
  fc.assert(
    fc.property(durations, fc.constantFrom(0.5, 0.9, 0.99, 1), (seconds, share) => {
      const buckets = new LatencyBuckets()
      for (const each of seconds) buckets.add(each)
      const sorted = seconds.toSorted((one, other) => one - other)
      const exact = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
      const found = buckets.percentile(share) ?? 0
      assert.ok(found >= exact * 0.99 && found <= exact * 1.22, `${found} for ${exact}`)
    }),
  )
})

test('without durations there is no percentile, also after they were cleared', () => {
  const buckets = new LatencyBuckets()
  buckets.add(1)
  buckets.clear()
  assert.equal(buckets.percentile(0.5), null)
  assert.equal(buckets.count, 0)
})
