/** The law of deltas: the steps, applied to the base and to the bytes that they carry, make the new version. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Step } from '@rootferry/protocol'
import fc from 'fast-check'
import { seededBytes } from '../../../test-support/test-bytes.ts'
import { ChunkList } from './chunk-list.ts'
import { ChunkStream } from './chunk-stream.ts'
import { carriedBy } from './recipe.ts'

const MEGABYTE = 1024 * 1024

function streamed(bytes: Buffer, base: ChunkList | null, pieceBytes = 300_000): { list: ChunkList; steps: Step[] } {
  const stream = new ChunkStream(base)
  for (let at = 0; at < bytes.length; at += pieceBytes) stream.update(bytes.subarray(at, at + pieceBytes))
  return { list: new ChunkList(stream.finish()), steps: stream.steps }
}

function patched(base: Buffer, version: Buffer, steps: readonly Step[]): Buffer {
  const pieces: Buffer[] = []
  let at = 0
  for (const [from, length] of steps) {
    pieces.push(from === null ? version.subarray(at, at + length) : base.subarray(from, from + length))
    at += length
  }
  return Buffer.concat(pieces)
}

function delta(base: Buffer, version: Buffer) {
  return streamed(version, streamed(base, null).list)
}

const edits = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    removed: fc.nat({ max: 200_000 }),
    added: fc.nat({ max: 200_000 }),
    /** The kind of the bytes that are added: from another seed, from the base itself, or zeros. */
    kind: fc.constantFrom('new', 'moved', 'zeros'),
  }),
  { maxLength: 4 },
)

test('patch(base, delta(base, version)) = version, whatever was edited', () => {
  const seeds = fc.integer({ min: 1, max: 2 ** 31 - 1 })
  fc.assert(
    fc.property(seeds, fc.nat({ max: 2 * MEGABYTE }), edits, fc.integer({ min: 1, max: MEGABYTE }), (...drawn) => {
      const [seed, size, changes, pieceBytes] = drawn
      const base = seededBytes(seed, size)
      let version = base
      for (const { at, removed, added, kind } of changes) {
        const place = Math.floor(at * version.length)
        const fresh = kind === 'zeros' ? Buffer.alloc(added) : seededBytes(seed ^ 1, added)
        const put = kind === 'moved' ? base.subarray(size >> 1, (size >> 1) + added) : fresh
        version = Buffer.concat([version.subarray(0, place), put, version.subarray(place + removed)])
      }
      const { list, steps } = streamed(version, streamed(base, null, pieceBytes).list, pieceBytes)
      assert.ok(patched(base, version, steps).equals(version))
      assert.equal(list.size, version.length)
      for (const [from, length] of steps) assert.ok(length > 0 && (from === null || from + length <= base.length))
    }),
    { numRuns: 60 },
  )
})

test('the same version costs one step and nothing to send, and has the same chunks', () => {
  const base = seededBytes(1, 5 * MEGABYTE)
  const { list } = streamed(base, null)
  const again = streamed(base, list, 77_777)
  assert.deepEqual(again.steps, [[0, base.length]])
  assert.deepEqual(
    Array.from({ length: again.list.count }, (_, chunk) => again.list.length(chunk)),
    Array.from({ length: list.count }, (_, chunk) => list.length(chunk)),
  )
})

test('what was appended is all that is sent, and a cut-off end costs one chunk at most', () => {
  const version = seededBytes(2, 6 * MEGABYTE)
  const base = version.subarray(0, 5 * MEGABYTE)
  const { steps } = delta(base, version)
  assert.deepEqual(steps, [
    [0, base.length],
    [null, MEGABYTE],
  ])
  assert.ok(carriedBy(delta(version, base).steps) <= 256 * 1024)
})

test('a line appended again and again keeps the list as short as that of the whole', () => {
  const base = seededBytes(3, 3 * MEGABYTE)
  let { list } = streamed(base.subarray(0, MEGABYTE), null)
  for (let end = MEGABYTE; end <= base.length; end += 50_000) {
    const next = streamed(base.subarray(0, end), list)
    if (end > MEGABYTE) assert.equal(carriedBy(next.steps), 50_000)
    list = next.list
  }
  assert.equal(list.count, streamed(base.subarray(0, list.size), null).list.count)
})

test('a change and an insertion cost what they bring and the rest of a chunk or two', () => {
  const base = seededBytes(4, 8 * MEGABYTE)
  const change = Buffer.concat([base.subarray(0, 3_000_000), seededBytes(5, 100), base.subarray(3_000_100)])
  const front = Buffer.concat([seededBytes(5, 100), base])
  for (const version of [change, front]) assert.ok(carriedBy(delta(base, version).steps) <= 400_000)
})

test('where nothing matches one step carries everything', () => {
  assert.deepEqual(delta(seededBytes(6, MEGABYTE), seededBytes(7, MEGABYTE)).steps, [[null, MEGABYTE]])
})
