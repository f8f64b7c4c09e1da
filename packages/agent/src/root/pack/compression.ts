/**
 * Compresses a segment where that pays. A sample decides, because most of a docroot's bytes are images, which are
 * compressed already.
 */
import type { Buffer } from 'node:buffer'
import { constants, zstdCompressSync } from 'node:zlib'

const SAMPLE_BYTES = 64 * 1024
const WORTHWHILE = 0.85
const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

export interface EncodedSegment {
  encoding: 'tar' | 'zstd'
  payload: Uint8Array<ArrayBuffer>
}

/** @param wanted whether the line is slow enough for compression to pay */
export function compressSegment(archive: Buffer<ArrayBuffer>, wanted: boolean): EncodedSegment {
  if (!wanted || archive.byteLength === 0 || !shrinks(archive)) return { encoding: 'tar', payload: archive }
  // A copy: small results are parts of a pool, whose memory cannot be transferred to another thread.
  const payload = new Uint8Array(zstdCompressSync(archive, OPTIONS))
  return payload.byteLength < archive.byteLength * WORTHWHILE
    ? { encoding: 'zstd', payload }
    : { encoding: 'tar', payload: archive }
}

/** A piece from the middle stands for the whole. */
function shrinks(archive: Buffer): boolean {
  const start = Math.max(0, Math.floor((archive.byteLength - SAMPLE_BYTES) / 2))
  const sample = archive.subarray(start, start + SAMPLE_BYTES)
  return zstdCompressSync(sample, OPTIONS).byteLength < sample.byteLength * WORTHWHILE
}
