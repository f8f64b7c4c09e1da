/**
 * Where a file is cut into chunks, depending on its content and not on the distance from its start. An insertion moves
 * the chunks behind it and leaves them unchanged.
 *
 * After Wen Xia et al., "FastCDC: a Fast and Efficient Content-Defined Chunking Approach for Data Deduplication",
 * USENIX ATC 2016: a gear hash, no look at bytes below the minimum size, and a mask that is hard to meet before the
 * normal size and easy after it.
 *
 * INVARIANT: every release cuts the same bytes alike, because chunk lists are kept in the index.
 */
import { Buffer } from 'node:buffer'
import { digestOf } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'

const { leastChunkBytes, normalChunkBytes, mostChunkBytes, hardChunkShift, easyChunkShift } = BOUNDS

const GEAR = Int32Array.from({ length: 256 }, (_, byte) => {
  return Buffer.from(digestOf(Uint8Array.of(byte)), 'base64url').readInt32LE(0)
})

/**
 * Length of the chunk that begins at `start`.
 * @param end where the bytes end: at least mostChunkBytes behind `start`, unless the file ends there
 */
export function chunkLength(bytes: Uint8Array, start: number, end: number): number {
  const normal = Math.min(start + normalChunkBytes, end)
  const most = Math.min(start + mostChunkBytes, end)
  let hash = 0
  let at = start + leastChunkBytes
  for (; at < normal; at += 1) {
    hash = ((hash << 1) + (GEAR[bytes[at] ?? 0] ?? 0)) | 0
    if (hash >>> hardChunkShift === 0) return at + 1 - start
  }
  for (; at < most; at += 1) {
    hash = ((hash << 1) + (GEAR[bytes[at] ?? 0] ?? 0)) | 0
    if (hash >>> easyChunkShift === 0) return at + 1 - start
  }
  return most - start
}
