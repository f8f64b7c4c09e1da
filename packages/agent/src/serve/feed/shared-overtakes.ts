/**
 * What goes ahead of a plan that is under way, packed once for all receivers that are sent the same after the same.
 *
 * Few answers are kept: a receiver that comes later asks anew, and is told what goes ahead then.
 */
import { BOUNDS } from '../../bounds.ts'
import type { PackedOvertake, RootRequests } from '../../root-messages.ts'

export type OvertakeOrder = RootRequests['overtake']['takes']

export class SharedOvertakes {
  readonly #pack: (order: OvertakeOrder) => Promise<PackedOvertake | null>
  /** By order, the oldest first. */
  readonly #kept = new Map<string, Promise<PackedOvertake | null>>()

  constructor(pack: (order: OvertakeOrder) => Promise<PackedOvertake | null>) {
    this.#pack = pack
  }

  async ask(order: OvertakeOrder): Promise<PackedOvertake | null> {
    const key = Object.values(order).join('/')
    const known = this.#kept.get(key)
    if (known !== undefined) return known
    const packed = this.#pack(order)
    this.#kept.set(key, packed)
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= BOUNDS.keptOvertakes) break
      this.#kept.delete(oldest)
    }
    try {
      const answer = await packed
      // Something may go ahead when it is asked for again.
      if (answer?.header == null && this.#kept.get(key) === packed) this.#kept.delete(key)
      return answer
    } catch (error) {
      this.#kept.delete(key)
      throw error
    }
  }
}
