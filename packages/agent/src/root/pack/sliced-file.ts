/**
 * A file that travels in slices. All slices belong to the version that existed when the changeset was planned, and the
 * digest and the chunks of the whole are computed on the way, unless they are known.
 *
 * Sessions may be at different slices, or begin in the middle because their receiver has the first ones: a slice can be
 * read at any time, and bytes that the digest has not seen by then are read for it.
 */
import type { Stats } from 'node:fs'
import type { BulkRead, BulkReads } from '@rootferry/host/machine'
import { type Delta, DigestStream, type Step } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import { ChunkStream } from '../delta/chunk-stream.ts'
import type { Observation } from '../index/indexed-entry.ts'
import { type ReadFault, readSlice } from '../scan/content-reader.ts'
import { isNotProvenOther } from '../scan/difference.ts'
import { observe } from '../scan/observe.ts'
import type { PlannedSlice } from './changeset-plan.ts'

/** How the bytes of a version are reached. */
export interface FileAccess {
  /** Path for one system call. */
  locate: () => string
  reads: BulkReads
  nowMs: () => number
  /** Lets the thread do other work between pieces of a long read. */
  pause: () => Promise<void>
}

/**
 * The result of a pass over a whole version. `delta`: how it is made from the receiver's version; null: it is sent
 * whole.
 */
export interface VersionPass {
  digest: string
  /** In the form that ChunkList takes. */
  chunks: Uint8Array
  delta: Delta | null
}

export class SlicedFile {
  readonly version: Observation
  readonly delta: Delta | null
  /** The file changed, or cannot be read: no further slice of it is sent. */
  isLost = false
  readonly #stream = new DigestStream()
  readonly #chunkStream: ChunkStream | null
  #chunks: Uint8Array | null
  #digest: string | null
  #file: BulkRead | null = null

  /**
   * @param compared the facts that are already known about the version
   * @param wantsChunks whether its chunks are to be found if they are not known
   */
  constructor(version: Observation, compared: VersionPass | null, wantsChunks: boolean) {
    this.version = version
    this.delta = compared?.delta ?? null
    this.#digest = compared?.digest ?? null
    this.#chunks = compared?.chunks ?? null
    this.#chunkStream = compared === null && wantsChunks ? new ChunkStream(null) : null
  }

  /** Reads the bytes that a slice carries, and those before it that the digest lacks. */
  async read(slice: PlannedSlice, into: Uint8Array, access: FileAccess): Promise<{ fault: null } | ReadFault> {
    if (slice.delta !== null) return this.#readCarried(slice.offset, slice.delta.steps, into, access)
    const read = this.#read(slice, into, access)
    if (read.fault !== null) return read
    let piece: Uint8Array | null = null
    while (this.#digest === null && this.#stream.bytes < slice.offset) {
      piece ??= new Uint8Array(BOUNDS.pieceBytes)
      const offset = this.#stream.bytes
      const length = Math.min(BOUNDS.pieceBytes, slice.offset - offset)
      const missed = this.#read({ offset, length }, piece, access)
      if (missed.fault !== null) return missed
      this.#update(piece.subarray(0, length))
      await access.pause()
    }
    if (this.#digest === null && this.#stream.bytes === slice.offset) this.#update(into)
    return { fault: null }
  }

  /** Digest of the whole, once the last slice was read. */
  digest(): string {
    if (this.#digest !== null) return this.#digest
    this.#chunks = this.#chunkStream?.finish() ?? null
    this.#digest = this.#stream.finish()
    return this.#digest
  }

  /** Chunks of the whole, for the first caller after `digest`; null when they were not wanted. */
  takeChunks(): Uint8Array | null {
    const chunks = this.#chunks
    this.#chunks = null
    return chunks
  }

  #update(piece: Uint8Array): void {
    this.#stream.update(piece)
    this.#chunkStream?.update(piece)
  }

  #readCarried(
    offset: number,
    steps: readonly Step[],
    into: Uint8Array,
    access: FileAccess,
  ): { fault: null } | ReadFault {
    let at = offset
    let filled = 0
    for (const [from, length] of steps) {
      if (from === null) {
        const read = this.#read({ offset: at, length }, into.subarray(filled, filled + length), access)
        if (read.fault !== null) return read
        filled += length
      }
      at += length
    }
    return { fault: null }
  }

  #read(range: { offset: number; length: number }, into: Uint8Array, { locate, reads, nowMs }: FileAccess) {
    this.#file ??= reads.file()
    return readSlice(locate(), into, range, isVersion(this.version, nowMs), this.#file)
  }
}

/**
 * Reads a version from start to end.
 * @param take called with each piece, whose memory is reused
 */
export async function readVersion(
  version: Observation,
  { locate, reads, nowMs, pause }: FileAccess,
  take: (piece: Uint8Array) => void,
): Promise<{ fault: null } | ReadFault> {
  const file = reads.file()
  const memory = new Uint8Array(Math.min(BOUNDS.pieceBytes, version.size))
  for (let offset = 0; offset < version.size; offset += BOUNDS.pieceBytes) {
    const length = Math.min(BOUNDS.pieceBytes, version.size - offset)
    const piece = memory.subarray(0, length)
    const read = readSlice(locate(), piece, { offset, length }, isVersion(version, nowMs), file)
    if (read.fault !== null) return read
    take(piece)
    await pause()
  }
  return { fault: null }
}

/** Tells by an open file's status whether it is still that version. */
function isVersion(version: Observation, nowMs: () => number): (stats: Stats) => boolean {
  return (stats) => {
    const look = observe(stats, null, nowMs())
    return look.found === 'entry' && isNotProvenOther(version, look.observation)
  }
}
