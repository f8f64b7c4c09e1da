/**
 * What the receiver must leave alone below its root: its own directory, the protect list, and what the agent excludes.
 *
 * INVARIANT: nothing for which `stays` holds is ever removed, moved or written. Knows patterns, not the disk.
 */
import { isReserved, PathFilter, ROOT_PATH } from '@rootferry/protocol'

export class Untouchable {
  readonly #protect: PathFilter
  #exclude = new PathFilter([])

  /** @param protect gitignore lines */
  constructor(protect: readonly string[]) {
    this.#protect = new PathFilter(protect)
  }

  /** The agent's exclude patterns, as its welcome names them. */
  setExcluded(patterns: readonly string[]): void {
    this.#exclude = new PathFilter(patterns)
  }

  /** Whether a directory other than the root can hold anything that stays: without patterns none does. */
  get hasPatterns(): boolean {
    return this.#protect.patterns.length > 0 || this.#exclude.patterns.length > 0
  }

  /** Whether changes to the path are to be ignored: it or a directory above it is protected or reserved. */
  protects(path: string, isDirectory: boolean): boolean {
    return isReserved(path) || this.#protect.excludesWithParents(path, isDirectory)
  }

  /** Whether there can be something for `protects` directly in a directory that is not itself: most hold nothing. */
  protectsIn(directory: string): boolean {
    return directory === ROOT_PATH || this.#protect.patterns.length > 0
  }

  /** Whether the path must not be removed: protected, reserved, or excluded by the agent. */
  stays(path: string, isDirectory: boolean): boolean {
    return this.protects(path, isDirectory) || this.#exclude.excludesWithParents(path, isDirectory)
  }
}
