/**
 * Builds one segment's tar archive in one buffer.
 *
 * Content is read straight to its final place in the archive; tar-stream then writes the headers around it. The chunks
 * that tar-stream emits for content are the very same memory, already in place, so only headers and padding are copied.
 */
import type { Buffer } from 'node:buffer'
import { SEGMENT_TAR } from '@rootferry/protocol'
import { pack } from 'tar-stream'
import { tarBytesOf } from './changeset-plan.ts'

const TAR_BLOCK = 512
const TAR_END = 1024

export class SegmentWriter {
  readonly #archive: Buffer<ArrayBuffer>
  readonly #entries: { name: string; start: number; bytes: number }[] = []
  #used = 0

  /** @param archive memory for the finished archive; it belongs to the writer until `finish` has returned it */
  constructor(archive: Buffer<ArrayBuffer>) {
    this.#archive = archive
  }

  /**
   * The place for the next entry's content: write it there, then `append` it. Null when not even an empty entry fits.
   */
  room(): Buffer | null {
    const start = this.#used + TAR_BLOCK
    const left = this.#archive.byteLength - TAR_END - start
    return left < 0 ? null : this.#archive.subarray(start, start + Math.floor(left / TAR_BLOCK) * TAR_BLOCK)
  }

  append(name: string, bytes: number): void {
    this.#entries.push({ name, start: this.#used + TAR_BLOCK, bytes })
    this.#used += tarBytesOf(bytes)
  }

  /** The archive; the writer must not be used again. Empty when nothing was added. */
  finish(): Promise<Buffer<ArrayBuffer>> {
    if (this.#entries.length === 0) return Promise.resolve(this.#archive.subarray(0, 0))
    const { promise, resolve, reject } = Promise.withResolvers<Buffer<ArrayBuffer>>()
    const stream = pack()
    let at = 0
    const place = (piece: Uint8Array) => {
      const inPlace = piece.buffer === this.#archive.buffer && piece.byteOffset === this.#archive.byteOffset + at
      if (!inPlace) this.#archive.set(piece, at)
      at += piece.byteLength
    }
    stream.on('data', (piece) => place(piece as Uint8Array))
    stream.on('error', reject)
    stream.on('end', () => resolve(this.#archive.subarray(0, at)))
    for (const { name, start, bytes } of this.#entries) {
      stream.entry({ ...SEGMENT_TAR, name, size: bytes }, this.#archive.subarray(start, start + bytes))
    }
    stream.finalize()
    return promise
  }
}
