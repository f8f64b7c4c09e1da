/** What overtakes a large file that is coming: visible at once, remembered until the position is there, or refused. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  absent,
  directory,
  type Fed,
  Feed,
  file,
  pathsOf,
  Scratch,
  segmentOf,
  until,
} from '../../test-support/test-feed.ts'

const big = randomBytes(250_000)
const large = file('large', big, { source: 'slices' })

function slice(offset: number, length: number) {
  const piece = big.subarray(offset, offset + length)
  return { slice: { path: 'large', content: 7, offset, length, size: big.length, delta: null }, content: piece }
}

/** A receiver that stands at 1 and has got the beginning of a large file, which leads to 2. */
async function amidLargeFile(scratch: Scratch): Promise<Feed> {
  const feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([directory('app'), file('app/config', 'old')])
  feed.begin(1, 1, 2)
  feed.segment(await segmentOf([], { index: 0, slice: slice(0, 100_000) }))
  return feed
}

async function overtake(feed: Feed, fed: Fed[], to: number): Promise<void> {
  const [{ type: _, index: __, slice: ___, to: ____, ...rest }, payload] = await segmentOf(fed)
  feed.text({ type: 'overtake', ...rest, to } as Parameters<Feed['text']>[0])
  if (payload.length > 0) feed.disk.receiveBytes(new Uint8Array(payload))
}

async function finish(feed: Feed): Promise<void> {
  feed.segment(await segmentOf([large], { index: 1, slice: slice(100_000, 150_000) }))
  feed.text({ type: 'commit', to: 2 })
}

test('what overtakes is visible while the large file comes, and that one is whole afterwards', async () => {
  using scratch = new Scratch()
  await using feed = await amidLargeFile(scratch)
  await overtake(feed, [file('app/config', 'new'), file('empty', '')], 5)
  await feed.told('overtaken')
  assert.equal(readFileSync(scratch.at('target/app/config'), 'utf8'), 'new')
  assert.ok(!existsSync(scratch.at('target/large')))
  // A second one has no bytes at all.
  await overtake(feed, [absent('empty')], 6)
  await until(() => feed.allSent('overtaken').length === 2, 'the second')
  assert.ok(!existsSync(scratch.at('target/empty')))
  assert.equal(feed.disk.reached.sequence, 1, 'the position stays')
  await finish(feed)
  await feed.seen('committed', ({ sequence }) => sequence === 2)
  assert.deepEqual(readFileSync(scratch.at('target/large')), big)
  assert.deepEqual(
    feed.all('committed').map(({ as }) => as),
    ['changeset', 'overtake', 'overtake', 'changeset'],
  )
  assert.equal(feed.disk.reached.sequence, 2)
})

test('paths that are ahead when the next connection begins are asked for', async () => {
  using scratch = new Scratch()
  const feed = await amidLargeFile(scratch)
  await overtake(feed, [file('app/config', 'new')], 5)
  await feed.told('overtaken')
  await feed.close()
  await using again = await new Feed(scratch).open()
  again.connect()
  assert.deepEqual(pathsOf(await again.told('want')), ['app/config'])
  await again.changeset([file('app/config', 'newest')], { request: 1 })
  await again.told('repaired')
  again.disk.disconnected()
  again.connect()
  await again.commit([file('other', 'x')])
  assert.equal(again.allSent('want').length, 1)
})

test('paths that were ahead are asked for by nobody when the position is there', async () => {
  using scratch = new Scratch()
  await using feed = await amidLargeFile(scratch)
  await overtake(feed, [file('app/config', 'new')], 2)
  await finish(feed)
  await feed.seen('committed', ({ as, sequence }) => as === 'changeset' && sequence === 2)
  feed.disk.disconnected()
  feed.connect()
  await feed.commit([file('other', 'x')])
  assert.deepEqual(feed.allSent('want'), [])
})

for (const [what, fed, code] of [
  ['a path that the changeset has brought', [file('app/config', 'new')], 'content-mismatch'],
  ['an earlier end than that of the changeset', [file('x', 'new')], 'unexpected-message'],
] as const) {
  test(`an overtake with ${what} is refused`, async () => {
    using scratch = new Scratch()
    await using feed = await amidLargeFile(scratch)
    feed.segment(await segmentOf([file('app/config', 'of the changeset')], { index: 1 }))
    await overtake(feed, [...fed], code === 'content-mismatch' ? 5 : 1)
    const { error } = await feed.seen('broken')
    assert.equal(error.code, code)
    assert.equal(readFileSync(scratch.at('target/app/config'), 'utf8'), 'old')
  })
}

test('nothing is overtaken where nothing is under way', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([file('a', 'old')])
  await overtake(feed, [file('a', 'new')], 5)
  assert.equal((await feed.seen('broken')).error.code, 'unexpected-message')
})
