/** Whatever is written in whatever pieces is read back, and blocks of zeros take no room. */
import assert from 'node:assert/strict'
import { closeSync, ftruncateSync, openSync, readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { Scratch } from '../../../test-support/test-feed.ts'
import { writeSparse } from './write-sparse.ts'

const BLOCK = 4096

function write(location: string, pieces: readonly Uint8Array[]): void {
  const descriptor = openSync(location, 'w')
  try {
    let end = 0
    for (const piece of pieces) {
      writeSparse(descriptor, piece, end)
      end += piece.byteLength
    }
    ftruncateSync(descriptor, end)
  } finally {
    closeSync(descriptor)
  }
}

const piece = fc
  .tuple(fc.constantFrom(1, 511, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK), fc.constantFrom(0, 0, 7), fc.nat(3 * BLOCK))
  .map(([length, fill, odd]) => {
    const bytes = Buffer.alloc(length, fill)
    if (odd < length) bytes[odd] = 1
    return bytes
  })

test('what was written is read, in whatever pieces it came', () => {
  using scratch = new Scratch()
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      write(scratch.at('f'), pieces)
      assert.ok(readFileSync(scratch.at('f')).equals(Buffer.concat(pieces)))
    }),
  )
})

test('blocks of zeros take no room, at the beginning, within and at the end', (t) => {
  using scratch = new Scratch()
  const hole = Buffer.alloc(256 * BLOCK)
  write(scratch.at('f'), [hole, Buffer.alloc(BLOCK, 1), hole, Buffer.from('x'), hole])
  const { size, blocks } = statSync(scratch.at('f'))
  assert.equal(size, 3 * hole.byteLength + BLOCK + 1)
  t.diagnostic(`${blocks * 512} bytes of ${size}`)
  assert.ok(blocks * 512 <= 16 * BLOCK)
})
