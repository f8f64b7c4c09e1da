/**
 * The findings of one scan that are not recorded yet: findings by path, paths that are gone, and objects that turned up
 * elsewhere.
 *
 * Removals come last: when a long replay is cut, moved content is still where a change can refer to it. Children come
 * before their directory, and before the entry that takes its place: wherever the replay is cut, a receiver finds the
 * directory empty, without entries that it would have to take for extraneous ones.
 *
 * A symlink that points elsewhere comes behind all that is found, and before what is gone: who deploys makes a release
 * whole, points `current` at it, and removes an old one. It is left out while other scans may find more of the release.
 *
 * INVARIANT: no path is a finding and a removal at once. Looks at no disk, and records nothing.
 */
import assert from 'node:assert/strict'
import { isWithin, parentPath, ROOT_PATH } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { EntryIndex } from '../index/entry-index.ts'
import type { Finding, KnownEntry, Observation } from '../index/indexed-entry.ts'
import { ComparedRows } from './compared-rows.ts'
import { isMoved } from './difference.ts'
import type { Loss } from './guard.ts'
import { ANY_ORDER, type Found, type RecordOrder, Swaps } from './swaps.ts'
import { type FoundAndGone, goesWhole, staying, withoutRemovals } from './without-removals.ts'

type IndexReads = 'get' | 'held' | 'totals' | 'head' | 'childrenAfter'
/** Swaps that were left out, and whether arrivals wait for the other half of their move. */
export interface LeftOut {
  swaps: { path: string; observation: Observation }[]
  hasArrivals: boolean
}

const PORTIONS = 20

/** By inode, the objects at paths that had another inode, or none, and where they were seen last. */
type Arrivals = Map<number, { path: string; observation: Observation }>

export class ScanFindings {
  readonly #index: Pick<EntryIndex, IndexReads>
  /** In order of discovery. */
  readonly #findings = new Map<string, Found>()
  /** The index's records of paths that are gone. */
  readonly #removals = new Map<string, KnownEntry>()
  /** Null while the index is empty, and nothing can have moved. */
  #arrivals: Arrivals | null = null
  readonly #rows = new ComparedRows()
  readonly #outdated: string[] = []
  /** Findings that take a directory's place: they make sense only together with the removal of everything below it. */
  readonly #replacing = new Set<string>()
  readonly #swaps = new Swaps()
  readonly #all: FoundAndGone
  /** Arrivals of moves were held back, whose other half waits. */
  #leftArrivals = false
  /** Whether removals wait for a swap: another look finds them. */
  keptRemovals = false
  /** Paths of removals, in the reverse of the order in which they are recorded, once that has begun. */
  #goingPaths: string[] | null = null

  constructor(index: Pick<EntryIndex, IndexReads>) {
    this.#index = index
    this.#all = { index, findings: this.#findings, removals: this.#removals, replacing: this.#replacing }
  }

  /** A scan begins; findings that an earlier one left are dropped. */
  begin(order: RecordOrder = ANY_ORDER): void {
    this.clear()
    this.#swaps.begin(order)
    this.#leftArrivals = false
    this.keptRemovals = false
    this.#arrivals = this.#index.totals.files + this.#index.totals.directories > 0 ? new Map() : null
    this.#rows.upTo(this.#index.head)
    this.#outdated.length = 0
  }

  /** What was taken is recorded. */
  recorded(): void {
    this.#rows.upTo(this.#index.head)
  }

  takeLeftOut(): LeftOut {
    return { swaps: this.#swaps.takeLeft(), hasArrivals: this.#leftArrivals }
  }

  /** Another scan has looked at the path, and recorded what it saw there, if that was news: nothing that is gone. */
  overtaken(path: string): void {
    if (this.#findings.has(path)) this.#rows.overtaken(path)
    if (this.#removals.has(path))
      for (const gone of this.#removals.keys()) if (isWithin(gone, path)) this.#rows.overtaken(gone)
  }

  /** Paths whose findings were dropped, because another scan has recorded them meanwhile. */
  takeOutdated(): string[] {
    return this.#outdated.splice(0)
  }

  clear(): void {
    this.#findings.clear()
    this.#rows.clear()
    this.#removals.clear()
    this.#replacing.clear()
    this.#swaps.clear()
    this.#goingPaths = null
  }

  /** Whether something is among it that must not be recorded before something else. */
  get hasOrder(): boolean {
    return this.#swaps.size > 0 || this.#removals.size > 0
  }

  /** Findings that may be recorded before the scan is over. */
  get count(): number {
    return this.#findings.size - this.#swaps.size
  }

  /** What the scan has found at the path, if that is news. */
  found(path: string): Observation | null {
    return this.#findings.get(path)?.observation ?? null
  }

  isRemoved(path: string): boolean {
    return this.#removals.has(path)
  }

  /** An object is at the path. */
  sees(path: string, before: KnownEntry | null, observation: Observation): void {
    // The size first: for most paths of most scans there is nothing to forget, and V8 interns a string to look it up.
    if (this.#removals.size > 0) this.#removals.delete(path)
    if (observation.kind === 'directory') {
      if (this.#replacing.size > 0) this.#replacing.delete(path)
    } else if (before?.kind === 'directory') this.#replacing.add(path)
    if (before?.inode !== observation.inode) this.#arrivals?.set(observation.inode, { path, observation })
  }

  find(
    path: string,
    before: KnownEntry | null,
    observation: Observation,
    content: { digest: string | null; sameBytes: boolean },
  ): void {
    assert.ok(!this.#removals.has(path), 'what is found was seen')
    this.#findings.set(path, { path, observation, ...content })
    this.#rows.compared(path, before)
    this.#swaps.found(path, before, observation)
  }

  /** There is nothing new at the path. */
  drop(path: string): void {
    this.#swaps.settled(path)
    if (this.#findings.size > 0) this.#forget(path)
  }

  remove(entry: KnownEntry): void {
    this.#swaps.settled(entry.path)
    this.#forget(entry.path)
    this.#removals.set(entry.path, entry)
  }

  /** Paths that are gone, and not found elsewhere. */
  *lost(): Generator<string> {
    for (const entry of this.#removals.values()) if (!hasMoved(entry, this.#arrivals)) yield entry.path
  }

  loss(): Loss {
    const moved = countOf(this.#removals.values(), (entry) => hasMoved(entry, this.#arrivals))
    const additions = countOf(this.#findings.keys(), (path) => this.#rows.wasUnknown(path))
    return { removals: this.#removals.size, moved, additions }
  }

  /**
   * All findings and removals, in the order in which they are recorded. When a swap may not be recorded now, all but the
   * removals: what it led to before may be among them.
   */
  takeAll(): Finding[] {
    this.#makeCurrent()
    const findings = [...this.#findings.values()]
    const swaps = findings.filter(({ path }) => !this.#replacing.has(path))
    if (!this.#swaps.mayRemove(this.#removals, swaps)) {
      this.keptRemovals = true
      return this.takeWithoutRemovals()
    }
    // A path sorts behind the path of its directory.
    const removals = [...this.#removals.keys()].sort().reverse()
    const all = [
      ...findings.filter(({ path }) => !this.#comesLate(path)),
      ...this.#swaps.allowed(swaps),
      ...removals.map((path): Finding => ({ path, observation: null })),
      ...findings.filter(({ path }) => this.#replacing.has(path)),
    ]
    this.clear()
    return all
  }

  /**
   * The first part of all, in the order of `takeAll`: a portion of what is found, in the end with the swaps, or a portion of
   * the removals. Null: little is left, or removals must be recorded together with what takes their place, or must wait.
   */
  takePart(): Finding[] | null {
    if (this.#replacing.size > 0) return null
    this.#makeCurrent()
    const findings = [...this.#findings.values()]
    if (this.#goingPaths === null && !this.#swaps.mayRemove(this.#removals, findings)) return null
    const others = findings.filter(({ path }) => !this.#swaps.has(path))
    if (others.length > BOUNDS.portionFindings) return this.#taken(others.slice(0, portionOf(others)))
    if (this.#removals.size <= BOUNDS.portionFindings) return null
    if (findings.length > 0) return this.#taken([...others, ...this.#swaps.allowed(findings)])
    this.#goingPaths ??= [...this.#removals.keys()].sort()
    const paths = this.#goingPaths.splice(-BOUNDS.portionFindings).reverse()
    return paths.filter((path) => this.#removals.delete(path)).map((path) => ({ path, observation: null }))
  }

  /** The same of `takeWithoutRemovals`: null when little is left. */
  takePartWithoutRemovals(): Finding[] | null {
    this.#makeCurrent()
    const { taken } = withoutRemovals(this.#all)
    const others = taken.filter(({ path }) => !this.#swaps.has(path))
    return others.length > BOUNDS.portionFindings ? this.#taken(others.slice(0, portionOf(others))) : null
  }

  #taken(findings: Found[]): Found[] {
    for (const { path } of findings) this.#forget(path)
    return findings
  }

  /** Findings that need no removal, to be recorded before the scan is over. */
  takePortion(): Finding[] {
    this.#makeCurrent()
    const portion = [...this.#findings.values()].filter(({ path }) => !this.#comesLate(path))
    return this.#taken(portion)
  }

  /** The findings that are recorded although the removals are held back. */
  takeWithoutRemovals(): Finding[] {
    this.#makeCurrent()
    const { taken, isAll } = withoutRemovals(this.#all)
    this.#leftArrivals ||= !isAll
    // A swap may lead to what waits.
    const swaps = isAll ? this.#swaps.allowed(taken) : this.#swaps.none(taken)
    const all = [...taken.filter(({ path }) => !this.#swaps.has(path)), ...swaps]
    this.clear()
    return all
  }

  #comesLate(path: string): boolean {
    return this.#replacing.has(path) || this.#swaps.has(path)
  }

  #forget(path: string): void {
    this.#findings.delete(path)
    this.#swaps.forget(path)
  }

  /** Indexed, or about to be; a directory that this scan saw gone may be back, and must then be looked at first. */
  isIndexedDirectory(path: string): boolean {
    if (this.#findings.has(path)) return true
    return !this.#removals.has(path) && this.#index.get(path)?.kind === 'directory'
  }

  /** Before anything is recorded. */
  #makeCurrent(): void {
    this.#dropOutdated()
    for (const path of orphansIn(this.#findings, (directory) => this.isIndexedDirectory(directory))) this.#forget(path)
    if (this.#arrivals !== null) inheritDigests(this.#findings.values(), this.#index.held)
  }

  /**
   * Another scan has overtaken this one, and what it recorded is not older. A directory in which it recorded an entry
   * is not removed: it is there, or was there later.
   */
  #dropOutdated(): void {
    if (!this.#rows.isOvertaken(this.#index.head)) return
    for (const path of this.#findings.keys()) {
      if (this.#rows.isCurrent(path, this.#index.get(path))) continue
      this.#forget(path)
      this.#outdated.push(path)
    }
    const isCurrent = (entry: KnownEntry) => this.#rows.isCurrent(entry.path, this.#index.get(entry.path), entry)
    for (const path of staying(this.#all, isCurrent)) {
      this.#removals.delete(path)
      this.#outdated.push(path)
    }
    for (const path of [...this.#replacing].filter((replaced) => !goesWhole(this.#all, replaced))) {
      this.#forget(path)
      this.#outdated.push(path)
    }
    this.#rows.upTo(this.#index.head)
  }
}

/** Where there is very much it is more at once: each portion costs a look at all that is left. */
function portionOf({ length }: readonly Found[]): number {
  return Math.max(BOUNDS.portionFindings, Math.ceil(length / PORTIONS))
}

function countOf<Item>(items: Iterable<Item>, counts: (item: Item) => boolean): number {
  let count = 0
  for (const item of items) if (counts(item)) count += 1
  return count
}

/** Findings in a directory that a later look found to be gone, or not a directory any more. */
function orphansIn(findings: ReadonlyMap<string, Found>, isIndexedDirectory: (path: string) => boolean): string[] {
  const sound = new Map([[ROOT_PATH, true]])
  const isSound = (directory: string): boolean => {
    let known = sound.get(directory)
    if (known === undefined) {
      const found = findings.get(directory)
      if (found === undefined) known = isIndexedDirectory(directory)
      else known = found.observation.kind === 'directory' && isSound(parentPath(directory))
      sound.set(directory, known)
    }
    return known
  }
  return [...findings.keys()].filter((path) => path !== ROOT_PATH && !isSound(parentPath(path)))
}

/** A file that moved with its directory has the same inode, untouched: its digest is known without reading. */
function inheritDigests(findings: Iterable<Found>, held: EntryIndex['held']): void {
  for (const finding of findings) {
    const isUnknown = finding.observation.kind === 'file' && finding.digest === null
    if (isUnknown) finding.digest = held.digestOf(finding.observation)
  }
}

function hasMoved(entry: KnownEntry, arrivals: Arrivals | null): boolean {
  const arrival = arrivals?.get(entry.inode)
  // What came and went again within the scan has moved nowhere.
  return arrival !== undefined && arrival.path !== entry.path && isMoved(entry, arrival.observation)
}
