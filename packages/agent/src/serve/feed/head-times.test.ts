/**
 * The age of a lag is right for a receiver that misses little, for one that misses much, and across a restart, in
 * bounded memory.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { COARSENESS, decodeHeadTimes, encodeHeadTimes, HeadTimes, MOST_TIMES } from './head-times.ts'

test('a lag is as old as the first change that was missed', () => {
  const times = new HeadTimes()
  times.reached(10, 1_000)
  times.reached(10, 1_500)
  times.reached(20, 2_000)
  times.reached(30, 3_000)
  assert.deepEqual(
    [0, 9, 10, 25, 30].map((sequence) => times.firstAfter(sequence)),
    [1_000, 1_000, 2_000, 3_000, null],
  )
  assert.deepEqual(times.between(10, 30), [2_000, 3_000])
})

test('however many heads come, memory is bounded and no age is told too short, nor too long by more than a little', () => {
  const times = new HeadTimes()
  const seen: number[] = [0]
  let nowMs = 0
  for (let head = 1; head <= 100_000; head += 1) {
    nowMs += 20 + ((head * 7_919) % 400)
    seen.push(nowMs)
    times.reached(head, nowMs)
  }
  assert.ok(times.all.length <= MOST_TIMES, `${times.all.length}`)
  for (let sequence = 0; sequence < 100_000; sequence += 37) {
    const told = nowMs - (times.firstAfter(sequence) ?? assert.fail())
    const real = nowMs - (seen[sequence + 1] ?? assert.fail())
    assert.ok(told >= real && told <= real * (1 + COARSENESS), `${sequence}: ${told} for ${real}`)
  }
  assert.equal(nowMs, times.firstAfter(99_999))
})

test('a clock that was set back does not make it grow', () => {
  const times = new HeadTimes()
  for (let head = 1; head <= 5_000; head += 1) times.reached(head, 1_000_000 - head * 10)
  assert.ok(times.all.length <= MOST_TIMES)
  assert.notEqual(times.firstAfter(0), null)
})

test('a later life continues with what an earlier one kept, without the heads that were lost', () => {
  const before = new HeadTimes()
  for (const head of [1, 5, 9]) before.reached(head, head * 100)
  const kept = encodeHeadTimes(before.all)
  const same = new HeadTimes()
  same.reached(9, 5_000)
  same.restore(decodeHeadTimes(kept))
  assert.deepEqual(
    [0, 5, 9].map((sequence) => same.firstAfter(sequence)),
    [100, 900, null],
  )
  const ahead = new HeadTimes()
  ahead.reached(12, 5_000)
  ahead.restore(decodeHeadTimes(kept))
  assert.deepEqual(
    [5, 9].map((sequence) => ahead.firstAfter(sequence)),
    [900, 5_000],
  )
  const lost = new HeadTimes()
  lost.reached(6, 5_000)
  lost.restore(decodeHeadTimes(kept))
  assert.deepEqual(
    [1, 5, 6].map((sequence) => lost.firstAfter(sequence)),
    [500, 5_000, null],
  )
  lost.reached(2, 6_000)
  assert.deepEqual(lost.all, [{ head: 2, seenMs: 6_000 }])
  for (const damaged of [null, '', '{}', '[1,["a",2],[3,"x"]]', '[[']) assert.deepEqual(decodeHeadTimes(damaged), [])
})
