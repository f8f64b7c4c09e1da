/**
 * Paths for which receivers were sent content that differs from the index: the file did not match its row when it was
 * packed. They are in doubt until the requested scan has looked at them. Pure bookkeeping.
 */
import { isWithin } from '@rootferry/protocol'
import type { Hint } from '../watch/watcher.ts'

export class DoubtedPaths {
  readonly #waiting = new Set<string>()
  /** Paths that each running scan covers: one scan may overtake another. */
  readonly #looking = new Set<Set<string>>()

  doubt(path: string): void {
    this.#waiting.add(path)
  }

  /** Whether there is any such path. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0 && this.#looking.size === 0
  }

  has(path: string): boolean {
    if (this.#waiting.has(path)) return true
    for (const covered of this.#looking) if (covered.has(path)) return true
    return false
  }

  /** A scan begins; paths that are added from now on are not covered by it. @returns the paths that it covers */
  beginLook(hints: readonly Hint[]): Set<string> {
    const covered = new Set<string>()
    this.#looking.add(covered)
    for (const { path, extent } of hints) {
      if (extent === 'entry') {
        if (this.#waiting.delete(path)) covered.add(path)
        continue
      }
      for (const waiting of this.#waiting) {
        if (!isWithin(waiting, path)) continue
        this.#waiting.delete(waiting)
        covered.add(waiting)
      }
    }
    return covered
  }

  /** The scan has ended. @param isRecorded whether its findings are in the index */
  endLook(covered: Set<string>, isRecorded: boolean): void {
    if (!isRecorded) for (const path of covered) this.#waiting.add(path)
    this.#looking.delete(covered)
  }
}
