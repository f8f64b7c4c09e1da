/**
 * The scanner decides what changed: it looks at the hinted paths, compares them with the index and records differences.
 *
 * A hint is never believed, only followed. A listing that fails is never an empty directory, and an unreadable path is
 * never a deletion: both become problems of their path, and the rows stay. Removals are recorded at the end of a scan,
 * when the guard has seen all of them; removals that the guard holds back are dropped, and the next scan finds them
 * again.
 *
 * Scans are generators that yield between directories: the owner decides when to continue, and runs one at a time.
 */

import { readdirSync, type Stats, statSync } from 'node:fs'
import { type ConfinedDirectories, errorCode, plainMessage } from '@rootferry/host/machine'
import { digestOf, isReserved, joinPath, type PathFilter, parentPath, pathFault, ROOT_PATH } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { EntryIndex } from '../index/entry-index.ts'
import type { KnownEntry, Observation } from '../index/indexed-entry.ts'
import type { Hint, Watcher } from '../watch/watcher.ts'
import { readWhole } from './content-reader.ts'
import { differenceOf, sameAttributes, sameDirectory } from './difference.ts'
import type { GuardVerdict, Loss } from './guard.ts'
import { withExactInode } from './inode-number.ts'
import { type Look, lookAt, lookIn, observe, seenKind } from './observe.ts'
import type { PathProblems } from './path-problems.ts'
import { ScanFindings } from './scan-findings.ts'
import type { ScanRequests } from './scan-requests.ts'

/** How much of a scan is recorded: everything with `pass`, all but deletions with `hold`, else nothing. */
export type ScanVerdict = GuardVerdict | { decision: 'withhold' }

/** Asked before anything is recorded; `isComplete` is true at the end of a scan. */
export type Judge = (loss: Loss, isComplete: boolean) => ScanVerdict

export interface ScannerParts {
  directories: ConfinedDirectories
  index: EntryIndex
  filter: PathFilter
  problems: PathProblems
  watcher: Pick<Watcher, 'directoryFound' | 'directoryGone'>
  scans: Pick<ScanRequests, 'readSuspect'>
  nowMs: () => number
}

const EXACT = { bigint: true } as const
const OTHER_BYTES = { digest: null, sameBytes: false } as const

/** A directory that is still to be listed, and the look at it. */
interface Directory {
  path: string
  seen: Observation
}

export class Scanner {
  readonly #parts: ScannerParts
  readonly #scratch = new Uint8Array(BOUNDS.inlineDigestBytes)
  readonly #found: ScanFindings
  /** Inodes of files with several names at all of which this scan has looked. */
  readonly #resolved = new Set<number>()
  /** Directories that hold an entry that was looked at. */
  readonly #parents = new Set<string>()
  /** The guard may object to this scan: nothing is recorded before its end. */
  #isWithheld = false

  constructor(parts: ScannerParts) {
    this.#parts = parts
    this.#found = new ScanFindings(parts.index)
  }

  /** Follows hints, parents first. @returns (at its end) the verdict on it */
  *scan(hints: readonly Hint[], judge: Judge): Generator<undefined, ScanVerdict> {
    const { index, directories, problems } = this.#parts
    this.#found.begin()
    this.#resolved.clear()
    this.#isWithheld = false
    if (hints.some(({ path, extent }) => path === ROOT_PATH && extent === 'subtree')) problems.clearAll()
    for (const hint of hints) yield* this.#follow(hint, judge)
    for (const parent of this.#parents) this.#lookAtParent(parent)
    this.#parents.clear()
    const verdict = judge(this.#found.loss(), true)
    if (verdict.decision === 'pass') index.record(this.#found.takeAll())
    else if (verdict.decision === 'hold') index.record(this.#found.takeUnheld())
    this.#found.clear()
    directories.release()
    return verdict
  }

  /** The background has read a large suspect: the same bytes or others. */
  decideSuspect(path: string, observation: Observation, digest: string): void {
    const before = this.#parts.index.get(path)
    if (before === null || before.kind !== 'file') return
    this.#found.begin()
    this.#judgeBytes(before, observation, digest)
    this.#parts.index.record(this.#found.takeAll())
  }

  *#follow(hint: Hint, judge: Judge): Generator<undefined> {
    const { directories, filter, index } = this.#parts
    const path = hint.path
    if (reachable(this.#parts, path) === null) {
      // A directory above it is gone or not a directory any more: the change is there.
      if (path !== ROOT_PATH) yield* this.#follow({ path: parentPath(path), extent: 'entry' }, judge)
      return
    }
    if (path !== ROOT_PATH) this.#parents.add(parentPath(path))
    const look = lookAt(directories, path, this.#parts.nowMs())
    const isDirectory = look.found === 'entry' && look.observation.kind === 'directory'
    if (isReserved(path) || filter.excludesWithParents(path, seenKind(look))) return
    const before = index.get(path)
    if (look.found === 'entry' && path !== ROOT_PATH && !this.#found.isIndexedDirectory(parentPath(path))) {
      yield* this.#follow({ path: parentPath(path), extent: 'entry' }, judge)
      return
    }
    this.#compare(path, before, look)
    if (look.found === 'entry' && look.links > 1) this.#lookAtOtherNames(path, look.observation.inode)
    if (!isDirectory || look.found !== 'entry') return
    const isOther = before?.kind === 'directory' && !sameDirectory(before, look.observation)
    if (isOther) {
      this.#parts.watcher.directoryGone(path)
      directories.forget(path)
    }
    if (isOther || before?.kind !== 'directory' || hint.extent === 'subtree')
      yield* this.#walk({ path, seen: look.observation }, judge)
  }

  /** Lists a directory and everything below it. */
  *#walk(top: Directory, judge: Judge): Generator<undefined> {
    const waiting = [top]
    for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
      this.#list(directory, waiting)
      if (this.#found.count >= BOUNDS.portionFindings && !this.#isWithheld) {
        this.#isWithheld = judge(this.#found.loss(), false).decision !== 'pass'
        if (!this.#isWithheld) this.#parts.index.record(this.#found.takePortion())
      }
      yield
    }
  }

  #list({ path: directory, seen }: Directory, waiting: Directory[]): void {
    const { directories, watcher, index, nowMs } = this.#parts
    let location: string
    let names: string[]
    try {
      location = directories.locateDirectory(directory)
      const status = watcher.directoryFound(directory, location)
      if (status !== null) this.#dated({ path: directory, seen }, location, status)
      names = readdirSync(location)
    } catch (error) {
      const code = errorCode(error)
      // Gone or replaced since the look: a hint will come.
      if (code === 'ENOENT' || code === 'ENOTDIR') return
      this.#parts.problems.found({ path: directory, code: 'unreadable', message: plainMessage(error) })
      return
    }
    this.#parts.problems.clear(directory)
    const known = index.children(directory)
    for (const name of names) {
      const path = joinPath(directory, name)
      const before = known.get(name) ?? null
      // The name of an indexed entry was checked when the entry was recorded.
      const fault = before === null ? nameFault(path, name) : null
      if (fault !== null) {
        this.#parts.problems.found({ path, code: 'invalid-name', message: `the name ${fault}` })
        continue
      }
      const look = lookIn(directories, directory, name, nowMs())
      const isDirectory = look.found === 'entry' && look.observation.kind === 'directory'
      if (isReserved(path) || this.#parts.filter.excludes(path, seenKind(look))) continue
      known.delete(name)
      this.#compare(path, before, look)
      if (!isDirectory || look.found !== 'entry') continue
      if (before !== null && !sameDirectory(before, look.observation)) watcher.directoryGone(path)
      waiting.push({ path, seen: look.observation })
    }
    for (const [name, entry] of known) {
      const path = joinPath(directory, name)
      if (this.#parts.filter.excludes(path, entry.kind) || isReserved(path)) this.#forget(entry)
      else this.#remove(entry)
    }
  }

  #compare(path: string, before: KnownEntry | null, look: Look): void {
    if (look.found === 'problem') {
      this.#parts.problems.found({ path, code: look.code, message: look.message })
      if (before !== null && look.code !== 'unreadable') this.#remove(before)
      return
    }
    if (look.found === 'nothing') {
      this.#found.drop(path)
      this.#parts.problems.clear(path)
      if (before !== null) this.#remove(before)
      return
    }
    const { observation } = look
    this.#found.sees(path, before, observation)
    if (observation.kind !== 'directory') {
      this.#parts.problems.clear(path)
      if (before?.kind === 'directory') this.#removeBelow(before)
    }
    switch (differenceOf(before, observation)) {
      case 'same':
        this.#found.drop(path)
        if (before?.inode !== observation.inode || before.ctime !== observation.ctime)
          this.#parts.index.refresh(path, observation)
        return
      case 'attributes':
        this.#found.find(path, observation, { digest: digestIn(this.#parts.index, before), sameBytes: true })
        return
      case 'content':
        this.#found.find(path, observation, OTHER_BYTES)
        return
      case 'suspect':
        if (before !== null && digestIn(this.#parts.index, before) !== null) this.#examineSuspect(before, observation)
        else this.#found.find(path, observation, OTHER_BYTES)
    }
  }

  #examineSuspect(before: KnownEntry, observation: Observation): void {
    if (observation.size > BOUNDS.inlineDigestBytes) {
      this.#parts.scans.readSuspect(before.path)
      return
    }
    const location = reachable(this.#parts, before.path)
    const read = location === null ? null : readWhole(location, this.#scratch, this.#parts.nowMs(), observation)
    if (read !== null && read.fault === null) {
      this.#judgeBytes(before, read.observation, digestOf(this.#scratch.subarray(0, read.bytes)))
    } else {
      // The packer meets the same trouble and knows what to do about it.
      this.#found.find(before.path, observation, OTHER_BYTES)
    }
  }

  #judgeBytes(before: KnownEntry, observation: Observation, digest: string): void {
    const sameBytes = digestIn(this.#parts.index, before) === digest
    if (sameBytes && sameAttributes(before, observation)) this.#parts.index.refresh(before.path, observation)
    else this.#found.find(before.path, observation, { digest, sameBytes })
  }

  /**
   * The other names of a hard-linked file changed along with this one, and the kernel reports a write only under the
   * name that was used. Once a scan is enough: a change that comes later has a hint of its own.
   */
  #lookAtOtherNames(path: string, inode: number): void {
    if (this.#resolved.has(inode)) return
    this.#resolved.add(inode)
    for (const other of this.#parts.index.pathsOfInode(inode)) {
      if (other === path) continue
      const before = this.#parts.index.get(other)
      const { directories, nowMs } = this.#parts
      const look = reachable(this.#parts, other) === null ? null : lookAt(directories, other, nowMs())
      const isName = look?.found === 'entry' && look.observation.inode === inode
      if (isName && before !== null) this.#compare(other, before, look)
    }
  }

  /** A change in a directory changes the directory's own times, and no hint reports that. */
  #lookAtParent(path: string): void {
    const before = this.#parts.index.get(path)
    if (before?.kind !== 'directory' || this.#found.isRemoved(path) || this.#found.has(path)) return
    const { directories, nowMs } = this.#parts
    const look = reachable(this.#parts, path) === null ? null : lookAt(directories, path, nowMs())
    if (look?.found === 'entry' && look.observation.kind === 'directory') this.#compare(path, before, look)
  }

  /** An entry that came or went between the look at a directory and its watch changed the directory's times. */
  #dated({ path, seen }: Directory, location: string, status: Stats): void {
    const exact = withExactInode(status, () => statSync(location, EXACT).ino)
    const look = observe(exact, null, this.#parts.nowMs())
    if (look.found !== 'entry' || sameAttributes(seen, look.observation)) return
    this.#compare(path, this.#parts.index.get(path), look)
  }

  #remove(entry: KnownEntry): void {
    // Every directory of a tree that goes is hinted at: an entry that was removed with one above is not looked up
    // again.
    if (this.#found.isRemoved(entry.path)) return
    if (entry.kind === 'directory') this.#removeBelow(entry)
    this.#found.remove(entry)
  }

  #removeBelow(directory: KnownEntry): void {
    for (const entry of this.#parts.index.descendants(directory.path)) this.#found.remove(entry)
    this.#parts.problems.clearBelow(directory.path)
    this.#parts.watcher.directoryGone(directory.path)
    this.#parts.directories.forget(directory.path)
  }

  #forget(entry: KnownEntry): void {
    const paths = [entry.path]
    if (entry.kind === 'directory') {
      for (const below of this.#parts.index.descendants(entry.path)) paths.push(below.path)
      this.#parts.watcher.directoryGone(entry.path)
    }
    this.#parts.index.forget(paths)
  }
}

/** Why a name cannot travel, or null. */
function nameFault(path: string, name: string): string | null {
  return name.includes('\ufffd') ? 'is not valid UTF-8' : pathFault(path)
}

function digestIn(index: EntryIndex, entry: KnownEntry | null): string | null {
  return entry?.kind === 'file' ? index.digest(entry.content) : null
}

/** The path for system calls, or null when a directory above is gone or may not be entered. */
function reachable({ directories, problems }: ScannerParts, path: string): string | null {
  try {
    return directories.locate(path)
  } catch (error) {
    const code = errorCode(error)
    if (code === 'EACCES') problems.found({ path, code: 'unreadable', message: plainMessage(error) })
    else if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'ELOOP') throw error
    return null
  }
}
