/**
 * How fast a long scan records: not much faster than receivers show what it has recorded. So few changes come before a
 * save that overtakes the scan, and not all that the scan has found so far.
 *
 * INVARIANT: the receiver that is furthest sets the pace, so a slow one delays nobody. When all stand still, a scan waits
 * for PATIENCE_MS once, and goes on without a pace until one of them moves.
 */
import { BOUNDS } from '../../bounds.ts'
import type { ScanLanes } from './scan-lanes.ts'

const PATIENCE_MS = 5_000

export class RecordingPace {
  /** How far a receiver that follows has got; null: none sets a pace. */
  #shown: number | null = null
  #waiting: PromiseWithResolvers<void> | null = null

  /** A receiver that follows has committed up to there, further than any other; null: they have to tell anew. */
  shown(sequence: number | null): void {
    this.#shown = sequence
    this.stir()
  }

  /** For the running scan: overtaking work comes between. @param head null: no pace is kept any more */
  async keep(lanes: Pick<ScanLanes, 'giveWay' | 'giveWayUntil'>, head: () => number | null): Promise<void> {
    await lanes.giveWay()
    while (this.#isAhead(head())) await lanes.giveWayUntil(this.#next())
  }

  #isAhead(head: number | null): boolean {
    return head !== null && this.#shown !== null && head - this.#shown > BOUNDS.changesAhead
  }

  /** Resolves when a receiver has moved, or none does. */
  async #next(): Promise<void> {
    this.#waiting ??= Promise.withResolvers<void>()
    const patience = setTimeout(() => this.shown(null), PATIENCE_MS)
    await this.#waiting.promise
    clearTimeout(patience)
  }

  /** Who waits looks again. */
  stir(): void {
    this.#waiting?.resolve()
    this.#waiting = null
  }
}
