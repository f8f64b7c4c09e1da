/**
 * A file that travels in slices: all of them are of the version that was there when the changeset was planned, and the
 * digest of the whole is taken along the way.
 *
 * Sessions may be at different slices, or begin in the middle because their receiver has the first ones: a slice can be
 * read at any time, and what the digest has not seen by then is read for it.
 */
import type { Stats } from 'node:fs'
import { DigestStream } from '@rootferry/protocol'
import { type ReadFault, readSlice } from '../tree/content-reader.ts'
import type { Observation } from '../tree/entry-index.ts'
import { observe } from '../tree/observe.ts'
import { isSameVersion } from '../tree/same-version.ts'

const PIECE_BYTES = 8 * 1024 * 1024

export class SlicedFile {
  readonly version: Observation
  /** It changed, or can not be read: no further slice of it is sent. */
  isLost = false
  readonly #stream = new DigestStream()
  #digest: string | null = null

  constructor(version: Observation) {
    this.version = version
  }

  /**
   * Reads a slice, and what the digest lacks before it.
   * @param locate path for one system call
   * @param pause lets the thread do other work between pieces of a long read
   */
  async read(
    slice: { offset: number; length: number },
    into: Uint8Array,
    locate: () => string,
    nowMs: () => number,
    pause: () => Promise<void>,
  ): Promise<{ fault: null } | ReadFault> {
    const isVersion = (stats: Stats) => this.#isVersion(stats, nowMs())
    const read = readSlice(locate(), into, slice, isVersion)
    if (read.fault !== null) return read
    let piece: Uint8Array | null = null
    while (this.#digest === null && this.#stream.bytes < slice.offset) {
      piece ??= new Uint8Array(PIECE_BYTES)
      const offset = this.#stream.bytes
      const length = Math.min(PIECE_BYTES, slice.offset - offset)
      const missed = readSlice(locate(), piece, { offset, length }, isVersion)
      if (missed.fault !== null) return missed
      this.#stream.update(piece.subarray(0, length))
      await pause()
    }
    if (this.#digest === null && this.#stream.bytes === slice.offset) this.#stream.update(into)
    return { fault: null }
  }

  /** Digest of the whole, once the last slice was read. */
  digest(): string {
    this.#digest ??= this.#stream.finish()
    return this.#digest
  }

  #isVersion(stats: Stats, nowMs: number): boolean {
    const look = observe(stats, null, nowMs)
    return look.found === 'entry' && isSameVersion(this.version, look.observation)
  }
}
