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
import type { EntryIndex } from '../index/entry-index.ts'
import type { Finding, KnownEntry, Observation } from '../index/indexed-entry.ts'
import { ComparedRows } from './compared-rows.ts'
import { isMoved } from './difference.ts'
import type { Loss } from './guard.ts'
import { type Found, type MaySwap, Swaps } from './swaps.ts'

type IndexReads = 'get' | 'held' | 'totals' | 'head' | 'childrenAfter'
/** Swaps that were left out, and whether arrivals wait for the other half of their move. */
export interface LeftOut {
  swaps: { path: string; observation: Observation }[]
  hasArrivals: boolean
}

type Arrivals = Map<number, { path: string; observation: Observation }>

export class ScanFindings {
  readonly #index: Pick<EntryIndex, IndexReads>
  /** In order of discovery. */
  readonly #findings = new Map<string, Found>()
  /** The index's records of paths that are gone. */
  readonly #removals = new Map<string, KnownEntry>()
  /**
   * By inode, the objects at paths that had another inode, or none, and where they were seen last; null while the index
   * is empty and nothing can have moved.
   */
  #arrivals: Arrivals | null = null
  readonly #rows = new ComparedRows()
  readonly #outdated: string[] = []
  /** Findings that take a directory's place: they make sense only together with the removal of everything below it. */
  readonly #replacing = new Set<string>()
  readonly #swaps = new Swaps()
  /** Arrivals of moves were held back, whose other half waits. */
  #leftArrivals = false
  #keptRemovals = false

  constructor(index: Pick<EntryIndex, IndexReads>) {
    this.#index = index
  }

  /** A scan begins; findings that an earlier one left are dropped. */
  begin(maySwap: MaySwap = () => true): void {
    this.clear()
    this.#swaps.begin(maySwap)
    this.#leftArrivals = false
    this.#keptRemovals = false
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

  /** Whether removals wait for a swap, so that another look must find them. */
  get keptRemovals(): boolean {
    return this.#keptRemovals
  }

  /** Another scan has looked at the path, and recorded what it saw there, if that was news: nothing that is gone. */
  overtaken(path: string): void {
    if (this.#findings.has(path)) this.#rows.overtaken(path)
    if (!this.#removals.has(path)) return
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
    if (this.#findings.size > 0) this.#forget(path)
  }

  remove(entry: KnownEntry): void {
    this.#forget(entry.path)
    this.#removals.set(entry.path, entry)
  }

  /** Paths that are gone, and not found elsewhere. */
  *lost(): Generator<string> {
    for (const entry of this.#removals.values()) if (!hasMoved(entry, this.#arrivals)) yield entry.path
  }

  loss(): Loss {
    let moved = 0
    for (const entry of this.#removals.values()) if (hasMoved(entry, this.#arrivals)) moved += 1
    let additions = 0
    for (const path of this.#findings.keys()) if (this.#rows.wasUnknown(path)) additions += 1
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
    if (this.#removals.size > 0 && !this.#swaps.mayAllGo(swaps)) {
      this.#keptRemovals = true
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

  /** Findings that need no removal, to be recorded before the scan is over. */
  takePortion(): Finding[] {
    this.#makeCurrent()
    const portion = [...this.#findings.values()].filter(({ path }) => !this.#comesLate(path))
    for (const { path } of portion) this.#findings.delete(path)
    return portion
  }

  /**
   * The findings that are recorded although the removals are held back. Both halves of a move wait: without the
   * arrival, the removal would count as a deletion at the next look. Everything in a directory that waits also waits,
   * and so do the times of a directory from which an entry may have been deleted.
   */
  takeWithoutRemovals(): Finding[] {
    this.#makeCurrent()
    const gone = new Map([...this.#removals.values()].map((entry) => [entry.inode, entry]))
    const dated = new Set([...this.#removals.keys()].map(parentPath))
    const taken: Found[] = []
    const waiting = new Set<string>()
    for (const finding of this.#findings.values()) {
      const { path, observation } = finding
      const origin = gone.get(observation.inode)
      const isArrival = origin !== undefined && isMoved(origin, observation) && this.#index.get(path) === null
      // Parents are discovered before their entries.
      if (isArrival || this.#replacing.has(path) || waiting.has(parentPath(path))) waiting.add(path)
      else if (!dated.has(path) || this.#index.get(path) === null) taken.push(finding)
    }
    this.#leftArrivals ||= waiting.size > 0
    // A swap may lead to what waits.
    const swaps = waiting.size > 0 ? this.#swaps.none(taken) : this.#swaps.allowed(taken)
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
    this.#dropOrphans()
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
    const downwards = [...this.#removals.values()].sort((a, b) => (a.path < b.path ? 1 : -1))
    for (const entry of downwards) {
      const isCurrent = this.#rows.isCurrent(entry.path, this.#index.get(entry.path), entry)
      if (isCurrent && (entry.kind !== 'directory' || this.#goesWhole(entry.path))) continue
      this.#removals.delete(entry.path)
      this.#outdated.push(entry.path)
    }
    for (const path of this.#replacing) {
      if (this.#goesWhole(path)) continue
      this.#forget(path)
      this.#outdated.push(path)
    }
    this.#rows.upTo(this.#index.head)
  }

  #goesWhole(directory: string): boolean {
    for (let after: string | null = ''; after !== null; ) {
      const { entries, next } = this.#index.childrenAfter(directory, after)
      if (entries.some(({ path }) => !this.#removals.has(path))) return false
      after = next
    }
    return true
  }

  /** Findings in a directory that a later look found to be gone, or not a directory any more, are dropped with it. */
  #dropOrphans(): void {
    for (const path of orphansIn(this.#findings, (directory) => this.isIndexedDirectory(directory))) this.#forget(path)
  }
}

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
