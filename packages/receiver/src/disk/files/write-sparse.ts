/**
 * Writes content so that what is zero takes no room: blocks of zeros are left out, and read as zeros because nothing was
 * ever there. So a file that is sparse at the source is sparse here, whether it came as slices, in an archive or as a
 * copy.
 *
 * INVARIANT: there is nothing at and behind the position before the call; the caller sets the size at the end, which
 * makes a hole of a trailing block.
 */
import { writeSync } from 'node:fs'

/** What filesystems allocate, and what the hole must be aligned to. */
const BLOCK_BYTES = 4096

const zeros = Buffer.alloc(BLOCK_BYTES)

/** @throws the system error, also when the disk accepts only a part */
export function writeSparse(descriptor: number, content: Uint8Array, position: number): void {
  const end = content.byteLength
  // A run of bytes that are written at once.
  let run = 0
  for (let at = (BLOCK_BYTES - (position % BLOCK_BYTES)) % BLOCK_BYTES; at < end; at += BLOCK_BYTES) {
    if (!isZero(content, at, Math.min(at + BLOCK_BYTES, end))) continue
    writeRun(descriptor, content, run, at, position)
    run = Math.min(at + BLOCK_BYTES, end)
  }
  writeRun(descriptor, content, run, end, position)
}

function isZero(content: Uint8Array, from: number, to: number): boolean {
  // Nearly all blocks are told by their first or last byte.
  if (content[from] !== 0 || content[to - 1] !== 0) return false
  return zeros.compare(content, from, to, 0, to - from) === 0
}

function writeRun(descriptor: number, content: Uint8Array, from: number, to: number, position: number): void {
  for (let at = from; at < to; ) at += writeSync(descriptor, content, at, to - at, position + at)
}
