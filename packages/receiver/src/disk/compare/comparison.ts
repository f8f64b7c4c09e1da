/**
 * Compares listings with the disk, a little at a time, and repairs what needs nothing from the agent: attributes, and
 * what the agent does not have, which goes to the trash.
 *
 * Changesets may be committed between two steps: `touch` says what they changed, and that is left out of the listings
 * that have come before. A step gives way after some milliseconds, but not while much was touched, which bounds what
 * has to be remembered. Memory does not grow with the tree: nothing is kept of a directory once it is compared.
 * INVARIANT: a directory that something is taken out of gets its time back within the same step.
 */
import { Buffer } from 'node:buffer'
import type { DiskKind } from '@rootferry/host/machine'
import {
  ABOVE_ROOT,
  baseName,
  joinPath,
  type ListedChildren,
  type ListedEntry,
  type Listing,
  parentPath,
  ROOT_PATH,
} from '@rootferry/protocol'
import { Removal, StaysError } from '../area/removal.ts'
import { readObject, setAttributes } from '../files/attributes.ts'
import { isDiskTrouble, isRace, isSystemError } from '../files/disk-errors.ts'
import type { AttributeChange, DiskObject } from '../files/disk-object.ts'
import { FileReading } from '../files/file-digest.ts'
import type { Owner } from '../files/owner.ts'
import { LEAVE } from '../files/staged-change.ts'
import type { Target } from '../target.ts'
import type { ResyncDifference } from './findings.ts'
import { type LocalDirectory, scanDirectory } from './local-scan.ts'
import { type Check, type Reconciliation, reconcile } from './reconcile.ts'

/** What is unsettled may become anything but a directory. */
const KINDS = { f: 'file', d: 'directory', l: 'symlink', u: 'file' } as const
const OWNER_ACCESS = 0o700
const MOST_TOUCHED = 20_000
const MOST_OTHER_TIMES = 10_000

export interface ComparisonEvents {
  /** What is protected does not count. */
  checked(entries: number): void
  found(path: string, kind: ResyncDifference['kind']): void
  /** Of what is missing: so much content. */
  lacks(bytes: number): void
  /** What is there goes away with all below it; in a dry run it would, and is still there. */
  leaves(path: string): void
  /** Has to come from the agent. `digest`: of what is there and may be right. Not called in a dry run. */
  want(path: string, size: number, digest: string | null): void
  repaired(): void
  failed(path: string, error: unknown): void
}

export interface ComparisonScope {
  check: Check
  isDryRun: boolean
}

interface Page {
  directories: readonly ListedChildren[]
  ownerOf: (uid: number, gid: number) => Owner
  /** The path that the listing began with, when it may not be in it. */
  top: string | null
  next: number
}

/** A group of a listing that is being compared. */
interface Opened {
  group: ListedChildren
  local: LocalDirectory
  listed: Set<string>
  verdicts: Reconciliation[]
  next: number
  reading: FileReading | null
  /** The mode to give back to it. */
  mode: number | null
}

export class Comparison {
  readonly #target: Target
  readonly #scope: ComparisonScope
  readonly #events: ComparisonEvents
  readonly #removal: Removal
  readonly #pages: Page[] = []
  #opened: Opened | null = null
  /** A directory whose listing goes on: what was there, and what was listed of it so far. */
  #split: { path: string; local: LocalDirectory; listed: Set<string> } | null = null
  readonly #touched = new Set<string>()
  /** Directories that differ in their time alone, and whether it was set: what differs in them will explain most. */
  readonly #otherTimes = new Map<string, boolean>()

  constructor(target: Target, scope: ComparisonScope, events: ComparisonEvents) {
    this.#target = target
    this.#scope = scope
    this.#events = events
    this.#removal = new Removal(target.confined, target.trash, target.untouchable)
  }

  /** Whether a listing waits to be compared. */
  get hasWork(): boolean {
    return this.#pages.length > 0
  }

  /** Listings waiting. */
  get pages(): number {
    return this.#pages.length
  }

  /** @param top the path that was asked for, with its first listing */
  take({ directories, users, groups }: Listing, top: string | null): void {
    this.#pages.push({ directories, ownerOf: this.#target.owners.forMessage(users, groups), top, next: 0 })
  }

  /** A commit has changed these paths: listings that are here already say nothing of them any more. */
  touch(paths: Iterable<string>): void {
    if (this.#pages.length === 0 && this.#split === null) return
    for (const path of paths) {
      if (this.#pages.length > 0 || (path !== ROOT_PATH && parentPath(path) === this.#split?.path)) {
        this.#touched.add(path)
      }
    }
  }

  /**
   * Compares for a while; may be called again after a disk error, and goes on where it was.
   * @param isDue whether it is time to give way
   * @throws the system error when the disk as a whole is in trouble
   */
  step(isDue: () => boolean): void {
    this.#target.untouchable.refreshBorders()
    const mayPause = () => this.#touched.size < MOST_TOUCHED && isDue()
    for (let page = this.#pages[0]; page !== undefined; page = this.#pages[0]) {
      while (this.#opened !== null || page.next < page.directories.length) {
        this.#opened ??= this.#open(page)
        if (this.#opened !== null && !this.#advance(this.#opened, page, mayPause)) return
        if (mayPause()) return
      }
      this.#pages.shift()
    }
    if (this.#split === null) this.#touched.clear()
  }

  /** Nothing more is compared. */
  end(): void {
    if (this.#opened !== null) this.#close(this.#opened)
    this.#opened = null
    this.#split = null
    this.#pages.length = 0
    this.#touched.clear()
    this.#otherTimes.clear()
  }

  /** @returns null when there is nothing to compare */
  #open(page: Page): Opened | null {
    const group = page.directories[page.next]
    page.next += 1
    if (group === undefined) return null
    const { path, entries } = group
    if (path !== ABOVE_ROOT && this.#target.untouchable.protects(path, 'directory')) {
      this.#conclude(path)
      return null
    }
    const split = this.#split?.path === path ? this.#split : null
    let mode: number | null = null
    try {
      mode = path === ABOVE_ROOT ? null : this.#openUp(path)
      const local = split?.local ?? this.#scan(path)
      const relevant = this.#relevant(group)
      const listed = split?.listed ?? new Set()
      for (const [name, letter] of entries) if (!this.#isInTheWay(path, name, letter, local)) listed.add(name)
      this.#events.checked(relevant.length)
      const verdicts = reconcile(relevant, local.entries, page.ownerOf, this.#scope.check)
      return { group, local, listed, verdicts, next: 0, reading: null, mode }
    } catch (error) {
      if (isDiskTrouble(error)) page.next -= 1
      if (mode !== null) this.#restore(path, { mode, mtime: null })
      this.#noteFailure(path, error)
      this.#conclude(path)
      return null
    }
  }

  #scan(path: string): LocalDirectory {
    const { confined } = this.#target
    if (path !== ABOVE_ROOT) return scanDirectory(confined, path) ?? { entries: new Map(), unspeakable: [] }
    const root = readObject(confined.locate(ROOT_PATH))
    return { entries: new Map(root === null ? [] : [[ROOT_PATH, root]]), unspeakable: [] }
  }

  /** @returns whether the group is done */
  #advance(opened: Opened, page: Page, isDue: () => boolean): boolean {
    const { group, local, listed, verdicts } = opened
    const { path, complete } = group
    for (let verdict = verdicts[opened.next]; verdict !== undefined; verdict = verdicts[opened.next]) {
      const place = path === ABOVE_ROOT ? ROOT_PATH : joinPath(path, verdict.name)
      if (!this.#touched.has(place) && !this.#follow(opened, place, verdict, isDue)) return false
      opened.reading?.close()
      opened.reading = null
      opened.next += 1
      if (isDue()) return false
    }
    const isWhole = complete && path !== ABOVE_ROOT
    const top = page.top !== null && path === parentPath(page.top) ? page.top : null
    // Groups of other directories may come between two parts of one.
    if (this.#split?.path === path) this.#split = null
    if (!isWhole && top === null && path !== ABOVE_ROOT) this.#split = { path, local, listed }
    if (isWhole) this.#discard(path, (name) => !listed.has(name), local)
    else if (top !== null) this.#discardTop(top, opened)
    if (isWhole) this.#conclude(path)
    this.#close(opened)
    this.#opened = null
    return true
  }

  /** @returns false when it takes longer, and is to be called again */
  #follow(opened: Opened, path: string, verdict: Reconciliation, isDue: () => boolean): boolean {
    if (verdict.do === 'set') {
      const isRepaired = !this.#scope.isDryRun && this.#set(path, verdict.kind, verdict.attributes)
      if (isOnlyTime(verdict) && this.#otherTimes.size < MOST_OTHER_TIMES) this.#otherTimes.set(path, isRepaired)
      else this.#noteSet(path, isRepaired)
      return true
    }
    if (verdict.do === 'leave') {
      this.#noteSet(path, this.#leave(path))
      return true
    }
    const { size } = verdict
    const mustRead = verdict.do === 'read' || (verdict.mayHold && !this.#scope.isDryRun)
    const digest = mustRead ? this.#read(opened, path, size, isDue) : null
    if (digest === undefined) return false
    if (verdict.do === 'want') {
      // Of a directory the attributes can be set: one that is wanted is to be something else.
      if (opened.local.entries.get(verdict.name)?.kind === 'directory') this.#leave(path)
      this.#found(path, verdict.difference)
      if (verdict.difference === 'missing') this.#events.lacks(size)
      if (!this.#scope.isDryRun) this.#events.want(path, size, digest)
    } else if (digest !== verdict.digest) {
      this.#found(path, 'changed')
      if (!this.#scope.isDryRun) this.#events.want(path, size, null)
    } else if (verdict.attributes !== null) {
      this.#noteSet(path, !this.#scope.isDryRun && this.#set(path, 'file', verdict.attributes))
    }
    return true
  }

  /**
   * A directory where something else is to be makes way at once: whatever the agent has there when it answers, nothing or
   * a directory may be it, nobody compares what is in this one.
   * @returns whether it is gone
   */
  #leave(path: string): boolean {
    if (this.#target.untouchable.stays(path, 'directory')) return false
    this.#events.leaves(path)
    if (this.#scope.isDryRun) return false
    let isGone = false
    const before = this.#lookAt(parentPath(path))
    try {
      this.#removal.vacate(path)
      isGone = true
    } catch (error) {
      // The commit tells that something in it stays.
      if (!(error instanceof StaysError)) this.#noteFailure(path, error)
    }
    if (before !== null) this.#restore(parentPath(path), { mode: null, mtime: before.mtime })
    return isGone
  }

  /** @returns the digest; null when it can not be had; undefined when it takes longer */
  #read(opened: Opened, path: string, size: number, isDue: () => boolean): string | null | undefined {
    try {
      opened.reading ??= FileReading.open(this.#target.confined.locate(path), size)
      return opened.reading === null ? null : opened.reading.advance(isDue)
    } catch (error) {
      if (isDiskTrouble(error) || !isSystemError(error)) throw error
      return null
    }
  }

  /** What can not be set here is asked for: its commit then tells the problem, and tries again. */
  #set(path: string, kind: 'file' | 'directory' | 'symlink', attributes: AttributeChange): boolean {
    try {
      setAttributes(this.#target.confined.locate(path), kind, attributes)
      return true
    } catch (error) {
      if (isDiskTrouble(error) || !isSystemError(error)) throw error
      this.#events.want(path, 0, null)
      return false
    }
  }

  #noteSet(path: string, isRepaired: boolean): void {
    this.#found(path, 'changed')
    if (isRepaired) this.#events.repaired()
  }

  #found(path: string, kind: ResyncDifference['kind']): void {
    this.#events.found(path, kind)
    if (path !== ROOT_PATH) this.#otherTimes.delete(parentPath(path))
  }

  /** All of the directory is compared: if nothing in it differs, its time is a difference of its own. */
  #conclude(path: string): void {
    const isRepaired = this.#otherTimes.get(path)
    if (isRepaired === undefined) return
    this.#otherTimes.delete(path)
    this.#noteSet(path, isRepaired)
  }

  /** The path that was to be compared is not in the index. */
  #discardTop(top: string, { listed, local }: Opened): void {
    const name = baseName(top)
    if (!listed.has(name)) this.#discard(parentPath(top), (other) => other === name, { ...local, unspeakable: [] })
  }

  #discard(directory: string, isExtraneous: (name: string) => boolean, local: LocalDirectory): void {
    const extraneous = [...local.entries].filter(
      ([name]) => isExtraneous(name) && !name.includes('\ufffd') && !this.#touched.has(joinPath(directory, name)),
    )
    if (extraneous.length === 0 && local.unspeakable.length === 0) return
    const before = this.#lookAt(directory)
    let hasChanged = false
    for (const [name, { kind }] of extraneous) {
      hasChanged = this.#discardOne(joinPath(directory, name), kind) || hasChanged
    }
    for (const name of local.unspeakable) {
      const path = joinPath(directory, name.toString())
      const parent = Buffer.from(`${this.#target.confined.locateDirectory(directory)}/`)
      const take = () => this.#target.trash.take(Buffer.concat([parent, name]), path)
      hasChanged = this.#discardAll([path], take) || hasChanged
    }
    if (hasChanged && before !== null) this.#restore(directory, { mode: null, mtime: before.mtime })
  }

  /** Of a directory in which something stays, the rest goes. */
  #discardOne(path: string, kind: DiskKind): boolean {
    try {
      const removable = this.#removal.removable(path, kind)
      return removable.length > 0 && this.#discardAll(removable, () => this.#removal.discard(path, kind))
    } catch (error) {
      this.#noteFailure(path, error)
      return false
    }
  }

  /** @returns whether anything may have been moved */
  #discardAll(paths: readonly string[], discard: () => unknown): boolean {
    if (!this.#scope.isDryRun) {
      try {
        discard()
        for (const _ of paths) this.#events.repaired()
      } catch (error) {
        // Somebody was faster.
        if (isRace(error)) return true
        this.#noteFailure(paths[0] ?? ROOT_PATH, error)
      }
    }
    for (const path of paths) {
      this.#found(path, 'extraneous')
      this.#events.leaves(path)
    }
    return !this.#scope.isDryRun
  }

  #lookAt(path: string): DiskObject | null {
    try {
      return readObject(this.#target.confined.locate(path))
    } catch (error) {
      if (isDiskTrouble(error) || !isSystemError(error)) throw error
      return null
    }
  }

  /** Gives this process access to a directory if need be. @returns the mode to give back to it afterwards */
  #openUp(path: string): number | null {
    const { confined, creation } = this.#target
    if (creation.privileged) return null
    const before = this.#lookAt(path)
    const needed = this.#scope.isDryRun ? OWNER_ACCESS & 0o555 : OWNER_ACCESS
    if (before?.kind !== 'directory' || (before.mode & needed) === needed) return null
    const change = { mode: before.mode | needed, uid: LEAVE, gid: LEAVE, mtime: null }
    try {
      setAttributes(confined.locate(path), 'directory', change)
      return before.mode
    } catch (error) {
      // Of another owner: what can not be read shows next.
      if (isDiskTrouble(error) || !isSystemError(error)) throw error
      return null
    }
  }

  #close({ group, mode, reading }: Opened): void {
    reading?.close()
    if (mode !== null && !this.#touched.has(group.path)) this.#restore(group.path, { mode, mtime: null })
  }

  #restore(path: string, change: Pick<AttributeChange, 'mode' | 'mtime'>): void {
    try {
      setAttributes(this.#target.confined.locate(path), 'directory', { ...change, uid: LEAVE, gid: LEAVE })
    } catch (error) {
      // Of another owner, or gone by now.
      if (isDiskTrouble(error) || !isSystemError(error)) throw error
    }
  }

  /** A problem of one path; what went away meanwhile is none. @throws what is no problem of one path */
  #noteFailure(path: string, error: unknown): void {
    if (isDiskTrouble(error) || !isSystemError(error)) throw error
    if (!isRace(error)) this.#events.failed(path, error)
  }

  /** Whether what is here is of another kind than the agent's, which is protected, while it is not: it goes. */
  #isInTheWay(directory: string, name: string, letter: ListedEntry[1], local: LocalDirectory): boolean {
    const there = local.entries.get(name)
    const { untouchable } = this.#target
    if (directory === ABOVE_ROOT || letter === 'u' || there === undefined) return false
    if (!untouchable.protectsIn(directory)) return false
    const path = joinPath(directory, name)
    return untouchable.protects(path, KINDS[letter]) && !untouchable.protects(path, there.kind)
  }

  /** What is to be compared of a group. */
  #relevant({ path: directory, entries }: ListedChildren): readonly ListedEntry[] {
    const { untouchable } = this.#target
    if (directory === ABOVE_ROOT || (this.#touched.size === 0 && !untouchable.protectsIn(directory))) return entries
    return entries.filter(([name, letter]) => {
      const path = joinPath(directory, name)
      return !this.#touched.has(path) && !untouchable.protects(path, KINDS[letter])
    })
  }
}

/** As a directory's time does when something was made or removed in it. */
function isOnlyTime({ kind, attributes }: Extract<Reconciliation, { do: 'set' }>): boolean {
  const { mode, uid, gid } = attributes
  return kind === 'directory' && mode === null && uid === LEAVE && gid === LEAVE
}
