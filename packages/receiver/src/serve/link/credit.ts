/**
 * Pure bookkeeping of flow control: how much the agent may still send, and when it is told that it may send more.
 *
 * Credit is given back in portions, not for every small change.
 */
import { LIMITS } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'

/** Segment bytes that the agent may send ahead of those that are staged. */

export class Credit {
  /** Bytes that the agent may send now; it may overdraw by less than one segment. */
  #left = BOUNDS.creditBytes
  #consumed = 0

  /** Segment bytes came. @returns whether the agent was allowed to send them */
  came(bytes: number): boolean {
    this.#left -= bytes
    return this.#left > -LIMITS.segmentBytes
  }

  /** Segment bytes were staged. @returns how much credit to give now, or 0 */
  consumed(bytes: number): number {
    this.#consumed += bytes
    if (this.#consumed < BOUNDS.creditPortionBytes) return 0
    const given = this.#consumed
    this.#consumed = 0
    this.#left += given
    return given
  }
}
