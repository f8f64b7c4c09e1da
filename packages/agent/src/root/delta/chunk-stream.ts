/**
 * Cuts a file that comes in pieces into chunks, and finds the chunks that a base also holds.
 *
 * Most versions of a large file are the base with little changed. So after a chunk of the base its next one is tried
 * first, which spares the search for a cut; the cut would be at the same place, since the bytes are the same. Only at
 * the base's end it may be elsewhere: a file that was appended to has the base's last chunk as the beginning of a
 * longer one.
 */
import { Buffer } from 'node:buffer'
import type { Step } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import { type ChunkList, ChunkRecorder, chunkHash } from './chunk-list.ts'
import { chunkLength } from './fast-cdc.ts'
import { addStep } from './recipe.ts'

const WINDOW_BYTES = 4 * BOUNDS.mostChunkBytes

export class ChunkStream {
  readonly #base: ChunkList | null
  readonly #recorder = new ChunkRecorder()
  /** How the file is made from the base; without a base, one step of content. */
  readonly steps: Step[] = []
  /** Bytes that have come and are not in a chunk yet: [start, end). */
  #window = Buffer.alloc(0)
  #start = 0
  #end = 0
  /** The base's chunk that comes next if the file continues like the base; null: unknown. */
  #expected: number | null = 0

  constructor(base: ChunkList | null) {
    this.#base = base
  }

  update(piece: Uint8Array): void {
    if (this.#window.byteLength === 0) this.#window = Buffer.allocUnsafeSlow(WINDOW_BYTES)
    for (let taken = 0; taken < piece.byteLength; ) {
      if (this.#end === WINDOW_BYTES) this.#makeRoom()
      const length = Math.min(piece.byteLength - taken, WINDOW_BYTES - this.#end)
      this.#window.set(piece.subarray(taken, taken + length), this.#end)
      taken += length
      this.#end += length
      while (this.#end - this.#start >= BOUNDS.mostChunkBytes) this.#take()
    }
  }

  /** Ends the stream. @returns the chunks, in the form that ChunkList takes */
  finish(): Uint8Array {
    while (this.#end > this.#start) this.#take()
    this.#window = Buffer.alloc(0)
    return this.#recorder.records()
  }

  #makeRoom(): void {
    this.#window.copyWithin(0, this.#start, this.#end)
    this.#end -= this.#start
    this.#start = 0
  }

  #take(): void {
    if (this.#takeExpected()) return
    const length = chunkLength(this.#window, this.#start, this.#end)
    const hash = this.#hash(length)
    const found = this.#base?.find(hash, length) ?? null
    this.#note(length, hash, found)
    this.#expected = found === null ? null : found + 1
  }

  /** @returns whether the file continues with the base's next chunk */
  #takeExpected(): boolean {
    const base = this.#base
    const expected = this.#expected
    // The last chunk ends where the base ended, not where a cut would be.
    if (base === null || expected === null || expected >= base.count - 1) return false
    const length = base.length(expected)
    if (length > this.#end - this.#start) return false
    const hash = this.#hash(length)
    if (!base.isHash(expected, hash)) return false
    this.#note(length, hash, expected)
    this.#expected = expected + 1
    return true
  }

  #note(length: number, hash: Buffer, found: number | null): void {
    this.#recorder.add(length, hash)
    if (found !== null) addStep(this.steps, this.#base?.offset(found) ?? 0, length)
    else {
      const ending = this.#baseEnding(length)
      if (ending > 0) addStep(this.steps, (this.#base?.size ?? 0) - ending, ending)
      addStep(this.steps, null, length - ending)
    }
    this.#start += length
  }

  /** How many bytes at the start of a chunk that the base lacks equal the base's last chunk. */
  #baseEnding(length: number): number {
    const base = this.#base
    if (base === null || base.count === 0 || this.#expected !== base.count - 1) return 0
    const ending = base.length(this.#expected)
    return ending < length && base.isHash(this.#expected, this.#hash(ending)) ? ending : 0
  }

  #hash(length: number): Buffer {
    return chunkHash(this.#window.subarray(this.#start, this.#start + length))
  }
}
