/**
 * Lists directories and everything below them, and has each entry compared with its row.
 *
 * A listing that fails is never an empty directory, and an entry that is not in a listing is looked at once more before
 * it is taken for deleted: the listing took several turns, and the directory may have been replaced between them.
 * Yields after each entry. Records nothing.
 */

import type { ConfinedDirectories } from '@rootferry/host/machine'
import { isReserved, joinPath, type PathFilter, pathFault } from '@rootferry/protocol'
import type { ChildrenPage } from '../index/children-page.ts'
import { descendantsOf } from '../index/children-page.ts'
import type { EntryIndex } from '../index/entry-index.ts'
import type { KnownEntry, Observation } from '../index/indexed-entry.ts'
import type { Watcher } from '../watch/watcher.ts'
import { sameAttributes, sameDirectory } from './difference.ts'
import type { EntryComparison } from './entry-comparison.ts'
import { ListedNames } from './listed-names.ts'
import { lookIn, observe, seenKind } from './observe.ts'
import type { PathProblems } from './path-problems.ts'

export interface WalkParts {
  directories: ConfinedDirectories
  index: EntryIndex
  filter: PathFilter
  problems: PathProblems
  watcher: Pick<Watcher, 'directoryFound' | 'directoryGone'>
  nowMs: () => number
}

/** A directory that is still to be listed, and the look at it. */
export interface SeenDirectory {
  path: string
  seen: Observation
}

export class DirectoryWalk {
  readonly #parts: WalkParts
  readonly #comparison: EntryComparison

  constructor(parts: WalkParts, comparison: EntryComparison) {
    this.#parts = parts
    this.#comparison = comparison
  }

  *walk(top: SeenDirectory): Generator<undefined> {
    const waiting = [top]
    for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
      const listed = this.#open(directory)
      if (listed !== null) {
        using names = listed
        yield* this.#list(directory.path, names, waiting)
      }
      yield
    }
  }

  #open(directory: SeenDirectory): ListedNames | null {
    const { directories, watcher, problems } = this.#parts
    const { path } = directory
    try {
      const location = directories.locateDirectory(path)
      if (watcher.directoryFound(path, location)) this.#dated(directory)
      const names = new ListedNames(directories.listIn(path))
      problems.clear(path)
      return names
    } catch (error) {
      this.#comparison.unlisted(path, error)
      return null
    }
  }

  *#list(directory: string, listed: ListedNames, waiting: SeenDirectory[]): Generator<undefined> {
    const { index } = this.#parts
    let names = this.#next(directory, listed)
    const page = index.childrenAfter(directory, '')
    const isSmall = listed.isComplete && page.next === null
    const known = isSmall ? new Map(page.entries.map((entry) => [entry.path, entry])) : null
    const seen = new Set<string>()
    while (names !== null) {
      for (const name of names) {
        const path = joinPath(directory, name)
        const before = known === null ? index.get(path) : (known.get(path) ?? null)
        if (this.#look(directory, name, before, waiting)) seen.add(path)
        yield* this.#comparison.settle()
        yield
      }
      if (listed.isComplete) break
      names = this.#next(directory, listed)
    }
    if (names === null) return
    yield* this.#unlisted(directory, page, seen, waiting)
  }

  /** The rows of a directory whose names were not in its listing, or are excluded now. */
  *#unlisted(
    directory: string,
    first: ChildrenPage,
    seen: ReadonlySet<string>,
    waiting: SeenDirectory[],
  ): Generator<undefined> {
    const { filter, index } = this.#parts
    for (let page = first; ; page = index.childrenAfter(directory, page.next)) {
      for (const entry of page.entries) {
        const { path, kind } = entry
        if (seen.has(path)) continue
        if (filter.excludes(path, kind) || isReserved(path)) this.#forget(entry)
        else if (!this.#look(directory, path.slice(path.lastIndexOf('/') + 1), entry, waiting)) {
          // An object of another kind has taken its place, and is excluded.
          this.#comparison.remove(entry)
        }
        yield* this.#comparison.settle()
        yield
      }
      if (page.next === null) return
    }
  }

  /** Null when the directory cannot be read. */
  #next(directory: string, listed: ListedNames): string[] | null {
    try {
      return listed.next()
    } catch (error) {
      this.#comparison.unlisted(directory, error)
      return null
    }
  }

  /** @returns whether the name is one that the index may have */
  #look(directory: string, name: string, before: KnownEntry | null, waiting: SeenDirectory[]): boolean {
    const { directories, problems, filter, watcher, nowMs } = this.#parts
    const path = joinPath(directory, name)
    // The name of an indexed entry was checked when the entry was recorded.
    const fault = before === null ? nameFault(path, name) : null
    if (fault !== null) {
      problems.found({ path, code: 'invalid-name', message: `the name ${fault}` })
      return false
    }
    const look = lookIn(directories, directory, name, nowMs())
    if (isReserved(path) || filter.excludes(path, seenKind(look))) return false
    this.#comparison.compare(path, before, look)
    if (look.found === 'entry' && look.observation.kind === 'directory') {
      if (before !== null && !sameDirectory(before, look.observation)) watcher.directoryGone(path)
      waiting.push({ path, seen: look.observation })
    }
    return true
  }

  /** An entry that came or went between the look at a directory and its watch changed the directory's times. */
  #dated({ path, seen }: SeenDirectory): void {
    const look = observe(this.#parts.directories.directoryStatus(path), null, this.#parts.nowMs())
    if (look.found !== 'entry' || sameAttributes(seen, look.observation)) return
    this.#comparison.compare(path, this.#parts.index.get(path), look)
  }

  #forget(entry: KnownEntry): void {
    const { index, watcher } = this.#parts
    const paths = [entry.path]
    if (entry.kind === 'directory') {
      for (const below of descendantsOf(index, entry.path)) paths.push(below.path)
      watcher.directoryGone(entry.path)
    }
    index.forget(paths)
  }
}

/** Why a name cannot travel, or null. */
function nameFault(path: string, name: string): string | null {
  return name.includes('\ufffd') ? 'is not valid UTF-8' : pathFault(path)
}
