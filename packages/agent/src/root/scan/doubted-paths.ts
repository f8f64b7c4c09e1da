/**
 * Paths for which receivers were sent content that differs from the index: the file did not match its row when it was
 * packed. They are in doubt until the requested scan has looked at them. Pure bookkeeping.
 */
import { isWithin } from '@rootferry/protocol'
import type { Hint } from '../watch/watcher.ts'

export class DoubtedPaths {
  readonly #waiting = new Set<string>()
  readonly #promised = new Map<string, number>()
  /** Paths that each running scan covers: one scan may overtake another. */
  readonly #looking = new Set<Set<string>>()

  doubt(path: string): void {
    this.#waiting.add(path)
  }

  /** Whether there is any such path. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0 && this.#looking.size === 0
  }

  /** @param head of the index: whoever is told that the path is in doubt is promised a later change of it */
  has(path: string, head: number): boolean {
    const isDoubted = this.#waiting.has(path) || [...this.#looking].some((covered) => covered.has(path))
    if (isDoubted) this.#promised.set(path, head)
    return isDoubted
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

  /**
   * The scan has ended. @param isRecorded whether its findings are in the index
   * @returns the paths that were promised, with the heads at which they were
   */
  endLook(covered: Set<string>, isRecorded: boolean): Map<string, number> {
    this.#looking.delete(covered)
    const kept = new Map<string, number>()
    for (const path of covered) {
      const head = this.#promised.get(path)
      if (!isRecorded) this.#waiting.add(path)
      else if (head !== undefined) kept.set(path, head)
      if (isRecorded) this.#promised.delete(path)
    }
    return kept
  }
}
