/**
 * The scanner decides what changed: it looks at the hinted paths, compares them with the index and records differences.
 *
 * A hint is never believed, only followed. A listing that fails is never an empty directory, and an unreadable path is
 * never a deletion: both become problems of their path, and the rows stay. Removals are recorded at the end of a scan,
 * when the guard has seen all of them; removals that the guard does not pass are dropped, and the next scan finds them
 * again.
 *
 * Scans are generators that yield between directories: the owner decides when to continue, and runs one at a time.
 */

import { readdirSync, type Stats } from 'node:fs'
import { type ConfinedDirectories, errorCode, plainMessage } from '@rootferry/host/machine'
import { digestOf, isReserved, joinPath, type PathFilter, parentPath, pathFault, ROOT_PATH } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { EntryIndex } from '../index/entry-index.ts'
import type { Finding, KnownEntry, Observation } from '../index/indexed-entry.ts'
import type { Hint, Watcher } from '../watch/watcher.ts'
import { readWhole } from './content-reader.ts'
import { differenceOf, isMoved, sameAttributes, sameDirectory } from './difference.ts'
import type { Loss, Verdict } from './guard.ts'
import { HardLinks } from './hard-links.ts'
import { type Look, lookAt, observe, seenKind } from './observe.ts'
import type { PathProblems } from './path-problems.ts'
import type { ScanRequests } from './scan-requests.ts'

/** Asked before anything is recorded; `isComplete` is true at the end of a scan. */
export type Judge = (loss: Loss, isComplete: boolean) => Verdict

export interface ScannerParts {
  directories: ConfinedDirectories
  index: EntryIndex
  filter: PathFilter
  problems: PathProblems
  watcher: Pick<Watcher, 'directoryFound' | 'directoryGone'>
  scans: Pick<ScanRequests, 'readSuspect'>
  nowMs: () => number
}

/** A directory that is still to be listed, and the look at it. */
interface Directory {
  path: string
  seen: Observation
}

export class Scanner {
  readonly #parts: ScannerParts
  readonly #scratch = new Uint8Array(BOUNDS.inlineDigestBytes)
  /** By path, in order of discovery. INVARIANT: no path is a finding and a removal at once. */
  #findings = new Map<string, Finding>()
  readonly #links: HardLinks
  /** Directories that hold an entry that was looked at. */
  readonly #parents = new Set<string>()
  /** The index's records of paths that are gone. */
  #removals = new Map<string, KnownEntry>()
  /**
   * By inode, the objects at paths that had another inode, or none; null while the index is empty and nothing can have
   * moved.
   */
  #arrivals: Map<number, Observation> | null = null
  #additions = 0
  /** Findings that take a directory's place: they make sense only together with the removal of everything below it. */
  readonly #replacing = new Set<string>()
  /** The guard may object to this scan: nothing is recorded before its end. */
  #isWithheld = false

  constructor(parts: ScannerParts) {
    this.#parts = parts
    this.#links = new HardLinks((inode) => parts.index.pathsOfInode(inode))
  }

  /**
   * Follows hints, parents first. @returns (at its end) the guard's verdict: everything was recorded, or no deletion
   */
  *scan(hints: readonly Hint[], judge: Judge): Generator<undefined, Verdict> {
    const { index, directories, problems } = this.#parts
    this.#arrivals = index.totals.files + index.totals.directories > 0 ? new Map() : null
    this.#additions = 0
    this.#isWithheld = false
    if (hints.some(({ path, extent }) => path === ROOT_PATH && extent === 'subtree')) problems.clearAll()
    for (const hint of hints) yield* this.#follow(hint, judge)
    for (const parent of this.#parents) this.#lookAtParent(parent)
    this.#parents.clear()
    const verdict = judge(this.#loss(), true)
    if (verdict.decision === 'pass') this.#recordAll()
    this.#findings.clear()
    this.#removals.clear()
    this.#replacing.clear()
    directories.release()
    return verdict
  }

  /** The background has read a large suspect: the same bytes or others. */
  settle(path: string, observation: Observation, digest: string): void {
    const before = this.#parts.index.get(path)
    if (before === null || before.kind !== 'file') return
    this.#judgeBytes(before, observation, digest)
    this.#recordAll()
  }

  *#follow(hint: Hint, judge: Judge): Generator<undefined> {
    const { directories, filter, index } = this.#parts
    const path = hint.path
    const location = this.#locate(path)
    if (location === null) {
      // A directory above it is gone or not a directory any more: the change is there.
      if (path !== ROOT_PATH) yield* this.#follow({ path: parentPath(path), extent: 'entry' }, judge)
      return
    }
    if (path !== ROOT_PATH) this.#parents.add(parentPath(path))
    const look = lookAt(location, this.#parts.nowMs())
    const isDirectory = look.found === 'entry' && look.observation.kind === 'directory'
    if (isReserved(path) || filter.excludesWithParents(path, seenKind(look))) return
    const before = index.get(path)
    if (look.found === 'entry' && path !== ROOT_PATH && !this.#isIndexedDirectory(parentPath(path))) {
      yield* this.#follow({ path: parentPath(path), extent: 'entry' }, judge)
      return
    }
    this.#compare(path, before, look)
    if (look.found === 'entry' && look.links > 1) this.#lookAtOtherNames(path, look.observation.inode, look.links)
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
      if (this.#findings.size >= BOUNDS.portionFindings && !this.#isWithheld) this.#recordPortion(judge)
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
      if (status !== null) this.#dated(directory, seen, status)
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
      if (before === null && !this.#isSpeakable(path, name)) continue
      const look = lookAt(`${location}/${name}`, nowMs())
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
      this.#findings.delete(path)
      this.#parts.problems.clear(path)
      if (before !== null) this.#remove(before)
      return
    }
    const { observation } = look
    this.#links.note(path, observation.inode, look.links)
    // The size first: for most paths of most scans there is nothing to forget, and V8 interns a string to look it up.
    if (this.#removals.size > 0) this.#removals.delete(path)
    if (observation.kind !== 'directory') {
      this.#parts.problems.clear(path)
      if (before?.kind === 'directory') {
        this.#replacing.add(path)
        this.#removeBelow(before)
      }
    } else if (this.#replacing.size > 0) this.#replacing.delete(path)
    if (before === null && !this.#findings.has(path)) this.#additions += 1
    if (before?.inode !== observation.inode) this.#arrivals?.set(observation.inode, observation)
    switch (differenceOf(before, observation)) {
      case 'same':
        if (this.#findings.size > 0) this.#findings.delete(path)
        if (before?.inode !== observation.inode || before.ctime !== observation.ctime)
          this.#parts.index.refresh(path, observation)
        return
      case 'attributes':
        this.#find({ path, observation, digest: this.#digestOf(before), sameBytes: true })
        return
      case 'content':
        this.#find({ path, observation, digest: null, sameBytes: false })
        return
      case 'suspect':
        if (before !== null && this.#digestOf(before) !== null) this.#examineSuspect(before, observation)
        else this.#find({ path, observation, digest: null, sameBytes: false })
    }
  }

  #examineSuspect(before: KnownEntry, observation: Observation): void {
    if (observation.size > BOUNDS.inlineDigestBytes) {
      this.#parts.scans.readSuspect(before.path)
      return
    }
    const location = this.#locate(before.path)
    const read = location === null ? null : readWhole(location, this.#scratch, this.#parts.nowMs(), observation)
    if (read !== null && read.fault === null) {
      this.#judgeBytes(before, read.observation, digestOf(this.#scratch.subarray(0, read.bytes)))
    } else {
      // The packer meets the same trouble and knows what to do about it.
      this.#find({ path: before.path, observation, digest: null, sameBytes: false })
    }
  }

  #judgeBytes(before: KnownEntry, observation: Observation, digest: string): void {
    const sameBytes = this.#digestOf(before) === digest
    if (sameBytes && sameAttributes(before, observation)) this.#parts.index.refresh(before.path, observation)
    else this.#find({ path: before.path, observation, digest, sameBytes })
  }

  /** The other names of a hard-linked file changed along with this one. */
  #lookAtOtherNames(path: string, inode: number, links: number): void {
    for (const other of this.#links.others(path, inode, links)) {
      const before = this.#parts.index.get(other)
      const location = this.#locate(other)
      const look = location === null ? null : lookAt(location, this.#parts.nowMs())
      if (look?.found !== 'entry' || look.observation.inode !== inode) this.#links.forget(other, inode)
      else if (before !== null) this.#compare(other, before, look)
    }
  }

  /** A change in a directory changes the directory's own times, and no hint reports that. */
  #lookAtParent(path: string): void {
    const before = this.#parts.index.get(path)
    if (before?.kind !== 'directory' || this.#removals.has(path) || this.#findings.has(path)) return
    const location = this.#locate(path)
    const look = location === null ? null : lookAt(location, this.#parts.nowMs())
    if (look?.found === 'entry' && look.observation.kind === 'directory') this.#compare(path, before, look)
  }

  /** An entry that came or went between the look at a directory and its watch changed the directory's times. */
  #dated(directory: string, seen: Observation, status: Stats): void {
    const look = observe(status, null, this.#parts.nowMs())
    if (look.found !== 'entry' || sameAttributes(seen, look.observation)) return
    this.#compare(directory, this.#parts.index.get(directory), look)
  }

  #loss(): Loss {
    let moved = 0
    for (const entry of this.#removals.values()) {
      const arrival = this.#arrivals?.get(entry.inode)
      if (arrival !== undefined && isMoved(entry, arrival)) moved += 1
    }
    return { removals: this.#removals.size, moved, additions: this.#additions }
  }

  #find(finding: Finding): void {
    this.#findings.set(finding.path, finding)
  }

  #remove(entry: KnownEntry): void {
    // Every directory of a tree that goes is hinted at: an entry that was removed with one above is not looked up
    // again.
    if (this.#removals.has(entry.path)) return
    if (entry.kind === 'directory') this.#removeBelow(entry)
    this.#findings.delete(entry.path)
    this.#removals.set(entry.path, entry)
  }

  #removeBelow(directory: KnownEntry): void {
    for (const entry of this.#parts.index.descendants(directory.path)) {
      this.#findings.delete(entry.path)
      this.#removals.set(entry.path, entry)
    }
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

  /**
   * Removals come last: when a long replay is cut, moved content is still where a change can refer to it. Children come
   * before their directory, and before the entry that takes its place: wherever the replay is cut, a receiver finds the
   * directory empty, without entries that it would have to take for extraneous ones.
   */
  #recordAll(): void {
    this.#dropOrphans()
    this.#inheritDigests()
    const findings: Finding[] = []
    for (const finding of this.#findings.values()) if (!this.#replacing.has(finding.path)) findings.push(finding)
    // A path sorts behind the path of its directory.
    for (const path of [...this.#removals.keys()].sort().reverse()) findings.push({ path, observation: null })
    for (const finding of this.#findings.values()) if (this.#replacing.has(finding.path)) findings.push(finding)
    this.#removals.clear()
    this.#findings.clear()
    if (findings.length > 0) this.#parts.index.record(findings)
  }

  #recordPortion(judge: Judge): void {
    this.#isWithheld = judge(this.#loss(), false).decision !== 'pass'
    if (this.#isWithheld) return
    this.#dropOrphans()
    const portion = [...this.#findings.values()].filter(({ path }) => !this.#replacing.has(path))
    this.#parts.index.record(portion)
    for (const { path } of portion) this.#findings.delete(path)
  }

  /** Findings in a directory that a later look found to be gone, or not a directory any more, are dropped with it. */
  #dropOrphans(): void {
    const sound = new Map([[ROOT_PATH, true]])
    const isSound = (directory: string): boolean => {
      let known = sound.get(directory)
      if (known === undefined) {
        const found = this.#findings.get(directory)
        if (found === undefined) known = this.#isIndexedDirectory(directory)
        else known = found.observation?.kind === 'directory' && isSound(parentPath(directory))
        sound.set(directory, known)
      }
      return known
    }
    for (const path of this.#findings.keys()) {
      if (path !== ROOT_PATH && !isSound(parentPath(path))) this.#findings.delete(path)
    }
  }

  #digestOf(entry: KnownEntry | null): string | null {
    return entry?.kind === 'file' ? this.#parts.index.digest(entry.content) : null
  }

  /** A file that moved with its directory has the same inode, untouched: its digest is known without reading. */
  #inheritDigests(): void {
    if (this.#removals.size === 0) return
    const gone = new Map<number, KnownEntry>()
    for (const entry of this.#removals.values()) if (entry.kind === 'file') gone.set(entry.inode, entry)
    for (const finding of this.#findings.values()) {
      if (finding.observation === null || finding.digest !== null || finding.observation.kind !== 'file') continue
      const origin = gone.get(finding.observation.inode)
      const { size, mtime, ctime } = finding.observation
      if (origin?.size === size && origin.mtime === mtime && origin.ctime === ctime && ctime !== 0) {
        finding.digest = this.#digestOf(origin)
      }
    }
  }

  #locate(path: string): string | null {
    try {
      return this.#parts.directories.locate(path)
    } catch (error) {
      const code = errorCode(error)
      if (code === 'EACCES') this.#parts.problems.found({ path, code: 'unreadable', message: plainMessage(error) })
      else if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'ELOOP') throw error
      return null
    }
  }

  /** Indexed, or about to be; a directory that this scan saw gone may be back, and must then be looked at first. */
  #isIndexedDirectory(path: string): boolean {
    if (this.#findings.has(path)) return true
    return !this.#removals.has(path) && this.#parts.index.get(path)?.kind === 'directory'
  }

  /** Whether the name can travel; a name that cannot is a problem of its directory. */
  #isSpeakable(path: string, name: string): boolean {
    if (name.includes('\ufffd') || pathFault(path) !== null) {
      this.#parts.problems.found({
        path,
        code: 'invalid-name',
        message: `the name ${name.includes('\ufffd') ? 'is not valid UTF-8' : pathFault(path)}`,
      })
      return false
    }
    return true
  }
}
