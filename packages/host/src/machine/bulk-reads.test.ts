/** What reads of whole files leave in memory, and what they do not read. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { describe, it, type TestContext } from 'node:test'
import { libc, TemporaryDirectory } from '../../test-support/temporary-directory.ts'
import { type BulkRead, BulkReads, PLAIN_READS } from './bulk-reads.ts'

const MIB = 1024 * 1024
const PAGE = 4096
/** A stretch, and a part of one. */
const SIZE = 16 * MIB + 3 * MIB + 100
const PIECE = Buffer.alloc(MIB)

/** A file on a disk, none of which is in memory. */
class ColdFile implements Disposable {
  readonly #place = new TemporaryDirectory(process.env['ROOTFERRY_DISK'])
  readonly descriptor: number

  constructor(content: Uint8Array, size = content.byteLength) {
    this.#place.write('file', content)
    this.descriptor = fs.openSync(this.#place.at('file'), 'r+')
    fs.ftruncateSync(this.descriptor, size)
    fs.fsyncSync(this.descriptor)
    ranges().advise(this.descriptor, 'dont-need', 0, 0)
  }

  isCached(offset: number, length: number): boolean {
    return ranges().isCached(this.descriptor, offset, length)
  }

  /** All of it, in pieces of a MiB. */
  readAll(file: BulkRead): Buffer {
    const look = fs.fstatSync(this.descriptor)
    const all: Buffer[] = []
    for (let at = 0; at < look.size; at += PIECE.byteLength)
      all.push(Buffer.from(PIECE.subarray(0, file.read(this.descriptor, PIECE, at, look))))
    return Buffer.concat(all)
  }

  [Symbol.dispose](): void {
    fs.closeSync(this.descriptor)
    this.#place[Symbol.dispose]()
  }
}

function ranges() {
  const { ranges } = libc()
  assert.ok(ranges !== null)
  return ranges
}

/** Nothing is cold in memory. */
function isInMemory(t: TestContext, file: ColdFile): boolean {
  if (!file.isCached(0, PAGE)) return false
  t.skip('the temporary filesystem keeps all pages')
  return true
}

describe('reads of whole files', () => {
  const content = Buffer.alloc(SIZE, 'rootferry')

  it('leave no page of a file that was not in memory, and what else was read stays', (t) => {
    using file = new ColdFile(content)
    if (isInMemory(t, file)) return
    assert.deepEqual(file.readAll(new BulkReads(libc()).file()), content)
    assert.equal(file.isCached(0, SIZE), false)
    file.readAll(PLAIN_READS.file())
    assert.equal(file.isCached(0, SIZE), true)
  })

  it('leave the stretch of a file in memory of which a page was there, and only that stretch', (t) => {
    using file = new ColdFile(content)
    if (isInMemory(t, file)) return
    ranges().advise(file.descriptor, 'dont-need', 0, 0)
    const last = SIZE - (SIZE % PAGE)
    fs.readSync(file.descriptor, PIECE, 0, 1, last)
    file.readAll(new BulkReads(libc()).file())
    assert.equal(file.isCached(0, 16 * MIB), false)
    assert.equal(file.isCached(16 * MIB, SIZE - 16 * MIB), true)
  })

  it('drop a stretch once it is read in slices by several openings, in whatever places these end', (t) => {
    using file = new ColdFile(content)
    if (isInMemory(t, file)) return
    const read = new BulkReads(libc()).file()
    const look = fs.fstatSync(file.descriptor)
    const slice = Buffer.alloc(7 * MIB + 512)
    for (let at = 0; at < SIZE; at += slice.byteLength) read.read(file.descriptor, slice, at, look)
    assert.equal(file.isCached(0, SIZE), false)
  })

  it('read holes as zeros, without the kernel', (t) => {
    using file = new ColdFile(Buffer.alloc(PAGE, 'x'), 40 * MIB)
    fs.writeSync(file.descriptor, Buffer.alloc(PAGE, 'y'), 0, PAGE, 20 * MIB + PAGE)
    fs.fsyncSync(file.descriptor)
    const expected = Buffer.alloc(40 * MIB)
    expected.fill('x', 0, PAGE).fill('y', 20 * MIB + PAGE, 20 * MIB + 2 * PAGE)
    if (ranges().seek(file.descriptor, 'data', 2 * PAGE) !== 20 * MIB + PAGE) return t.skip('no holes here')
    // So that the first stretch is not dropped: a hole that is read stays there as pages of zeros.
    fs.readSync(file.descriptor, PIECE, 0, 1, 0)
    assert.ok(file.readAll(new BulkReads(libc()).file()).equals(expected))
    if (file.isCached(0, PAGE)) assert.equal(file.isCached(12 * MIB, 2 * MIB), false)
  })

  it('end where the file does, whatever was expected', () => {
    using file = new ColdFile(Buffer.alloc(2 * MIB, 'x'))
    const read = new BulkReads(libc()).file()
    const look = { size: 3 * MIB, blocks: Number.POSITIVE_INFINITY }
    assert.equal(read.read(file.descriptor, PIECE, 2 * MIB - 5, look), 5)
    assert.equal(read.read(file.descriptor, PIECE, 3 * MIB, look), 0)
  })
})
