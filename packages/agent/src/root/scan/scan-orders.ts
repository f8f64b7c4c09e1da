/** Scans on demand: one scan serves all orders that wait for it. */
import { ROOT_PATH } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { Hint } from '../watch/watcher.ts'
import { parentsFirst, withoutCovered } from './coalesce.ts'

export class ScanOrders {
  readonly #scan: (hints: () => readonly Hint[]) => Promise<boolean>
  /** The scan that has not begun. */
  #waiting: { hints: Map<string, Hint>; result: Promise<boolean> } | null = null

  /** @param scan scans in its turn; asks for the hints when it begins */
  constructor(scan: (hints: () => readonly Hint[]) => Promise<boolean>) {
    this.#scan = scan
  }

  order(hints: readonly Hint[]): Promise<boolean> {
    const waiting = this.#waiting ?? this.#begin()
    for (const hint of hints) if (waiting.hints.get(hint.path)?.extent !== 'subtree') waiting.hints.set(hint.path, hint)
    if (waiting.hints.size > BOUNDS.waitingHints) waiting.hints.set(ROOT_PATH, { path: ROOT_PATH, extent: 'subtree' })
    return waiting.result
  }

  #begin() {
    const hints = new Map<string, Hint>()
    const begins = () => {
      this.#waiting = null
      return parentsFirst(withoutCovered([...hints.values()]))
    }
    // Later than the caller, who adds the hints.
    const result = Promise.resolve().then(() => this.#scan(begins))
    this.#waiting = { hints, result }
    return this.#waiting
  }
}
