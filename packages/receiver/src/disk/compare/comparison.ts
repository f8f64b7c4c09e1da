/**
 * Compares listings with the disk, a little at a time; Amend repairs differences that need nothing from the agent.
 *
 * Changesets may be committed between two steps: `touch` names the paths that they changed, which are left out of the
 * listings that have already come. A step gives way after some milliseconds, but not while many paths were touched,
 * which bounds the number that must be remembered. Memory does not grow with the tree: nothing about a directory is
 * kept once it is compared.
 */
import { Buffer } from 'node:buffer'
import type { BulkReads, ConfinedDirectories } from '@rootferry/host/machine'
import {
  ABOVE_ROOT,
  baseName,
  isWithin,
  joinPath,
  type ListedChildren,
  type ListedEntry,
  type Listing,
  parentPath,
  ROOT_PATH,
} from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import { readObject } from '../files/attributes.ts'
import { isSystemError, isTroubleOfAll } from '../files/disk-errors.ts'
import { FileReading } from '../files/file-digest.ts'
import type { OwnerMap } from '../files/owner.ts'
import type { Untouchable } from '../files/untouchable.ts'
import { goOn, type Walk } from '../files/walk.ts'
import { Amend, type AmendEvents, type AmendOrder, type AmendParts } from './amend.ts'
import { DirectoryTimes, isOnlyTime } from './directory-times.ts'
import type { ResyncDifference } from './findings.ts'
import { LinkedNames } from './linked-names.ts'
import { type Page, pageOf } from './listing-page.ts'
import { type LocalDirectory, type LocalEntry, scanDirectory } from './local-scan.ts'
import type { Check, Reconciliation } from './reconcile.ts'

/** An unsettled entry may become anything but a directory. */
const KINDS = { f: 'file', d: 'directory', l: 'symlink', u: 'file' } as const

export interface ComparisonParts extends AmendParts {
  confined: ConfinedDirectories
  /** Of whole files. */
  reads: BulkReads
  owners: OwnerMap
  untouchable: Untouchable
  /** @throws RootGone when the root's path does not lead to the directory that was opened any more */
  insistOnPlace(): void
}

export interface ComparisonEvents extends Omit<AmendEvents, 'isOutdated'> {
  /** Protected entries do not count. */
  checked(entries: number): void
  /** Bytes of content that are missing. */
  lacks(bytes: number): void
  /** The content of the object is replaced. `isDoubtful`: it is a file of the right size. */
  replaces(path: string, isDoubtful: boolean): void
  /** So many bytes were copied to the trash on another filesystem. */
  copied(bytes: number): void
  /** Must come from the agent. `digest`: of the present file, which may be right. Not called in a dry run. */
  want(path: string, size: number, digest: string | null): void
}

export interface ComparisonOrder extends AmendOrder {
  check: Check
  /** Whether a listing of the directory comes, or has come. */
  lists(path: string): boolean
}

/** A group of a listing that is being compared. */
interface Opened {
  group: ListedChildren
  local: LocalDirectory
  listed: Set<string>
  verdicts: Reconciliation[]
  next: number
  reading: FileReading | null
  /** The mode to restore afterwards. */
  mode: number | null
}

export class Comparison {
  readonly #parts: ComparisonParts & { names: LinkedNames }
  readonly #order: ComparisonOrder
  readonly #events: ComparisonEvents
  readonly #amend: Amend
  readonly #pages: Page[] = []
  /** The present work, until it gives way or is done. */
  #work: Walk<void> | null = null
  #opened: Opened | null = null
  /** A directory whose listing continues: its local entries, and the names that were listed so far. */
  #split: { path: string; local: LocalDirectory; listed: Set<string> } | null = null
  readonly #touched = new Set<string>()
  #lastAsked = { path: '', touched: 0, answer: false }
  readonly #times = new DirectoryTimes()

  constructor(parts: ComparisonParts, order: ComparisonOrder, events: ComparisonEvents) {
    this.#parts = { ...parts, names: new LinkedNames(parts.confined) }
    this.#order = order
    this.#events = events
    this.#amend = new Amend(parts, order, {
      ...events,
      found: (path, kind) => this.#found(path, kind),
      isOutdated: (path) => this.#isTouched(path),
    })
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
  listing(listing: Listing, top: string | null): void {
    this.#pages.push(pageOf(listing, top, this.#parts, this.#order.check))
  }

  /** A commit has changed these paths: listings that have already come no longer apply to them. */
  touch(paths: Iterable<string>): void {
    if (this.#pages.length === 0 && this.#split === null) return
    for (const path of paths) {
      if (this.#pages.length > 0 || (path !== ROOT_PATH && parentPath(path) === this.#split?.path)) {
        this.#touched.add(path)
      }
    }
  }

  /**
   * Compares for a while; may be called again after a disk error, and continues where it was.
   * @param isDue whether it is time to give way
   * @throws the system error when the disk as a whole is in trouble; RootGone
   */
  step(isDue: () => boolean): void {
    this.#parts.insistOnPlace()
    this.#parts.untouchable.refreshBorders()
    const work = this.#work ?? this.#compare()
    // A walk that has thrown is over.
    this.#work = null
    const mayGiveWay = () => this.#touched.size < BOUNDS.touchedPaths && isDue()
    this.#work = goOn(work, mayGiveWay, (bytes) => this.#events.copied(bytes))
  }

  /** Nothing more is compared. */
  end(): void {
    this.#work?.return()
    this.#work = null
    if (this.#opened !== null) this.#close(this.#opened)
    this.#opened = null
    this.#split = null
    this.#pages.length = 0
    this.#touched.clear()
    this.#times.clear()
  }

  *#compare(): Walk<void> {
    for (let page = this.#pages[0]; page !== undefined; page = this.#pages[0]) {
      while (this.#opened !== null || page.next < page.directories.length) {
        this.#opened ??= yield* this.#open(page)
        if (this.#opened !== null) yield* this.#advance(this.#opened, page)
        yield
      }
      this.#pages.shift()
    }
    if (this.#split === null) this.#touched.clear()
  }

  /** @returns null when there is nothing to compare */
  *#open(page: Page): Walk<Opened | null> {
    const group = page.directories[page.next]
    page.next += 1
    if (group === undefined) return null
    const { path, entries } = group
    const { untouchable } = this.#parts
    if (path !== ABOVE_ROOT && (untouchable.protects(path, 'directory') || this.#amend.isSilent(path))) {
      this.#conclude(path)
      return null
    }
    const split = this.#split?.path === path ? this.#split : null
    let mode: number | null = null
    let opened: Opened | null = null
    try {
      mode = path === ABOVE_ROOT ? null : this.#amend.openUp(path)
      const local = split?.local ?? (yield* scan(this.#parts, path))
      for (const [name, error] of local.unseen) this.#amend.noteFailure(joinPath(path, name), error)
      const relevant = relevantEntries(untouchable, this.#touched, group, local)
      const listed = split?.listed ?? new Set()
      for (const entry of entries) if (!isInTheWay(untouchable, path, entry, local)) listed.add(entry[0])
      this.#events.checked(relevant.length)
      const verdicts = page.verdicts(group, relevant, local)
      opened = { group, local, listed, verdicts, next: 0, reading: null, mode }
    } catch (error) {
      if (isTroubleOfAll(error, path === ABOVE_ROOT ? ROOT_PATH : path, untouchable)) page.next -= 1
      this.#amend.noteFailure(path, error)
      this.#conclude(path)
    } finally {
      if (opened === null && mode !== null) this.#amend.restore(path, { mode, mtime: null })
    }
    return opened
  }

  *#advance(opened: Opened, page: Page): Walk<void> {
    const { group, local, listed, verdicts } = opened
    const { path, complete } = group
    for (let verdict = verdicts[opened.next]; verdict !== undefined; verdict = verdicts[opened.next]) {
      const place = path === ABOVE_ROOT ? ROOT_PATH : joinPath(path, verdict.name)
      if (!this.#touched.has(place)) yield* this.#follow(opened, place, verdict)
      opened.reading?.close()
      opened.reading = null
      opened.next += 1
      yield
    }
    const isWhole = complete && path !== ABOVE_ROOT
    const top = page.top !== null && path === parentPath(page.top) ? page.top : null
    // Groups of other directories may come between two parts of one.
    if (this.#split?.path === path) this.#split = null
    if (!isWhole && top === null && path !== ABOVE_ROOT) this.#split = { path, local, listed }
    if (this.#order.check === 'attributes') yield
    else if (isWhole) yield* this.#discard(path, (name) => !listed.has(name), local)
    else if (top !== null) yield* this.#discardTop(top, opened)
    if (isWhole) this.#conclude(path)
    this.#close(opened)
    this.#opened = null
  }

  *#follow(opened: Opened, path: string, verdict: Reconciliation): Walk<void> {
    if (verdict.do === 'set') {
      const isRepaired = this.#set(path, verdict.kind, verdict.attributes)
      const mayWait = isOnlyTime(verdict) && this.#order.lists(path)
      if (!mayWait || !this.#times.wait(path, isRepaired)) this.#noteSet(path, isRepaired)
      return
    }
    if (verdict.do === 'ask') return this.#events.want(path, 0, null)
    if (verdict.do === 'leave') return this.#noteSet(path, yield* this.#amend.makeWay(path))
    const { size } = verdict
    const mustRead = verdict.do === 'read' || (verdict.mayHold && !this.#order.dryRun)
    const digest = mustRead ? yield* this.#read(opened, path, size) : null
    if (verdict.do === 'want') {
      // The attributes of a directory can be set; so when a directory is wanted, the agent has another kind there.
      if (opened.local.entries.get(verdict.name)?.kind === 'directory') yield* this.#amend.makeWay(path)
      this.#found(path, verdict.difference)
      if (verdict.difference === 'missing') this.#events.lacks(size)
      else this.#events.replaces(path, verdict.mayHold)
      if (!this.#order.dryRun) this.#events.want(path, size, digest)
    } else if (digest !== verdict.digest) {
      this.#found(path, 'changed')
      this.#events.replaces(path, false)
      if (!this.#order.dryRun) this.#events.want(path, size, null)
    } else if (verdict.attributes !== null) this.#noteSet(path, this.#set(path, 'file', verdict.attributes))
  }

  /** @returns the digest; null when the file cannot be read */
  *#read(opened: Opened, path: string, size: number): Walk<string | null> {
    try {
      const { confined, reads } = this.#parts
      opened.reading ??= FileReading.open(confined.locate(path), size, reads)
      for (;;) {
        const digest = opened.reading === null ? null : opened.reading.advance(() => true)
        if (digest !== undefined) return digest
        yield
      }
    } catch (error) {
      if (isTroubleOfAll(error, path, this.#parts.untouchable) || !isSystemError(error)) throw error
      return null
    }
  }

  /** Attributes that cannot be set here are asked for: their commit then reports the problem, and tries again. */
  #set(...[path, kind, attributes]: Parameters<Amend['set']>): boolean {
    const outcome = this.#amend.set(path, kind, attributes)
    if (outcome === 'refused') this.#events.want(path, 0, null)
    return outcome === 'set'
  }

  #noteSet(path: string, isRepaired: boolean): void {
    this.#found(path, 'changed')
    if (isRepaired) this.#events.repaired()
  }

  #found(path: string, kind: ResyncDifference['kind']): void {
    this.#events.found(path, kind)
    this.#times.explain(path)
  }

  /** The whole directory is compared. */
  #conclude(path: string): void {
    const isRepaired = this.#times.conclude(path)
    if (isRepaired !== null) this.#noteSet(path, isRepaired)
  }

  /** The path that was to be compared is not in the index. */
  *#discardTop(top: string, { listed, local }: Opened): Walk<void> {
    const name = baseName(top)
    if (!listed.has(name)) {
      yield* this.#discard(parentPath(top), (other) => other === name, { ...local, unspeakable: [] })
    }
  }

  *#discard(directory: string, isExtraneous: (name: string) => boolean, local: LocalDirectory): Walk<void> {
    for (const [name, { kind }] of local.entries) {
      if (!isExtraneous(name) || name.includes('\ufffd') || this.#touched.has(joinPath(directory, name))) continue
      yield* this.#amend.discard(directory, Buffer.from(name), kind)
    }
    for (const { name, kind } of local.unspeakable) yield* this.#amend.discard(directory, name, kind)
  }

  #close({ group, mode, reading }: Opened): void {
    reading?.close()
    if (mode !== null && !this.#touched.has(group.path)) this.#amend.restore(group.path, { mode, mtime: null })
  }

  /** Asked for the same path again and again, and the answer changes only when more paths were touched. */
  #isTouched(top: string): boolean {
    const { path, touched, answer } = this.#lastAsked
    if (path === top && touched === this.#touched.size) return answer
    const isTouched = this.#touched.values().some((other) => isWithin(other, top))
    this.#lastAsked = { path: top, touched: this.#touched.size, answer: isTouched }
    return isTouched
  }
}

/** Whether an unprotected local object of another kind is in the way of the agent's, which is protected: it goes. */
function isInTheWay(
  untouchable: Untouchable,
  directory: string,
  [name, letter]: ListedEntry,
  local: LocalDirectory,
): boolean {
  const there = local.entries.get(name)
  if (directory === ABOVE_ROOT || letter === 'u' || there === undefined) return false
  if (!untouchable.protectsIn(directory)) return false
  const path = joinPath(directory, name)
  return untouchable.protects(path, KINDS[letter]) && !untouchable.protects(path, there.kind)
}

/**
 * The entries of a group that are compared: not the protected ones, not those that were changed since the listing, and
 * not those that cannot be seen.
 */
function relevantEntries(
  untouchable: Untouchable,
  touched: ReadonlySet<string>,
  { path: directory, entries }: ListedChildren,
  { unseen }: LocalDirectory,
): readonly ListedEntry[] {
  const misses = untouchable.missingAbove(directory) === null && untouchable.holdsBorder(directory)
  const isAll = touched.size === 0 && unseen.size === 0 && !misses && !untouchable.protectsIn(directory)
  if (directory === ABOVE_ROOT || isAll) return entries
  return entries.filter(([name, letter]) => {
    const path = joinPath(directory, name)
    if (misses && untouchable.missingAbove(path) !== null) return false
    return !touched.has(path) && !unseen.has(name) && !untouchable.protects(path, KINDS[letter])
  })
}

function* scan(parts: ComparisonParts, path: string): Walk<LocalDirectory> {
  if (path !== ABOVE_ROOT) return (yield* scanDirectory(parts, path)) ?? directoryOf([])
  const root = readObject(parts.confined.locate(ROOT_PATH), parts.extended)
  return directoryOf(root === null ? [] : [[ROOT_PATH, root]])
}

function directoryOf(entries: [string, LocalEntry][]): LocalDirectory {
  return { entries: new Map(entries), unspeakable: [], unseen: new Map() }
}
