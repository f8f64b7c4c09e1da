/**
 * Compares looks at paths with their rows, and collects the differences as findings of one scan.
 *
 * An unreadable path is never a deletion: it becomes a problem of its path, and its row stays. Trouble of the process
 * or of a filesystem is not even that: the path is looked at again later. A suspect's attributes are found at once, and
 * its bytes are read at once only as long as the scan's allowance lasts; the background reads all others.
 * Knows neither hints nor listings.
 */

import { type ConfinedDirectories, errorCode, plainMessage } from '@rootferry/host/machine'
import { digestOf } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import { descendantsOf } from '../index/children-page.ts'
import type { EntryIndex } from '../index/entry-index.ts'
import type { KnownEntry, Observation } from '../index/indexed-entry.ts'
import type { Hint, Watcher } from '../watch/watcher.ts'
import { readWhole } from './content-reader.ts'
import { differenceOf, isProvenSame, isRelinked, sameAttributes } from './difference.ts'
import { type ExtendedReader, TooManyAttributes } from './extended-reader.ts'
import type { Look } from './observe.ts'
import type { PathProblems } from './path-problems.ts'
import type { ScanFindings } from './scan-findings.ts'
import type { ScanRequests } from './scan-requests.ts'
import { type Trouble, troubleOf } from './trouble.ts'

export interface ComparisonParts {
  directories: ConfinedDirectories
  index: EntryIndex
  problems: PathProblems
  watcher: Pick<Watcher, 'directoryFound' | 'directoryGone'>
  scans: Pick<ScanRequests, 'readSuspect'>
  /** Null: the root preserves nothing besides attributes. */
  extended: Pick<ExtendedReader, 'complete'> | null
  /** Whether the root preserves hard links. */
  hasLinks: boolean
  nowMs: () => number
}

/** What could not be looked at, and whose trouble it is. */
export interface Troubled {
  hint: Hint
  trouble: Trouble
}

/** Beyond it a whole scan finds the rest. */
const MOST_JOINED = 10_000
const OTHER_BYTES = { digest: null, sameBytes: false } as const

export class EntryComparison {
  readonly #parts: ComparisonParts
  readonly #found: ScanFindings
  readonly #scratch = new Uint8Array(BOUNDS.inlineDigestBytes)
  /** Bytes that this scan may still read at once. */
  #allowance = 0
  /** Directories that are gone, with entries that are still to be removed. */
  readonly #fallen: KnownEntry[] = []
  #troubled: Troubled[] = []
  /** Directories that were there, and were gone when they should be listed. */
  readonly #unlisted: string[] = []
  /** What was in directories that are gone is left to another scan. */
  #isShort = false
  #hasLeft = false
  /** A new directory was found, in which the scan may find more. */
  hasNewDirectory = false
  /** Files with several names that are others than before, or have got a name: all their names in the index are looked at. */
  readonly #joined = new Set<number>()

  constructor(parts: ComparisonParts, found: ScanFindings) {
    this.#parts = parts
    this.#found = found
  }

  /** @param isShort nothing that takes long, and no removal, is of use */
  begin(isShort = false): void {
    this.#isShort = isShort
    this.#hasLeft = false
    this.hasNewDirectory = false
    this.#allowance = BOUNDS.inlineDigestBytes
    this.#fallen.length = 0
    this.#joined.clear()
    this.#troubled = []
    this.#unlisted.length = 0
  }

  /** Inodes of files whose other names changed along with the one that was looked at, each once. */
  *joined(): Generator<number> {
    for (const inode of this.#joined) {
      this.#joined.delete(inode)
      yield inode
    }
  }

  /** What has to be looked at again later. */
  takeTroubled(): Troubled[] {
    return this.#troubled.splice(0)
  }

  /**
   * Directories that were found and not listed. One that comes back by a rename is the same as before by its row: without
   * another look with all that is below it, its content would stay out.
   */
  takeUnlisted(): string[] {
    return this.#unlisted.splice(0)
  }

  /** A directory could not be listed. */
  unlisted(directory: string, error: unknown): void {
    if (isAbsence(error)) this.#unlisted.push(directory)
    this.#unread({ path: directory, extent: 'subtree' }, error)
  }

  /** A way that leads to a path could not be opened. */
  unreachable(path: string, error: unknown): void {
    this.#unreadable({ path, extent: 'entry' }, troubleOf(error), plainMessage(error))
  }

  /** Call `settle` after it. */
  compare(path: string, before: KnownEntry | null, look: Look): void {
    const { problems, index } = this.#parts
    if (look.found === 'problem') {
      if (look.code === 'unreadable') return this.#unreadable({ path, extent: 'entry' }, look.trouble, look.message)
      problems.found({ path, code: look.code, message: look.message })
      // Of a file that has become too large receivers keep the version that they have.
      if (before !== null && look.code !== 'too-large') this.remove(before)
      return
    }
    if (look.found === 'nothing') {
      this.#found.drop(path)
      problems.clear(path)
      if (before !== null) this.remove(before)
      return
    }
    const observation = this.#complete(path, before, look.observation)
    if (observation === null) return
    this.#found.sees(path, before, observation)
    if (before !== null && before.inode !== observation.inode) this.#left(before)
    if (observation.kind !== 'directory') {
      problems.clear(path)
      if (before?.kind === 'directory') this.#fell(before)
    } else if (before?.inode !== observation.inode) this.hasNewDirectory = true
    switch (differenceOf(before, observation)) {
      case 'same':
        this.#found.drop(path)
        if (before !== null && isOtherLook(before, observation)) index.refresh(path, observation)
        return
      case 'attributes':
        this.#found.find(path, before, observation, { digest: digestIn(index, before), sameBytes: true })
        return
      case 'content':
        this.#found.find(path, before, observation, OTHER_BYTES)
        return
      case 'suspect': {
        const digest = digestIn(index, before)
        if (before !== null && digest !== null) this.#examine(before, observation, digest)
        else this.#found.find(path, before, observation, OTHER_BYTES)
      }
    }
  }

  /** The bytes of a suspect are known. */
  judgeBytes(before: KnownEntry, seen: Observation, digest: string): void {
    const observation = this.#complete(before.path, before, seen)
    if (observation === null) return
    const sameBytes = digestIn(this.#parts.index, before) === digest
    const isOther = isRelinked(before, observation)
    if (sameBytes && !isOther && sameAttributes(before, observation))
      this.#parts.index.refresh(before.path, observation)
    // As if it had other bytes: a receiver must not keep the file that it has.
    else this.#found.find(before.path, before, observation, { digest, sameBytes: sameBytes && !isOther })
  }

  /** Call `settle` after it. */
  remove(entry: KnownEntry): void {
    this.#left(entry)
    // Every directory of a tree that goes is hinted at: an entry that was removed with one above is not looked up
    // again.
    if (this.#found.isRemoved(entry.path)) return
    this.#found.remove(entry)
    if (entry.kind === 'directory') this.#fell(entry)
  }

  /** Whether a short scan has left out what was in a directory that is gone. */
  get hasLeft(): boolean {
    return this.#hasLeft
  }

  /** Removes what was in directories that are gone. */
  *settle(): Generator<undefined> {
    if (this.#isShort && this.#fallen.length > 0) {
      this.#hasLeft = true
      this.#fallen.length = 0
    }
    for (let directory = this.#fallen.pop(); directory !== undefined; directory = this.#fallen.pop()) {
      for (const entry of descendantsOf(this.#parts.index, directory.path)) {
        this.#left(entry)
        this.#found.remove(entry)
        yield
      }
    }
  }

  /** A file with several names is not there any more: what was written under this name is there under the others. */
  #left({ inode, link }: KnownEntry): void {
    if (link !== 0 && this.#joined.size < MOST_JOINED) this.#joined.add(inode)
  }

  /** With what the root preserves besides attributes; null when that cannot be read, which is noted. */
  #complete(path: string, before: KnownEntry | null, looked: Observation): Observation | null {
    const { extended, hasLinks } = this.#parts
    const seen = hasLinks || looked.link === 0 ? looked : { ...looked, link: 0 }
    if (seen.link !== 0 && isOtherFile(before, seen) && this.#joined.size < MOST_JOINED) this.#joined.add(seen.inode)
    if (extended === null) return seen
    try {
      return extended.complete(path, before, seen)
    } catch (error) {
      if (error instanceof TooManyAttributes)
        this.#parts.problems.found({ path, code: 'unreadable', message: error.message })
      else if (errorCode(error) === null) throw error
      else this.#unread({ path, extent: 'entry' }, error)
      return null
    }
  }

  #fell(directory: KnownEntry): void {
    const { problems, watcher, directories } = this.#parts
    this.#fallen.push(directory)
    problems.clearBelow(directory.path)
    watcher.directoryGone(directory.path)
    directories.forget(directory.path)
  }

  /**
   * What is found before the bytes are read keeps the row's ctime and inode: the file stays a suspect, and its bytes
   * prove nothing. A new mtime waits for the bytes: caches of programs take a file for unchanged as long as it stays.
   */
  #examine(before: KnownEntry, observation: Observation, digest: string): void {
    const { directories, scans, nowMs } = this.#parts
    const { path, ctime, inode, mtime } = before
    if (observation.size > this.#allowance) {
      if (mtime === observation.mtime && !sameAttributes(before, observation))
        this.#found.find(path, before, { ...observation, ctime, inode }, { digest, sameBytes: true })
      else this.#found.drop(path)
      scans.readSuspect(path)
      return
    }
    this.#allowance -= observation.size
    const location = locationOf(directories, path)
    const read = location === null ? null : readWhole(location, this.#scratch, nowMs(), observation)
    if (read !== null && read.fault === null) {
      this.judgeBytes(before, read.observation, digestOf(this.#scratch.subarray(0, read.bytes)))
    } else {
      // The packer meets the same trouble and knows what to do about it.
      this.#found.find(path, before, observation, OTHER_BYTES)
    }
  }

  #unread(hint: Hint, error: unknown): void {
    // Gone or replaced since the look: a hint will come.
    if (isAbsence(error)) return
    this.#unreadable(hint, troubleOf(error), plainMessage(error))
  }

  #unreadable(hint: Hint, trouble: Trouble | null, message: string): void {
    if (trouble !== null) this.#troubled.push({ hint, trouble })
    if (trouble === 'process') return
    // Shown, because it may last.
    this.#parts.problems.found({ path: hint.path, code: trouble === null ? 'unreadable' : 'io-error', message })
  }
}

function isAbsence(error: unknown): boolean {
  const code = errorCode(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/** Whether the row is to be written anew although nothing in it is a change. */
function isOtherLook(before: KnownEntry, now: Observation): boolean {
  return (
    before.inode !== now.inode ||
    before.ctime !== now.ctime ||
    before.extended !== now.extended ||
    before.link !== now.link
  )
}

/** Whether a file may be another one than its row tells of, or have got a name. */
function isOtherFile(before: KnownEntry | null, now: Observation): boolean {
  return before === null || before.link !== now.link || !isProvenSame(before, now)
}

/** Null when it cannot be reached now. */
function locationOf(directories: ConfinedDirectories, path: string): string | null {
  try {
    return directories.locate(path)
  } catch {
    return null
  }
}

function digestIn(index: EntryIndex, entry: KnownEntry | null): string | null {
  return entry?.kind === 'file' ? index.digest(entry.content) : null
}
