/** Large files: whole, cut off, resumed, refused. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { test } from 'node:test'
import { LIMITS, type Step } from '@rootferry/protocol'
import {
  directory,
  EPOCH,
  Feed,
  file,
  MTIME,
  Scratch,
  segmentOf,
  treeOf,
  until,
} from '../../../test-support/test-feed.ts'

const SLICE = 100_000
const big = randomBytes(350_000)

function sliceAt(index: number, content = 7) {
  const offset = index * SLICE
  const piece = big.subarray(offset, offset + SLICE)
  return {
    slice: { path: 'dir/big', content, offset, length: piece.length, size: big.length, delta: null },
    content: piece,
  }
}

const change = file('dir/big', big, { source: 'slices', mode: 0o640, mtime: MTIME + 3 })

async function sendSlices(feed: Feed, from: number, to: number, startIndex = 0): Promise<void> {
  for (let index = from; index < to; index += 1) {
    const isLast = index === 3
    feed.segment(await segmentOf(isLast ? [change] : [], { index: startIndex + index - from, slice: sliceAt(index) }))
  }
}

const partials = (feed: Feed) => feed.disk.hello().partials

test('a file that comes in slices becomes visible whole, with its attributes', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  feed.begin(2, 0, 1)
  feed.segment(await segmentOf([directory('dir')], { index: 0 }))
  await sendSlices(feed, 0, 2, 1)
  // One of them comes twice.
  await sendSlices(feed, 1, 4, 3)
  feed.text({ type: 'commit', to: 1 })
  await feed.seen('committed')
  assert.deepEqual(readFileSync(scratch.at('target/dir/big')), big)
  assert.match(treeOf(feed.target)['dir/big'] ?? '', new RegExp(`^f ${0o640} .* ${MTIME + 3} `))
  assert.deepEqual(readdirSync(scratch.at('state/staging')), [])
  assert.deepEqual(partials(feed), [])
})

test('what somebody put where a large file is to be staged is neither written to nor waited for', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([directory('dir')])
  writeFileSync(scratch.at('outside'), 'of somebody else')
  linkSync(scratch.at('outside'), scratch.at('state/staging/p1'))
  feed.begin(1, 1, 2)
  await sendSlices(feed, 0, 4)
  feed.text({ type: 'commit', to: 2 })
  await until(() => feed.all('committed').length === 2, 'the large file')
  assert.deepEqual(readFileSync(scratch.at('target/dir/big')), big)
  assert.equal(readFileSync(scratch.at('outside'), 'utf8'), 'of somebody else')
})

test('a cut keeps what came whole, the next connection continues there, also in another process', async () => {
  for (const restarts of [false, true]) {
    using scratch = new Scratch()
    await using feed = await new Feed(scratch).open()
    feed.connect()
    await feed.commit([directory('dir')])
    feed.begin(1, 1, 2)
    await sendSlices(feed, 0, 2)
    await until(() => feed.all('consumed').length === 2, 'two slices')
    feed.disk.disconnected()
    if (restarts) {
      await feed.close()
      // A process killed during a write leaves more than it recorded.
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
  feed.disk.disconnected()
  assert.equal(feed.connect().partials[0]?.bytes, big.length)
  feed.begin(1, 0, 1)
  await sendSlices(feed, 3, 4, 3)
  feed.text({ type: 'commit', to: 1 })
  await feed.seen('committed')
  assert.deepEqual(readFileSync(scratch.at('target/dir/big')), big)
})

/** Slices that make `big` from `old`: its first half exists, at another place; the rest is sent. */
const HALF = 200_000
const old = Buffer.concat([randomBytes(5_000), big.subarray(0, HALF)])

async function toldSlices(feed: Feed, startIndex = 0): Promise<void> {
  const part = { path: 'dir/big', content: 7, size: big.length }
  const delta = { base: old.length, steps: [[5_000, HALF] as Step] }
  const first = { ...part, offset: 0, length: HALF, delta }
  feed.segment(await segmentOf([], { index: startIndex, slice: { slice: first, content: Buffer.alloc(0) } }))
  const steps: Step[] = [
    [null, 100_000],
    [0, 10],
    [null, 49_990],
  ]
  const sent = Buffer.concat([big.subarray(HALF, HALF + 100_000), big.subarray(HALF + 100_010)])
  const second = { ...part, offset: HALF, length: big.length - HALF, delta: { base: old.length, steps } }
  feed.segment(await segmentOf([toldChange], { index: startIndex + 1, slice: { slice: second, content: sent } }))
}

/** The ten bytes in the middle are the beginning of the old file. */
const toldBig = Buffer.concat([big.subarray(0, HALF + 100_000), old.subarray(0, 10), big.subarray(HALF + 100_010)])
const toldChange = file('dir/big', toldBig, { source: 'slices', mode: 0o640, mtime: MTIME + 3 })

test('a file is made of what is here and of what is sent', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([directory('dir'), file('dir/big', old)])
  feed.begin(1, 1, 2)
  await toldSlices(feed)
  feed.text({ type: 'commit', to: 2 })
  await until(() => feed.all('committed').length === 2, 'the commit')
  assert.ok(readFileSync(scratch.at('target/dir/big')).equals(toldBig))
  assert.deepEqual([partials(feed), readdirSync(scratch.at('state/staging'))], [[], []])
  assert.equal(feed.allSent('want').length, 0)
})

test('it is resumed amid slices of either kind, also in another process', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([directory('dir'), file('dir/big', old)])
  feed.begin(1, 1, 2)
  await toldSlices(feed)
  await until(() => feed.all('consumed').length === 2, 'both slices')
  await feed.close()
  await feed.open()
  assert.equal(feed.connect().partials[0]?.bytes, big.length)
  feed.begin(1, 1, 2)
  await toldSlices(feed)
  feed.text({ type: 'commit', to: 2 })
  await until(() => feed.all('committed').length === 2, 'the commit')
  assert.ok(readFileSync(scratch.at('target/dir/big')).equals(toldBig))
})

test('where something else is here than the agent knows, the rest is committed and the file is asked for', async () => {
  const drifts = {
    gone: (path: string) => rmSync(path),
    'a directory': (path: string) => {
      rmSync(path)
      mkdirSync(path)
    },
    'a symlink to the right bytes': (path: string) => {
      renameSync(path, `${path}.moved`)
      symlinkSync(`${path}.moved`, path)
    },
    longer: (path: string) => appendFileSync(path, 'x'),
    'of other bytes': (path: string) => writeFileSync(path, randomBytes(old.length)),
  }
  for (const [drift, make] of Object.entries(drifts)) {
    using scratch = new Scratch()
    await using feed = await new Feed(scratch).open()
    feed.connect()
    await feed.commit([directory('dir'), file('dir/big', old)])
    make(scratch.at('target/dir/big'))
    feed.begin(2, 1, 2)
    await toldSlices(feed)
    feed.segment(await segmentOf([file('other', 'o')], { index: 2 }))
    feed.text({ type: 'commit', to: 2 })
    const { paths } = await feed.told('want')
    assert.deepEqual(
      paths.map(([path]) => path),
      ['dir/big'],
      drift,
    )
    assert.deepEqual(readFileSync(scratch.at('target/other'), 'utf8'), 'o')
    assert.deepEqual([feed.all('broken'), readdirSync(scratch.at('state/staging'))], [[], []], drift)
    feed.begin(1, 2, 2, 1)
    for (let index = 0; index < 4; index += 1) {
      feed.segment(await segmentOf(index === 3 ? [change] : [], { index, slice: sliceAt(index, 9) }))
    }
    feed.text({ type: 'commit', to: 2 })
    await feed.told('repaired')
    assert.ok(readFileSync(scratch.at('target/dir/big')).equals(big), drift)
  }
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
  feed.disk.disconnected()
  assert.equal(feed.disk.hello().epoch, EPOCH)
  feed.disk.disconnected()
  assert.deepEqual(feed.connect().partials, [{ path: 'dir/big', content: 9, bytes: SLICE }])
  await feed.commit([file('dir/big', 'small by now')])
  assert.deepEqual(partials(feed), [])
  assert.deepEqual(readdirSync(scratch.at('state/staging')), [])
})

test('a partial that was offered is there when its next slice comes, however many others begin before', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  const name = (number: number) => `dir/${number}`
  const half = async (number: number, isFirst: boolean, index: number) => {
    const { slice, content } = sliceAt(isFirst ? 0 : 1)
    const of = { ...slice, path: name(number), size: 2 * SLICE }
    feed.segment(await segmentOf([], { index, slice: { slice: of, content } }))
  }
  feed.connect()
  await feed.commit([directory('dir')])
  feed.begin(LIMITS.partials, 1, 2)
  for (let number = 0; number < LIMITS.partials; number += 1) await half(number, true, number)
  await until(() => feed.all('consumed').length === LIMITS.partials, 'the first halves')
  feed.disk.disconnected()
  const offered = () => feed.connect().partials.map(({ path }) => path)
  assert.deepEqual(
    offered(),
    Array.from({ length: LIMITS.partials }, (_, number) => name(number)),
  )
  feed.begin(LIMITS.partials + 2, 1, 2)
  await half(100, true, 0)
  await half(101, true, 1)
  for (let number = 0; number < 3; number += 1) await half(number, false, number + 2)
  await until(() => feed.all('consumed').length === LIMITS.partials + 5, 'more of them')
  feed.disk.disconnected()
  const later = [...Array.from({ length: LIMITS.partials - 5 }, (_, number) => name(number + 5)), name(100), name(101)]
  assert.deepEqual(offered(), [...later, name(0), name(1), name(2)])
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
  feed.disk.disconnected()
  assert.deepEqual(partials(feed), [])
  await feed.close()
  await feed.open()
  assert.deepEqual(readdirSync(scratch.at('state/staging')), [])
})
