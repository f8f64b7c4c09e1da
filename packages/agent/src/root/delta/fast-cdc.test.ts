/** Where files are cut: within bounds, by content, and always alike. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf } from '@rootferry/protocol'
import { seededBytes } from '../../../test-support/test-bytes.ts'
import { BOUNDS } from '../../bounds.ts'
import { chunkLength } from './fast-cdc.ts'

function chunksOf(bytes: Buffer): Buffer[] {
  const chunks: Buffer[] = []
  for (let start = 0; start < bytes.length; ) {
    const length = chunkLength(bytes, start, bytes.length)
    chunks.push(bytes.subarray(start, start + length))
    start += length
  }
  return chunks
}

const MEGABYTE = 1024 * 1024

test('chunks are 16 to 256 KiB long and about 64 KiB on average, the last one excepted', () => {
  const bytes = seededBytes(1, 32 * MEGABYTE)
  const chunks = chunksOf(bytes)
  for (const { length } of chunks.slice(0, -1))
    assert.ok(length >= 16_384 && length <= BOUNDS.mostChunkBytes, `${length}`)
  const average = bytes.length / chunks.length
  assert.ok(average > 48 * 1024 && average < 96 * 1024, `${average}`)
})

test('an insertion, a deletion and a change leave all chunks but a few what they are', () => {
  const before = seededBytes(2, 16 * MEGABYTE)
  const at = 5_000_001
  const edits = {
    insertion: Buffer.concat([before.subarray(0, at), seededBytes(3, 777), before.subarray(at)]),
    front: Buffer.concat([seededBytes(3, 1), before]),
    deletion: Buffer.concat([before.subarray(0, at), before.subarray(at + 100_000)]),
    change: Buffer.concat([before.subarray(0, at), seededBytes(3, 9_999), before.subarray(at + 9_999)]),
  }
  const known = new Set(chunksOf(before).map(digestOf))
  for (const [edit, after] of Object.entries(edits)) {
    const changed = chunksOf(after).filter((chunk) => !known.has(digestOf(chunk)))
    assert.ok(changed.length <= 4, `${edit}: ${changed.length} chunks are new`)
  }
})

test('equal bytes make chunks of the greatest length, few bytes make one', () => {
  assert.deepEqual(
    chunksOf(Buffer.alloc(600_000)).map(({ length }) => length),
    [262_144, 262_144, 75_712],
  )
  assert.equal(chunkLength(Buffer.alloc(10), 0, 10), 10)
  assert.equal(chunkLength(Buffer.alloc(10), 9, 10), 1)
})

test('what is cut where does not change from release to release: lists of chunks outlive them', () => {
  const lengths = chunksOf(seededBytes(4, MEGABYTE)).map(({ length }) => length)
  const golden = '63239 28905 70699 66645 66258 89337 78137 98037 67550 82283 100247 73190 47196 67508 49345'
  assert.equal(lengths.join(' '), golden)
})
