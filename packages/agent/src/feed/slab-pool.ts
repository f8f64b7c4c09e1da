/**
 * Memory for segments, used again and again: fresh memory for each would be faulted in page by page, and what the
 * allocator keeps of it would stay with the process.
 */
import { Buffer } from 'node:buffer'

/** Holds every segment that is not of one large file. */
const SLAB_BYTES = 4 * 1024 * 1024 + 64 * 1024
const MOST_KEPT = 3

export class SlabPool {
  readonly #idle: ArrayBuffer[] = []

  /** Memory of at least so many bytes, of any content. */
  take(bytes: number): Buffer<ArrayBuffer> {
    if (bytes > SLAB_BYTES) return Buffer.allocUnsafeSlow(bytes)
    return Buffer.from(this.#idle.pop() ?? new ArrayBuffer(SLAB_BYTES), 0, bytes)
  }

  /** Takes memory back that nobody uses any more. */
  give(memory: ArrayBuffer): void {
    if (memory.byteLength === SLAB_BYTES && this.#idle.length < MOST_KEPT) this.#idle.push(memory)
    else if (!memory.detached) memory.transfer(0)
  }
}
