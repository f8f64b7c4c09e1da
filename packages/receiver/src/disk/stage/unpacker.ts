/**
 * From the binary frames of a segment to the content of its files: the frames are collected, decompressed and unpacked,
 * and refused unless they are exactly what the segment's manifest says.
 *
 *   tar := (header, content padded to 512)…, 1,024 zero bytes      one entry for each content, nothing between
 *
 * The manifest fixes every byte of the archive but the contents, so an extended header, a second entry, a gap, a tail or
 * another form of a number has no room. Digests are checked where content is staged. Knows nothing of paths.
 */
import { Buffer } from 'node:buffer'
import { zstdDecompressSync } from 'node:zlib'
import { freeMemory } from '@rootferry/host/machine'
import {
  carriedBytes,
  type Delta,
  LIMITS,
  ProtocolError,
  type Segment,
  SLICE_ENTRY,
  segmentHeader,
  TAR_BLOCK,
} from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'

const TRAILER = 2 * TAR_BLOCK
const ZEROS = Buffer.alloc(TRAILER)

/** One file's content: a view into the segment's buffer. `ordinal` is its change's index, or null for a slice. */
export interface Content {
  ordinal: number | null
  bytes: Buffer
}

interface ExpectedEntry {
  name: string
  ordinal: number | null
  size: number
}

/**
 * Collects the frames of one segment at a time, always in the same memory: new memory for every segment costs more than
 * the copy.
 */
export class FrameCollector {
  #memory = Buffer.alloc(0)
  #collected = 0
  #total = 0

  /** Whether binary frames are outstanding. */
  get isCollecting(): boolean {
    return this.#collected < this.#total
  }

  /** Begins a segment of this many bytes. */
  begin(bytes: number): void {
    this.#collected = 0
    this.#total = bytes
    if (this.#memory.byteLength < bytes)
      this.#memory = Buffer.allocUnsafeSlow(Math.max(bytes, BOUNDS.segmentMemoryBytes))
  }

  /**
   * Takes a frame, whose memory is then freed.
   * @returns all bytes of the segment with its last frame, else null; they are valid until the next segment begins
   * @throws ProtocolError
   */
  frame(frame: Uint8Array): Buffer | null {
    const missing = this.#total - this.#collected
    if (missing === 0) throw new ProtocolError('unexpected-message', 'a binary frame that no segment announced')
    if (frame.byteLength > LIMITS.frameBytes) {
      throw new ProtocolError('limit-exceeded', `a binary frame of ${frame.byteLength} bytes`)
    }
    if (frame.byteLength === 0) throw new ProtocolError('content-mismatch', 'an empty binary frame')
    if (frame.byteLength > missing) {
      throw new ProtocolError('content-mismatch', `${frame.byteLength - missing} bytes beyond the segment's end`)
    }
    this.#memory.set(frame, this.#collected)
    this.#collected += frame.byteLength
    freeMemory(frame)
    return this.isCollecting ? null : this.#memory.subarray(0, this.#total)
  }
}

/**
 * Unpacks a segment.
 * @param packed all bytes of the segment; the returned contents may be views into them
 * @throws ProtocolError (content-mismatch) when they are not what the segment says
 */
export function unpackSegment(segment: Segment, packed: Buffer): Content[] {
  const expected = expectedEntries(segment)
  if (packed.byteLength !== segment.bytes) throw mismatch('not the announced number of bytes')
  if (expected.length === 0) {
    if (segment.tarBytes !== 0 || segment.bytes !== 0) throw mismatch('bytes without a file to hold them')
    return []
  }
  let length = TRAILER
  for (const entry of expected) length += TAR_BLOCK + padded(entry.size)
  if (segment.tarBytes !== length) throw mismatch(`an archive of ${segment.tarBytes} bytes, its files take ${length}`)
  const tar = segment.encoding === 'zstd' ? decompress(packed, length) : packed
  if (tar.byteLength !== length) throw mismatch(`an archive of ${tar.byteLength} bytes instead of ${length}`)
  return readArchive(tar, expected)
}

function expectedEntries(segment: Segment): ExpectedEntry[] {
  const { slice } = segment
  if (slice !== null) {
    for (const change of segment.changes) {
      if (change.kind === 'file' && change.source === 'tar') throw mismatch('a file together with a slice')
    }
    if (slice.delta !== null) checkDelta(slice.length, slice.delta)
    // The last segment of a file that was received before a cut needs no bytes, nor does a segment that only copies.
    const size = carriedBytes(slice)
    return size === 0 ? [] : [{ name: SLICE_ENTRY, ordinal: null, size }]
  }
  const expected: ExpectedEntry[] = []
  segment.changes.forEach((change, ordinal) => {
    if (change.kind === 'file' && change.source === 'tar') {
      expected.push({ name: String(ordinal), ordinal, size: change.size })
    }
  })
  return expected
}

/** Sums first: no step of a delta is carried out unless its sums are right. */
function checkDelta(length: number, { base, steps }: Delta): void {
  if (length > LIMITS.sliceBytes) throw mismatch(`a delta that makes ${length} bytes`)
  let sum = 0
  for (const [from, bytes] of steps) {
    if (from !== null && from + bytes > base) throw mismatch('a delta that reaches beyond its base')
    sum += bytes
  }
  if (sum !== length) throw mismatch(`a delta of ${sum} bytes instead of ${length}`)
}

function decompress(packed: Buffer, length: number): Buffer {
  try {
    // `info` tells how much of the input was used: the library ignores bytes behind the end of the data.
    const { buffer, engine } = zstdDecompressSync(packed, { maxOutputLength: length, info: true }) as unknown as {
      buffer: Buffer
      engine: { bytesWritten: number }
    }
    if (engine.bytesWritten === packed.byteLength) return buffer
  } catch (cause) {
    throw mismatch('compressed data that is broken or too long', cause)
  }
  throw mismatch('data after the end of the compressed archive')
}

/** Every byte of the archive is what the manifest makes it, but for the contents. */
function readArchive(tar: Buffer, expected: readonly ExpectedEntry[]): Content[] {
  let position = 0
  const contents = expected.map(({ name, ordinal, size }, number) => {
    const start = position + TAR_BLOCK
    const end = start + size
    position = start + padded(size)
    if (!segmentHeader(name, size).equals(tar.subarray(start - TAR_BLOCK, start)))
      throw mismatch(`the archive's entry ${number} is not the one expected`)
    if (!isZero(tar.subarray(end, position))) throw mismatch(`something behind the archive's entry ${number}`)
    return { ordinal, bytes: tar.subarray(start, end) }
  })
  if (!isZero(tar.subarray(position))) throw mismatch('the archive does not end where it should')
  return contents
}

function isZero(bytes: Buffer): boolean {
  return bytes.equals(ZEROS.subarray(0, bytes.byteLength))
}

function padded(size: number): number {
  return Math.ceil(size / TAR_BLOCK) * TAR_BLOCK
}

function mismatch(detail: string, cause?: unknown): ProtocolError {
  return new ProtocolError('content-mismatch', detail, cause === undefined ? {} : { cause })
}
