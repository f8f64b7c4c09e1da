/** Archives as the agent makes them, and every way in which they can differ from that. */
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { zstdCompressSync } from 'node:zlib'
import { LIMITS, ProtocolError, type Segment, type Step } from '@rootferry/protocol'
import { pack } from 'tar-stream'
import { absent, file, segmentOf, symlink, tarOf } from '../../../test-support/test-feed.ts'
import { FrameCollector, unpackSegment } from './unpacker.ts'

const fed = [file('a', 'first'), absent('gone'), file('empty', ''), symlink('l', 'a'), file('b', randomBytes(3000))]

function refused(segment: Segment, packed: Buffer, why: string): void {
  assert.throws(
    () => unpackSegment(segment, packed),
    (error) => error instanceof ProtocolError && error.code === 'content-mismatch',
    why,
  )
}

/** The segment with other bytes, announced as such. */
function announced(segment: Segment, tar: Buffer): [Segment, Buffer] {
  return [{ ...segment, bytes: tar.length, tarBytes: tar.length }, tar]
}

test('a segment yields the content of each of its files, plain and compressed', async () => {
  for (const encoding of ['tar', 'zstd'] as const) {
    const [segment, packed] = await segmentOf(fed, { encoding })
    const contents = unpackSegment(segment, packed)
    assert.deepEqual(
      contents.map(({ ordinal }) => ordinal),
      [0, 2, 4],
    )
    assert.deepEqual(
      contents.map(({ bytes }) => Buffer.from(bytes)),
      [Buffer.from('first'), Buffer.alloc(0), fed[4]?.content],
    )
  }
})

test('a segment without content has no bytes, and none are taken', async () => {
  const [segment, packed] = await segmentOf([absent('x'), symlink('l', 't')])
  assert.equal(packed.length, 0)
  assert.deepEqual(unpackSegment(segment, packed), [])
  refused({ ...segment, bytes: 512, tarBytes: 512 }, Buffer.alloc(512), 'bytes that were not announced')
})

test('a slice segment holds one entry, and nothing at all when the slice is empty', async () => {
  const slice = { path: 'big', content: 7, offset: 0, length: 3, size: 9, delta: null }
  const [segment, packed] = await segmentOf([], { slice: { slice, content: Buffer.from('abc') } })
  const [content] = unpackSegment(segment, packed)
  assert.equal(content?.ordinal, null)
  assert.equal(content?.bytes.toString(), 'abc')
  const nothing = { ...slice, length: 0 }
  const [empty, none] = await segmentOf([], { slice: { slice: nothing, content: Buffer.alloc(0) } })
  assert.deepEqual(unpackSegment(empty, none), [])
  refused({ ...segment, slice: { ...slice, length: 4 } }, packed, 'a slice of another length')
})

test('a slice that is told in terms of a base holds what the base lacks, and its steps have to add up', async () => {
  const told = (base: number, ...steps: Step[]) => ({ ...sliceOf(9), delta: { base, steps } })
  const slice = told(100, [94, 6], [null, 3])
  const [segment, packed] = await segmentOf([], { slice: { slice, content: Buffer.from('abc') } })
  assert.equal(unpackSegment(segment, packed)[0]?.bytes.toString(), 'abc')
  const [copied, none] = await segmentOf([], { slice: { slice: told(100, [0, 9]), content: Buffer.alloc(0) } })
  assert.deepEqual(unpackSegment(copied, none), [])
  const wrong = [
    told(100, [95, 6], [null, 3]),
    told(100, [94, 5], [null, 3]),
    told(100, [94, 6], [null, 4]),
    told(100, [94, 7], [null, 2]),
    told(2 ** 53 - 1, [2 ** 53 - 2, 2 ** 53 - 1], [null, 3]),
    { ...told(2 ** 40, [0, LIMITS.sliceBytes + 1 - 3], [null, 3]), length: LIMITS.sliceBytes + 1 },
  ]
  for (const { delta, length } of wrong) {
    refused({ ...segment, slice: { ...slice, length, delta } }, packed, JSON.stringify(delta))
  }
})

const sliceOf = (length: number) => ({ path: 'big', content: 7, offset: 0, length, size: 9, delta: null })

test('an archive cut off at any block is refused', async () => {
  const [segment, packed] = await segmentOf(fed)
  for (let length = 0; length < packed.length; length += 512) {
    refused({ ...segment, bytes: length }, packed.subarray(0, length), `cut at ${length}`)
    refused(...announced(segment, packed.subarray(0, length)), `cut at ${length}, and announced so`)
  }
})

test('anything behind the archive is refused, in the tar and behind the compressed data', async () => {
  const [segment, packed] = await segmentOf(fed)
  refused(...announced(segment, Buffer.concat([packed, Buffer.alloc(512)])), 'one more zero block')
  const tail = Buffer.from(packed)
  tail.write('x', tail.length - 1)
  refused(segment, tail, 'a trailer that is not zero')
  const summed = Buffer.from(packed)
  summed.write('x', summed.length - 512 + 150)
  refused(segment, summed, 'a trailer with something where a checksum would be')
  refused({ ...segment, tarBytes: segment.tarBytes + 512 }, packed, 'another length announced')
  const compressed = Buffer.concat([zstdCompressSync(packed), Buffer.from('tail')])
  refused({ ...segment, encoding: 'zstd', bytes: compressed.length }, compressed, 'a tail of the compressed data')
  const twice = Buffer.concat([zstdCompressSync(packed), zstdCompressSync(Buffer.from('more'))])
  refused({ ...segment, encoding: 'zstd', bytes: twice.length }, twice, 'a second compressed frame')
})

test('an archive that disagrees with its manifest is refused', async () => {
  const content = (text: string) => Buffer.from(text)
  const [segment] = await segmentOf([file('a', 'one'), file('b', 'two')])
  const shapes: Record<string, { name: string; content: Buffer }[]> = {
    'the wrong order': [
      { name: '1', content: content('two') },
      { name: '0', content: content('one') },
    ],
    'a path for a name': [
      { name: '../../etc/passwd', content: content('one') },
      { name: '1', content: content('two') },
    ],
    'an entry twice': [
      { name: '0', content: content('one') },
      { name: '0', content: content('two') },
    ],
    'one entry less': [{ name: '0', content: content('one') }],
    'one entry more': ['one', 'two', 'six'].map((text, index) => ({ name: String(index), content: content(text) })),
    'another size': [
      { name: '0', content: content('on') },
      { name: '1', content: content('two') },
    ],
  }
  for (const [why, entries] of Object.entries(shapes)) {
    const tar = await tarOf(entries)
    refused(...announced(segment, tar), why)
    refused({ ...segment, bytes: tar.length }, tar, `${why}, announced as it should be`)
  }
  const [sound, packed] = await segmentOf([file('a', 'one'), file('b', 'two')])
  refused({ ...sound, changes: sound.changes.slice(0, 1) }, packed, 'fewer changes than entries')
})

test('entries that are no files, and extended headers, are refused', async () => {
  const [segment] = await segmentOf([file('a', ''), file('b', '')])
  for (const type of ['symlink', 'directory', 'link', 'character-device'] as const) {
    const archive = pack()
    archive.entry({ name: '0', type, linkname: '/etc/passwd', size: 0 })
    archive.entry({ name: '1', size: 0 }, '')
    archive.finalize()
    const pieces: Buffer[] = []
    for await (const piece of archive) pieces.push(piece as Buffer)
    refused(...announced(segment, Buffer.concat(pieces)), type)
  }
  const extended = pack()
  extended.entry({ name: '0', size: 0, pax: { comment: 'hidden' } } as never, '')
  extended.finalize()
  const pieces: Buffer[] = []
  for await (const piece of extended) pieces.push(piece as Buffer)
  refused(...announced(segment, Buffer.concat(pieces)), 'a pax header')
  const [zeros, sound] = await segmentOf([file('a', Buffer.alloc(1024))])
  const shifted = Buffer.concat([Buffer.alloc(512), sound.subarray(0, -512)])
  refused(...announced(zeros, shifted), 'an empty block before the first entry')
  const [one] = await segmentOf([file('a', '')])
  const hidden = Buffer.concat(pieces).subarray(0, one.tarBytes)
  refused(...announced(one, hidden), 'a pax header where the end should be')
})

test('a number in another form than the one of the protocol is refused, and so is any other header of the same meaning', async () => {
  const [segment, packed] = await segmentOf([file('a', 'one')])
  const forms: Record<string, [at: number, bytes: string]> = {
    'a size that ends with a zero byte': [124, '00000000003\0'],
    'a size with spaces in front': [124, '          3 '],
    'a size of twelve digits': [124, '000000000003'],
    'a size in base 256': [124, '\x80\0\0\0\0\0\0\0\0\0\0\x03'],
    'a mode of seven digits': [100, '0000644\0'],
    'another mode': [100, '000755 \0'],
    'an owner': [108, '000001 \0'],
    'a time': [136, '00000000001 '],
    'a type of the old kind': [156, '\0'],
    'an owner name': [265, 'www-data'],
    'the magic of GNU': [257, 'ustar  \0'],
  }
  for (const [what, [at, bytes]] of Object.entries(forms)) {
    const other = Buffer.from(packed)
    other.write(bytes, at, 'latin1')
    other.write('        ', 148)
    const sum = other.subarray(0, 512).reduce((total, byte) => total + byte, 0)
    other.write(`${sum.toString(8).padStart(6, '0')} \0`, 148)
    refused(segment, other, what)
  }
  const checksum = Buffer.from(packed)
  checksum.write(`${checksum.toString('latin1', 148, 154)}\0 `, 148)
  refused(segment, checksum, 'a checksum that ends as in other programs')
  const filled = Buffer.from(packed)
  filled.write('x', 512 + 3)
  refused(segment, filled, 'something behind the content')
})

test('a damaged byte of a header is refused', async () => {
  const [segment, packed] = await segmentOf([file('a', 'one')])
  for (let at = 0; at < 512; at += 1) {
    const damaged = Buffer.from(packed)
    damaged[at] = (damaged[at] ?? 0) ^ 0x41
    refused(segment, damaged, `byte ${at}`)
  }
})

test('data that decompresses to more than announced is refused without being unpacked', async () => {
  const [segment] = await segmentOf([file('a', 'one')], { encoding: 'zstd' })
  const bomb = zstdCompressSync(Buffer.alloc(256 * 1024 * 1024))
  const before = process.memoryUsage().arrayBuffers
  refused({ ...segment, bytes: bomb.length }, bomb, 'a bomb')
  assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024)
  const broken = bomb.subarray(0, 50)
  refused({ ...segment, bytes: broken.length }, broken, 'broken data')
})

test('frames are collected to exactly the announced length', () => {
  const frames = new FrameCollector()
  frames.begin(5)
  assert.equal(frames.frame(Buffer.from('abc')), null)
  assert.equal(frames.isCollecting, true)
  assert.equal(frames.frame(Buffer.from('de'))?.toString(), 'abcde')
  assert.equal(frames.isCollecting, false)
  const code = (expected: string) => (error: unknown) => error instanceof ProtocolError && error.code === expected
  assert.throws(() => frames.frame(Buffer.from('f')), code('unexpected-message'))
  frames.begin(5)
  assert.throws(() => frames.frame(Buffer.from('abcdef')), code('content-mismatch'))
  assert.throws(() => frames.frame(Buffer.alloc(0)), code('content-mismatch'))
  frames.begin(LIMITS.segmentBytes)
  assert.throws(() => frames.frame(Buffer.alloc(LIMITS.frameBytes + 1)), code('limit-exceeded'))
})
