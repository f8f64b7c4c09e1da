/**
 * From the binary frames of a segment to the content of its files: the frames are collected, decompressed and unpacked,
 * and refused unless they are exactly what the segment's manifest says.
 *
 *   tar := (header, content padded to 512)…, 1,024 zero bytes      one entry for each content, nothing between
 *
 * The manifest fixes the length of the archive and the place of every entry in it, so an extended header, a second
 * entry, a gap or a tail has no room. Digests are checked where content is staged. Knows nothing of paths.
 */
import { Buffer } from 'node:buffer'
import { zstdDecompressSync } from 'node:zlib'
import { freeMemory } from '@rootferry/host/machine'
import { carriedBytes, type Delta, LIMITS, ProtocolError, type Segment, SLICE_ENTRY } from '@rootferry/protocol'
import { extract, type Header } from 'tar-stream'
import { BOUNDS } from '../../bounds.ts'

const BLOCK = 512
const TRAILER = 2 * BLOCK

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
export async function unpackSegment(segment: Segment, packed: Buffer): Promise<Content[]> {
  const expected = expectedEntries(segment)
  if (packed.byteLength !== segment.bytes) throw mismatch('not the announced number of bytes')
  if (expected.length === 0) {
    if (segment.tarBytes !== 0 || segment.bytes !== 0) throw mismatch('bytes without a file to hold them')
    return []
  }
  let length = TRAILER
  for (const entry of expected) length += BLOCK + padded(entry.size)
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

function readArchive(tar: Buffer, expected: readonly ExpectedEntry[]): Promise<Content[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Content[]>()
  const contents: Content[] = []
  const archive = extract()
  let position = 0
  archive.on('entry', (header, stream, next) => {
    const entry = expected[contents.length]
    const start = position + BLOCK
    // An entry's stream fails along with its archive, whose own error is reported.
    stream.on('error', reject)
    if (entry === undefined || !isExpected(header, entry, start)) {
      archive.destroy(mismatch(`the archive's entry ${contents.length} is not the one expected`))
      return
    }
    // The content is taken from the buffer itself; the stream only has to run dry.
    contents.push({ ordinal: entry.ordinal, bytes: tar.subarray(start, start + entry.size) })
    position = start + padded(entry.size)
    stream.on('end', next)
    stream.resume()
  })
  archive.on('error', (cause) => reject(cause instanceof ProtocolError ? cause : mismatch('no archive', cause)))
  archive.on('finish', () => {
    if (contents.length !== expected.length) reject(mismatch('the archive lacks entries'))
    else if (!isZero(tar.subarray(position))) reject(mismatch('the archive does not end where it should'))
    else resolve(contents)
  })
  archive.end(tar)
  return promise
}

/** `byteOffset`, which the type declarations lack, is where the content starts: a hidden header would move it. */
function isExpected(header: Header & { byteOffset?: number }, entry: ExpectedEntry, start: number): boolean {
  return (
    header.type === 'file' && header.name === entry.name && header.size === entry.size && header.byteOffset === start
  )
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0)
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK
}

function mismatch(detail: string, cause?: unknown): ProtocolError {
  return new ProtocolError('content-mismatch', detail, cause === undefined ? {} : { cause })
}
