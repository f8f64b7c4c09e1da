/** Swaps go when what came before them is recorded, and are not held up by what comes later. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IndexedEntry, Observation } from '../index/indexed-entry.ts'
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

const row = (path: string, target: string): IndexedEntry => ({
  ...to(target),
  path,
  sequence: 1,
  content: 1,
  digest: null,
})

function all(batch: symbol): OwnBatch {
  return { batch, isWhole: true }
}

/** A look that follows no batch. */
const ALONE: OwnBatch = { batch: Symbol('alone'), isWhole: true }

function order() {
  const looks: { path: string; mayGo: boolean }[] = []
  const hints = new Set<string>()
  let there = to('releases/2')
  const waiting = { covers: (path: string) => hints.has(path), paths: hints }
  const rows = {
    get: (path: string) => (path === 'current' ? row(path, 'releases/1') : null),
    totals: { files: 0, directories: 0, symlinks: 1, bytes: 0 },
  }
  const swaps = new SwapOrder(waiting, rows, async (path) => {
    const mayGo = swaps.orderFor(ALONE).maySwap(path, there)
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
  assert.equal(swaps.orderFor(ALONE).maySwap('current', observation), true)
  const own = swaps.begin([])
  assert.equal(swaps.orderFor(all(own)).maySwap('current', observation), true)
  const other = swaps.begin([])
  assert.equal(swaps.orderFor(all(own)).maySwap('current', observation), false)
  swaps.end(other)
  assert.equal(swaps.orderFor(all(own)).maySwap('current', observation), true)
})

test('among hints that were taken early it waits for those that came before and still wait', async () => {
  const { swaps, looks, pointTo } = order()
  const early = swaps.begin([], true)
  const observation = pointTo('releases/2')
  assert.equal(swaps.orderFor(all(early)).maySwap('current', observation), false)
  swaps.defer('current', observation)
  const later = swaps.begin([], true)
  swaps.end(early)
  swaps.end(later)
  const crowd = swaps.begin([])
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(looks, [])
  swaps.end(crowd)
  await swaps.idle()
  assert.deepEqual(looks, [{ path: 'current', mayGo: true }])
  const last = swaps.begin([], true)
  swaps.end(swaps.begin([]))
  assert.equal(swaps.orderFor(all(last)).maySwap('current', pointTo('releases/3')), true, 'what waited was dropped')
})

test('what a symlink led to stays while that waits, or is hinted at; what it did not lead to goes', () => {
  const { swaps, pointTo, hints } = order()
  const own = swaps.begin([])
  const { mayRemove, settled } = swaps.orderFor(all(own))
  const never = () => false
  const may = () => ['releases/1/f', 'releases/3'].map((path) => mayRemove([path], never))
  assert.deepEqual(may(), [true, true])
  swaps.defer('current', pointTo('releases/2'))
  assert.deepEqual(may(), [false, true])
  assert.equal(
    mayRemove(['releases/1/f'], (path) => path === 'current'),
    true,
    'recorded before it',
  )
  settled('current')
  assert.deepEqual(may(), [true, true])
  hints.add('current')
  assert.deepEqual(may(), [false, true])
  hints.clear()
  const other = swaps.begin([{ path: 'current', extent: 'entry' }])
  assert.deepEqual(may(), [false, true])
  swaps.end(other)
  assert.deepEqual(may(), [true, true])
})

test('while a hint at something in what it points to waits it waits for the batch of that hint', async () => {
  const { swaps, looks, pointTo, hints } = order()
  const observation = pointTo('releases/2')
  const own = swaps.begin([])
  hints.add('releases/2/f')
  assert.equal(swaps.orderFor(all(own)).maySwap('current', observation), false)
  assert.equal(swaps.orderFor(all(own)).maySwap('current', to('releases/3')), true)
  swaps.defer('current', observation)
  swaps.end(own)
  hints.clear()
  const batch = swaps.begin([])
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(looks, [])
  swaps.end(batch)
  await swaps.idle()
  assert.deepEqual(looks, [{ path: 'current', mayGo: true }])
})

test('it waits for a scan without a batch that has found something new, or while not all was looked at', async () => {
  const { swaps, pointTo } = order()
  let isNew = false
  const scanned = Promise.withResolvers<void>()
  const scan = swaps.during(
    () => isNew,
    () => scanned.promise,
  )
  const batch = swaps.begin([])
  const may = () => swaps.orderFor(all(batch)).maySwap('current', pointTo('releases/2'))
  assert.equal(may(), false)
  swaps.seen()
  assert.equal(may(), true)
  isNew = true
  assert.equal(may(), false)
  scanned.resolve()
  await scan
  assert.equal(may(), true)
})

test('it waits for the batches that were open, and not for those that come', async () => {
  const { swaps, looks, pointTo } = order()
  const before = swaps.begin([])
  swaps.defer('current', pointTo('releases/2'))
  swaps.begin([])
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(looks, [])
  swaps.end(before)
  await swaps.idle()
  assert.deepEqual(looks, [{ path: 'current', mayGo: true }])
})

test('one that points elsewhere again meanwhile waits anew, for what came before that', async () => {
  const { swaps, looks, pointTo } = order()
  const first = swaps.begin([])
  swaps.defer('current', pointTo('releases/2'))
  const second = swaps.begin([])
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
  const before = swaps.begin([])
  swaps.defer('current', pointTo('releases/2'))
  swaps.withhold()
  swaps.end(before)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(looks, [])
  assert.equal(swaps.orderFor(ALONE).maySwap('current', pointTo('releases/2')), false)
  assert.equal(
    swaps.orderFor(swaps.withheld ?? ALONE).maySwap('current', pointTo('releases/2')),
    true,
    'the look that judges them',
  )
  swaps.judged()
  await swaps.idle()
  assert.deepEqual(looks, [{ path: 'current', mayGo: true }])
})

test('it waits while arrivals of moves are withheld', async () => {
  const { swaps, looks, pointTo } = order()
  swaps.withhold()
  assert.equal(swaps.orderFor(ALONE).maySwap('current', pointTo('releases/2')), false)
  swaps.defer('current', pointTo('releases/2'))
  swaps.judged()
  await swaps.idle()
  assert.deepEqual(looks, [{ path: 'current', mayGo: true }])
})

test('while a hint at it waits it waits for the batch of that hint, which may see it go', async () => {
  const { swaps, looks, pointTo, hints } = order()
  const observation = pointTo('releases/2')
  hints.add('current')
  assert.equal(swaps.orderFor(ALONE).maySwap('current', observation), false)
  swaps.defer('current', observation)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(looks, [])
  hints.clear()
  const own = swaps.begin([])
  assert.equal(swaps.orderFor(ALONE).maySwap('current', observation), false)
  assert.equal(swaps.orderFor(all(own)).maySwap('current', observation), true)
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
