/** Counts the bytes that the sessions of a root sent, tells how long to rest, and has their buffers collected in time. */
import { BufferGarbage } from '@rootferry/host/machine'
import type { LineLimits } from './line-limits.ts'

export class SentBytes {
  readonly #garbage = new BufferGarbage()
  readonly #limits: LineLimits
  total = 0

  /** @param limits of all roots */
  constructor(limits: LineLimits) {
    this.#limits = limits
  }

  /** The most bytes of a frame now. */
  get frameBytes(): number {
    return this.#limits.frameBytes
  }

  /** @returns milliseconds to rest before the receiver is sent more */
  sent(receiver: string, bytes: number, isUrgent: boolean): number {
    this.total += bytes
    this.#garbage.passed(bytes)
    return this.#limits.rest(receiver, bytes, isUrgent, performance.now())
  }
}
