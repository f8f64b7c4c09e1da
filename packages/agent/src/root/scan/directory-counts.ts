/**
 * How many hints there are in each directory, and which of them are few: a save is one of few, and `chmod -R` or an
 * unpacked archive hints at most entries of each directory. Pure bookkeeping.
 */
import { parentPath } from '@rootferry/protocol'

export class DirectoryCounts {
  readonly #counts = new Map<string, number>()
  /** By number of hints: how many directories have so many. */
  readonly #sizes = new Map<number, number>()

  add(path: string): void {
    const directory = parentPath(path)
    const count = this.#counts.get(directory) ?? 0
    this.#counts.set(directory, count + 1)
    this.#resize(count, count + 1)
  }

  remove(path: string): void {
    const directory = parentPath(path)
    const count = this.#counts.get(directory) ?? 0
    if (count > 1) this.#counts.set(directory, count - 1)
    else this.#counts.delete(directory)
    this.#resize(count, count - 1)
  }

  clear(): void {
    this.#counts.clear()
    this.#sizes.clear()
  }

  /** Hints in the directory of the path. */
  around(path: string): number {
    return this.within(parentPath(path))
  }

  within(directory: string): number {
    return this.#counts.get(directory) ?? 0
  }

  /**
   * The number of hints up to which a directory has few: all directories with so many together have at most `most`.
   * 0: no directory has few.
   */
  fewUpTo(most: number): number {
    let sum = 0
    let few = 0
    for (const size of [...this.#sizes.keys()].sort((a, b) => a - b)) {
      sum += size * (this.#sizes.get(size) ?? 0)
      if (sum > most) break
      few = size
    }
    return few
  }

  #resize(from: number, to: number): void {
    const before = this.#sizes.get(from) ?? 0
    if (before > 1) this.#sizes.set(from, before - 1)
    else this.#sizes.delete(from)
    if (to > 0) this.#sizes.set(to, (this.#sizes.get(to) ?? 0) + 1)
  }
}
