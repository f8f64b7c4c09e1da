/** Swaps go when what came before them is recorded, and are not held up by what comes later. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Observation } from '../index/indexed-entry.ts'
import { type OwnBatch, SwapOrder } from './swap-order.ts'

const to = (target: string): Observation => ({
  kind: 'symlink',
  mode: 0o777,
  uid: 0,
  gid: 0,
  size: target.length,
  mtime: 1,
  ctime: 1,
  inode: 1,
  target,
  extended: null,
  link: 0,
})

function all(batch: symbol): OwnBatch {
  return { batch, isWhole: true }
}

function order() {
  const looks: { path: string; mayGo: boolean }[] = []
  const hints = new Set<string>()
  let there = to('releases/2')
  const swaps = new SwapOrder({ covers: (path) => hints.has(path) }, async (path) => {
    const mayGo = swaps.judgeFor(null)(path, there)
    looks.push({ path, mayGo })
    if (!mayGo) swaps.defer(path, there)
  })
  const pointTo = (target: string) => {
    there = to(target)
    return there
  }
  return { swaps, looks, pointTo, hints }
}

test('alone it goes at once, and with another batch open it does not', () => {
  const { swaps, pointTo } = order()
  const observation = pointTo('releases/2')
  assert.equal(swaps.judgeFor(null)('current', observation), true)
  const own = swaps.begin()
  assert.equal(swaps.judgeFor(all(own))('current', observation), true)
  const other = swaps.begin()
  assert.equal(swaps.judgeFor(all(own))('current', observation), false)
  swaps.end(other)
  assert.equal(swaps.judgeFor(all(own))('current', observation), true)
})

test('among hints that were taken early it waits for those that came before and still wait', async () => {
  const { swaps, looks, pointTo } = order()
  const early = swaps.begin(true)
  const observation = pointTo('releases/2')
  assert.equal(swaps.judgeFor(all(early))('current', observation), false)
  swaps.defer('current', observation)
  const later = swaps.begin(true)
  swaps.end(early)
  swaps.end(later)
  const crowd = swaps.begin()
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(looks, [])
  swaps.end(crowd)
  await swaps.idle()
  assert.deepEqual(looks, [{ path: 'current', mayGo: true }])
  const last = swaps.begin(true)
  swaps.end(swaps.begin())
  assert.equal(swaps.judgeFor(all(last))('current', pointTo('releases/3')), true, 'what waited was dropped')
})

test('deletions that an early batch tells of wait until the hints that came before it are recorded', async () => {
  const { swaps } = order()
  const early = swaps.begin(true)
  const part = { batch: early, isWhole: false }
  assert.equal(swaps.holdsRemovals(all(early)), true)
  assert.equal(swaps.holdsRemovals(part), true)
  let isRecorded = false
  void swaps.crowdsRecorded().then(() => {
    isRecorded = true
  })
  const crowd = swaps.begin()
  assert.equal(swaps.holdsRemovals(all(crowd)), false)
  assert.equal(swaps.holdsRemovals(all(early)), true)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(isRecorded, false)
  swaps.end(crowd)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(isRecorded, true)
  assert.equal(swaps.holdsRemovals(all(early)), false)
})

test('it waits for the batches that were open, and not for those that come', async () => {
  const { swaps, looks, pointTo } = order()
  const before = swaps.begin()
  swaps.defer('current', pointTo('releases/2'))
  swaps.begin()
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(looks, [])
  swaps.end(before)
  await swaps.idle()
  assert.deepEqual(looks, [{ path: 'current', mayGo: true }])
})

test('one that points elsewhere again meanwhile waits anew, for what came before that', async () => {
  const { swaps, looks, pointTo } = order()
  const first = swaps.begin()
  swaps.defer('current', pointTo('releases/2'))
  const second = swaps.begin()
  pointTo('releases/3')
  swaps.end(first)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(looks, [{ path: 'current', mayGo: false }])
  swaps.end(second)
  await swaps.idle()
  assert.deepEqual(looks.at(-1), { path: 'current', mayGo: true })
})

test('one that waits already waits for moves that are withheld since', async () => {
  const { swaps, looks, pointTo } = order()
  const before = swaps.begin()
  swaps.defer('current', pointTo('releases/2'))
  swaps.withhold()
  swaps.end(before)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(looks, [])
  assert.equal(swaps.judgeFor(null)('current', pointTo('releases/2')), false)
  assert.equal(swaps.judgeFor(swaps.withheld)('current', pointTo('releases/2')), true, 'the look that judges them')
  swaps.judged()
  await swaps.idle()
  assert.deepEqual(looks, [{ path: 'current', mayGo: true }])
})

test('it waits while arrivals of moves are withheld', async () => {
  const { swaps, looks, pointTo } = order()
  swaps.withhold()
  assert.equal(swaps.judgeFor(null)('current', pointTo('releases/2')), false)
  swaps.defer('current', pointTo('releases/2'))
  swaps.judged()
  await swaps.idle()
  assert.deepEqual(looks, [{ path: 'current', mayGo: true }])
})

test('while a hint at it waits it waits for the batch of that hint, which may see it go', async () => {
  const { swaps, looks, pointTo, hints } = order()
  const observation = pointTo('releases/2')
  hints.add('current')
  assert.equal(swaps.judgeFor(null)('current', observation), false)
  swaps.defer('current', observation)
  assert.equal(swaps.holdsRemovals(null), true)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(looks, [])
  hints.clear()
  const own = swaps.begin()
  assert.equal(swaps.judgeFor(null)('current', observation), false)
  assert.equal(swaps.judgeFor(all(own))('current', observation), true)
  swaps.end(own)
  await swaps.idle()
  assert.deepEqual(looks, [{ path: 'current', mayGo: true }])
})

test('it does not wait for hints that are dropped', async () => {
  const { swaps, looks, pointTo, hints } = order()
  hints.add('current')
  swaps.defer('current', pointTo('releases/2'))
  swaps.withhold()
  swaps.drop()
  await swaps.idle()
  assert.deepEqual(looks, [{ path: 'current', mayGo: true }])
})
