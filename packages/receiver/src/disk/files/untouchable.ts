/**
 * The paths that the receiver must leave alone below its root: its own directory, the protect list, the agent's
 * excludes, and the places where other filesystems are mounted, or were and will be.
 *
 * INVARIANT: nothing for which `stays` holds is ever removed or moved, and nothing across a border is moved away as
 * extraneous or along with a directory above it. Knows patterns and mounts, not the tree.
 */
import { isNobodys, type MatchedKind, PathFilter, ROOT_PATH } from '@rootferry/protocol'

/** Where other filesystems are mounted, and where they should be. */
export interface Volumes {
  refresh(isOurs: (path: string) => boolean): unknown
  readonly all: Iterable<{ path: string }>
  has(path: string): boolean
  isAtOrBelow(path: string): boolean
  above(path: string): { path: string } | null
  /** The filesystem that should be mounted and on which the path lies; null: none. */
  missingAbove?(path: string): string | null
}

export class Untouchable {
  readonly #protect: PathFilter
  readonly #borders: Volumes | null
  #exclude = new PathFilter([])
  /** The agent's filters before the present one, until the target has caught up with that. */
  #former: PathFilter[] = []
  /** What was protected, until it is compared with what the agent has. */
  #lifted: PathFilter[]

  /** @param protect gitignore lines. @param lifted those that protected more before and are not followed yet */
  constructor(protect: readonly string[], borders: Volumes | null = null, lifted: readonly (readonly string[])[] = []) {
    this.#protect = new PathFilter(protect)
    this.#borders = borders
    this.#lifted = lifted.map((patterns) => new PathFilter(patterns))
  }

  /** The agent's exclude patterns, from its welcome. */
  setExcluded(patterns: readonly string[]): void {
    if (this.#exclude.patterns.join('\n') !== patterns.join('\n')) this.#former.push(this.#exclude)
    this.#exclude = new PathFilter(patterns)
  }

  /** All that the agent has not excluded is here. */
  caughtUp(): void {
    this.#former = []
  }

  /** What was protected is compared with what the agent has. */
  lifted(): void {
    this.#lifted = []
  }

  /** Whether a file that was excluded or protected until now is this host's own. */
  wasLocal(path: string): boolean {
    return [...this.#former, ...this.#lifted].some((filter) => filter.excludesWithParents(path, 'file'))
  }

  /**
   * Reads where other filesystems are mounted now; called before anything is removed or moved. @throws the system error
   */
  refreshBorders(): void {
    this.#borders?.refresh((path) => !this.isLocal(path, 'directory'))
  }

  /** The places where other filesystems are mounted. */
  get borders(): string[] {
    return [...(this.#borders?.all ?? [])].map(({ path }) => path)
  }

  /** The place where a filesystem that is known is not mounted, and on which the path lies; null: none. */
  missingAbove(path: string): string | null {
    return this.#borders?.missingAbove?.(path) ?? null
  }

  /** Whether another filesystem is mounted at the path or below it, or is missing there. */
  holdsBorder(path: string): boolean {
    return this.#borders?.isAtOrBelow(path) ?? false
  }

  /** The place where the filesystem is mounted on which the path lies; null: it is the root's own. */
  borderOf(path: string): string | null {
    return this.#borders?.above(path)?.path ?? null
  }

  /** Whether the path lies on another mount than the root: it is written, but never moved away. */
  isAcrossBorder(path: string): boolean {
    return this.borderOf(path) !== null
  }

  /** Whether changes to the path must be ignored: it or a directory above it is protected or reserved. */
  protects(path: string, kind: MatchedKind): boolean {
    return isNobodys(path) || this.#protect.excludesWithParents(path, kind)
  }

  /**
   * Whether `protects` can hold for an entry directly in a directory that is not protected itself: usually it cannot.
   */
  protectsIn(directory: string): boolean {
    return directory === ROOT_PATH || this.#protect.patterns.length > 0
  }

  /** Whether the path belongs to this host alone: protected, reserved, or excluded by the agent. */
  isLocal(path: string, kind: MatchedKind): boolean {
    return this.protects(path, kind) || this.#exclude.excludesWithParents(path, kind)
  }

  /** Whether the path must not be removed: it belongs to this host alone, or is a mount point. */
  stays(path: string, kind: MatchedKind): boolean {
    return this.isLocal(path, kind) || (this.#borders?.has(path) ?? false)
  }
}
