/**
 * Paths for which receivers were sent content that differs from the index: the file did not match its row when it was
 * packed. They are in doubt until the requested scan has looked at them. Pure bookkeeping.
 */
import { isWithin } from '@rootferry/protocol'
import type { Hint } from '../watch/watcher.ts'

export class DoubtedPaths {
  readonly #waiting = new Set<string>()
  /** Paths that the running scan covers. */
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

  /** A scan begins; paths that are added from now on are not covered by it. */
  beginLook(hints: readonly Hint[]): void {
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

  /** The scan has ended. @param isRecorded whether its findings are in the index */
  endLook(isRecorded: boolean): void {
    if (!isRecorded) for (const path of this.#looking) this.#waiting.add(path)
    this.#looking.clear()
  }
}
