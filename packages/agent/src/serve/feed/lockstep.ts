/**
 * Pure: how far sessions may feed by themselves. Where every change is a round (`together: always`) that is the end of
 * the last round, and what is beyond it is the next round, as far as receivers can stage that; else they may reach what
 * the gate lets pass.
 *
 * INVARIANT: what is led to never goes back while the index does not.
 */
import { BOUNDS } from '../../bounds.ts'
import type { Reach } from './gate.ts'

export class Lockstep {
  #isOn: boolean
  /** What the gate lets pass. */
  #reach: Reach | null = null
  /** How far sessions were led. */
  #stood: number | null = null
  /** When the first of the changes beyond that was hinted at. */
  #seenMs: number | null = null

  constructor(isOn: boolean) {
    this.#isOn = isOn
  }

  /** @returns how far sessions are led now; null: not further */
  configure(isOn: boolean): Reach | null {
    this.#isOn = isOn
    return isOn || this.#reach === null ? null : this.stand(this.#reach.head)
  }

  /** The gate lets more pass, or less. @returns as `configure` */
  reached(reach: Reach): Reach | null {
    this.#reach = reach
    this.#seenMs ??= reach.seenMs
    const isBehind = this.#stood !== null && reach.head >= this.#stood
    if (this.#isOn && isBehind) return null
    this.#stood = reach.head
    this.#seenMs = null
    return reach
  }

  /** Everything up to there may be fed. @returns as `configure` */
  stand(to: number): Reach | null {
    if (this.#reach === null || (this.#stood !== null && to <= this.#stood)) return null
    const seenMs = this.#seenMs ?? this.#reach.seenMs
    this.#stood = to
    this.#seenMs = to < this.#reach.head ? this.#reach.seenMs : null
    return { head: to, seenMs }
  }

  /** How far sessions may be led by themselves; null: as far as the gate lets pass. */
  get limit(): number | null {
    return this.#isOn ? this.#stood : null
  }

  /** What the next round is of; null: there is nothing beyond the last one, or rounds are of releases only. */
  next(): { from: number; to: number; head: number } | null {
    if (!this.#isOn || this.#reach === null || this.#stood === null || this.#reach.head <= this.#stood) return null
    const { head } = this.#reach
    return { from: this.#stood, to: Math.min(head, this.#stood + BOUNDS.roundChanges), head }
  }
}
