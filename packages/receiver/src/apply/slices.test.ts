/** Large files: whole, cut off, resumed, refused. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { appendFileSync, readdirSync, readFileSync, truncateSync } from 'node:fs'
import { test } from 'node:test'
import { directory, EPOCH, Feed, file, MTIME, Scratch, segmentOf, treeOf, until } from './test-feed.ts'

const SLICE = 100_000
const big = randomBytes(350_000)

function sliceAt(index: number, content = 7) {
  const offset = index * SLICE
  const piece = big.subarray(offset, offset + SLICE)
  return { slice: { path: 'dir/big', content, offset, length: piece.length, size: big.length }, content: piece }
}

const change = file('dir/big', big, { source: 'slices', mode: 0o640, mtime: MTIME + 3 })

async function sendSlices(feed: Feed, from: number, to: number, startIndex = 0): Promise<void> {
  for (let index = from; index < to; index += 1) {
    const isLast = index === 3
    feed.segment(await segmentOf(isLast ? [change] : [], { index: startIndex + index - from, slice: sliceAt(index) }))
  }
}

const partials = (feed: Feed) => feed.applier.hello().partials

test('a file that comes in slices becomes visible whole, with its attributes', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  feed.begin(2, 0, 1)
  feed.segment(await segmentOf([directory('dir')], { index: 0 }))
  await sendSlices(feed, 0, 2, 1)
  // One of them twice.
  await sendSlices(feed, 1, 4, 3)
  feed.text({ type: 'commit', to: 1 })
  await feed.seen('committed')
  assert.deepEqual(readFileSync(scratch.at('target/dir/big')), big)
  assert.match(treeOf(feed.target)['dir/big'] ?? '', new RegExp(`^f ${0o640} .* ${MTIME + 3} `))
  assert.deepEqual(readdirSync(scratch.at('state/staging')), [])
  assert.deepEqual(partials(feed), [])
})

test('a cut keeps what came whole, the next connection goes on there, also in another process', async () => {
  for (const restarts of [false, true]) {
    using scratch = new Scratch()
    await using feed = await new Feed(scratch).open()
    feed.connect()
    await feed.commit([directory('dir')])
    feed.begin(1, 1, 2)
    await sendSlices(feed, 0, 2)
    await until(() => feed.all('consumed').length === 2, 'two slices')
    feed.applier.disconnected()
    if (restarts) {
      await feed.close()
      // A process killed amid a write leaves more than it recorded.
      const [name] = readdirSync(scratch.at('state/staging'))
      appendFileSync(scratch.at('state/staging', name ?? ''), 'half a slice')
      await feed.open()
    }
    const { partials: offered } = feed.connect()
    assert.deepEqual(offered, [{ path: 'dir/big', content: 7, bytes: 2 * SLICE }])
    feed.begin(1, 1, 2)
    await sendSlices(feed, 2, 4)
    feed.text({ type: 'commit', to: 2 })
    await until(() => feed.all('committed').length === 2, 'the commit')
    assert.deepEqual(readFileSync(scratch.at('target/dir/big')), big)
    assert.deepEqual(partials(feed), [])
  }
})

test('a file that was received whole before the cut needs only its change', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  feed.begin(1, 0, 1)
  await sendSlices(feed, 0, 4)
  await until(() => feed.all('consumed').length === 4, 'all slices')
  await feed.close()
  const [name] = readdirSync(scratch.at('state/staging'))
  appendFileSync(scratch.at('state/staging', name ?? ''), 'more than was recorded')
  await feed.open()
  feed.connect()
  feed.begin(1, 0, 1)
  const nothing = { ...sliceAt(3).slice, offset: big.length, length: 0 }
  feed.segment(await segmentOf([change], { slice: { slice: nothing, content: Buffer.alloc(0) } }))
  feed.text({ type: 'commit', to: 1 })
  await feed.seen('committed')
  assert.deepEqual(readFileSync(scratch.at('target/dir/big')), big)
})

test('the last slice comes also when it is here already, and is written over itself', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  feed.begin(1, 0, 1)
  await sendSlices(feed, 0, 4)
  await until(() => feed.all('consumed').length === 4, 'all slices')
  feed.applier.disconnected()
  assert.equal(feed.connect().partials[0]?.bytes, big.length)
  feed.begin(1, 0, 1)
  await sendSlices(feed, 3, 4, 3)
  feed.text({ type: 'commit', to: 1 })
  await feed.seen('committed')
  assert.deepEqual(readFileSync(scratch.at('target/dir/big')), big)
})

test('a slice out of place, of other content, or of a wrong whole breaks the connection, and nothing is visible', async () => {
  const attempts = [
    async (feed: Feed) => feed.segment(await segmentOf([], { slice: sliceAt(1) })),
    async (feed: Feed) => {
      await sendSlices(feed, 0, 1)
      feed.segment(await segmentOf([], { index: 1, slice: sliceAt(2) }))
    },
    async (feed: Feed) => {
      await sendSlices(feed, 0, 1)
      feed.segment(await segmentOf([], { index: 1, slice: sliceAt(1, 8) }))
    },
    async (feed: Feed) => {
      await sendSlices(feed, 0, 3)
      const wrong = { ...sliceAt(3), content: randomBytes(50_000) }
      feed.segment(await segmentOf([change], { index: 3, slice: wrong }))
    },
    async (feed: Feed) => feed.segment(await segmentOf([change])),
    async (feed: Feed) => {
      const beyond = { ...sliceAt(0).slice, size: 10 }
      feed.segment(await segmentOf([], { slice: { slice: beyond, content: sliceAt(0).content } }))
    },
  ]
  for (const attempt of attempts) {
    using scratch = new Scratch()
    await using feed = await new Feed(scratch).open()
    feed.connect()
    feed.begin(1, 0, 1)
    await attempt(feed)
    assert.equal((await feed.seen('broken')).error.code, 'content-mismatch')
    assert.deepEqual(readdirSync(feed.target), [])
  }
})

test('a slice at the start replaces what was there, and a changeset that does not use its slices drops them', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  feed.begin(1, 0, 1)
  await sendSlices(feed, 0, 2)
  feed.segment(await segmentOf([], { index: 2, slice: sliceAt(0, 9) }))
  await until(() => feed.all('consumed').length === 3, 'three slices')
  feed.applier.disconnected()
  assert.equal(feed.applier.hello().epoch, EPOCH)
  feed.applier.disconnected()
  assert.deepEqual(feed.connect().partials, [{ path: 'dir/big', content: 9, bytes: SLICE }])
  await feed.commit([file('dir/big', 'small by now')])
  assert.deepEqual(partials(feed), [])
  assert.deepEqual(readdirSync(scratch.at('state/staging')), [])
})

test('a partial file that was cut short on disk, or is of another epoch, is not offered', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([directory('dir')])
  const begin = async () => {
    feed.begin(1, 1, 2)
    const count = feed.all('consumed').length
    await sendSlices(feed, 0, 2)
    await until(() => feed.all('consumed').length === count + 2, 'two slices')
    await feed.close()
  }
  await begin()
  const [name] = readdirSync(scratch.at('state/staging'))
  truncateSync(scratch.at('state/staging', name ?? ''), 1000)
  await feed.open()
  assert.deepEqual(feed.connect().partials, [])
  await begin()
  await feed.open()
  assert.equal(feed.connect({ start: 'resync', epoch: 'another', sequence: 5 }).partials.length, 1)
  await feed.told('list')
  feed.applier.disconnected()
  assert.deepEqual(partials(feed), [])
  await feed.close()
  await feed.open()
  assert.deepEqual(readdirSync(scratch.at('state/staging')), [])
})
