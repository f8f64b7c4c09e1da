/**
 * Paths of which receivers were sent something that the index does not say: the file was not what its row said when it
 * was packed. They are in doubt until the scan that was asked for has looked at them. Pure bookkeeping.
 */
import { isWithin } from '@rootferry/protocol'
import type { Hint } from '../watch/watcher.ts'

export class DoubtedPaths {
  readonly #waiting = new Set<string>()
  /** Covered by the scan that is under way. */
  readonly #looking = new Set<string>()

  doubt(path: string): void {
    this.#waiting.add(path)
  }

  /** Whether there is any such path. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0 && this.#looking.size === 0
  }

  has(path: string): boolean {
    return this.#waiting.has(path) || this.#looking.has(path)
  }

  /** A scan begins; what is added from now on is not covered by it. */
  begin(hints: readonly Hint[]): void {
    for (const { path, extent } of hints) {
      if (extent === 'entry') {
        if (this.#waiting.delete(path)) this.#looking.add(path)
        continue
      }
      for (const waiting of this.#waiting) {
        if (!isWithin(waiting, path)) continue
        this.#waiting.delete(waiting)
        this.#looking.add(waiting)
      }
    }
  }

  /** The scan has ended. @param isRecorded whether what it saw is in the index */
  end(isRecorded: boolean): void {
    if (!isRecorded) for (const path of this.#looking) this.#waiting.add(path)
    this.#looking.clear()
  }
}
