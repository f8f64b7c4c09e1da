/**
 * Which paths a root excludes, in gitignore syntax: the last match wins, `!` includes again, and an excluded directory
 * excludes everything below it. One thing differs from git: a pattern that ends in `/` matches directories and
 * symlinks, because a directory of one host is often a symlink on another, which leads out of the docroot to shared
 * storage. Both ends apply the same patterns: the agent does not index, watch or send an excluded path, and the
 * receiver neither touches nor deletes it. `protect` lists use the same patterns for another purpose.
 *
 * The `ignore` library does the matching. It caches every path that it has seen, so the matcher is made anew from time
 * to time.
 */
import createMatcher, { type Ignore } from 'ignore'
import type { EntryKind } from './entry.ts'
import { ROOT_PATH } from './path.ts'

const TESTS_PER_MATCHER = 20_000

/** The kind of object at a path, as far as patterns need it. */
export type MatchedKind = EntryKind | 'other' | 'absent'

export class PathFilter {
  readonly patterns: readonly string[]
  #matcher: Ignore | null = null
  #tests = 0

  /** @param patterns lines as in a .gitignore at the root; blank lines and comments are allowed */
  constructor(patterns: readonly string[]) {
    this.patterns = patterns
  }

  /**
   * Whether this very path matches; the caller knows that its parents are included. For top-down walks. The root itself
   * is never excluded.
   */
  excludes(path: string, kind: MatchedKind): boolean {
    if (this.patterns.length === 0 || path === ROOT_PATH) return false
    return this.#current().ignores(kind === 'directory' || kind === 'symlink' ? `${path}/` : path)
  }

  /** Whether the path or a directory above it is excluded. */
  excludesWithParents(path: string, kind: MatchedKind): boolean {
    if (this.patterns.length === 0) return false
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
      if (this.excludes(path.slice(0, slash), 'directory')) return true
    }
    return this.excludes(path, kind)
  }

  #current(): Ignore {
    if (this.#matcher === null || this.#tests >= TESTS_PER_MATCHER) {
      this.#matcher = createMatcher({ ignorecase: false }).add([...this.patterns])
      this.#tests = 0
    }
    this.#tests += 1
    return this.#matcher
  }
}
