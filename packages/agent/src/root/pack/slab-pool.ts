/**
 * Memory for segments, reused: new memory for each would be faulted in page by page, and the process would keep what
 * the allocator keeps of it.
 */
import { Buffer } from 'node:buffer'
import { BOUNDS } from '../../bounds.ts'

export class SlabPool {
  /** Last in, first out: slabs that are not needed stay at the bottom. */
  readonly #idle: ArrayBuffer[] = []
  #leastIdle = 0

  /** Memory of at least this many bytes, with any content. */
  take(bytes: number): Buffer<ArrayBuffer> {
    if (bytes > BOUNDS.slabBytes) return Buffer.allocUnsafeSlow(bytes)
    const memory = this.#idle.pop() ?? Buffer.allocUnsafeSlow(BOUNDS.slabBytes).buffer
    this.#leastIdle = Math.min(this.#leastIdle, this.#idle.length)
    return Buffer.from(memory, 0, bytes)
  }

  /** Takes back memory that is not in use any more. */
  give(memory: ArrayBuffer): void {
    if (memory.byteLength === BOUNDS.slabBytes && this.#idle.length < BOUNDS.idleSlabs) this.#idle.push(memory)
    else if (!memory.detached) memory.transfer(0)
  }

  get isEmpty(): boolean {
    return this.#idle.length === 0
  }

  /** Frees the memory that was not needed since the last call. */
  trim(): void {
    for (const memory of this.#idle.splice(0, this.#leastIdle)) memory.transfer(0)
    this.#leastIdle = this.#idle.length
  }
}
