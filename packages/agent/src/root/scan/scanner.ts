/**
 * The scanner decides what changed: it looks at the hinted paths, compares them with the index and records differences.
 *
 * A hint is never believed, only followed. Removals are recorded at the end of a scan, when the guard has seen all of
 * them; removals that the guard holds back are dropped, and the next scan finds them again.
 *
 * Scans are generators that yield after each look: the owner decides when to continue, and not before what is yielded has
 * come about. A scanner runs one scan at a time; another scanner may overtake it between two looks, and what that has
 * recorded is not recorded again.
 */

import { errorCode } from '@rootferry/host/machine'
import { isReserved, type PathFilter, parentPath, ROOT_PATH } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { Finding, Observation } from '../index/indexed-entry.ts'
import type { Hint, Watcher } from '../watch/watcher.ts'
import { isNotProvenOther, sameDirectory } from './difference.ts'
import { DirectoryWalk, type SeenDirectory } from './directory-walk.ts'
import { type ComparisonParts, EntryComparison, type Troubled } from './entry-comparison.ts'
import type { GuardVerdict, Loss } from './guard.ts'
import { lookAt, seenKind } from './observe.ts'
import { placesOfLoss } from './places-of-loss.ts'
import { type LeftOut, ScanFindings } from './scan-findings.ts'
import type { RecordOrder } from './swaps.ts'

/** How much of a scan is recorded: everything with `pass`, all but deletions with `look-again`, else nothing. */
export type ScanVerdict = GuardVerdict | { decision: 'withhold' }

/** Asked before anything is recorded; `isComplete` is true at the end of a scan. */
export type Judge = (loss: Loss, isComplete: boolean) => ScanVerdict

export interface ScanManner {
  order?: RecordOrder
  /** See EntryComparison: a scan that has left something out wants another look. */
  isShort?: boolean
}

/** After so many looks at what is in directories a scan records what it has found, though that may be little. */
const FIRST_LOOKS = BOUNDS.overtakingLooks / 2

export interface ScannerParts extends ComparisonParts {
  filter: PathFilter
  watcher: Pick<Watcher, 'directoryFound' | 'directoryGone' | 'caughtUp'>
}

export class Scanner {
  readonly #parts: ScannerParts
  readonly #found: ScanFindings
  readonly #comparison: EntryComparison
  readonly #walk: DirectoryWalk
  /** Inodes of files with several names at all of which this scan has looked. */
  readonly #resolved = new Set<number>()
  /** Directories that hold an entry that was looked at. */
  readonly #parents = new Set<string>()
  /** Directories that the scan has found, and in which another scanner has looked since. */
  readonly #redated = new Set<string>()
  /**
   * Directories that the scan lists with everything below them. A part of its findings may be recorded while another
   * waits: the next look must list them again, though by then they may be known.
   */
  readonly walked: string[] = []
  /** Directories that were found, and are listed when all hints were followed. */
  #toWalk: SeenDirectory[] = []
  #judge: Judge = () => ({ decision: 'withhold' })
  /** The guard may object to this scan: nothing is recorded before its end. */
  #isWithheld = false

  constructor(parts: ScannerParts) {
    this.#parts = parts
    this.#found = new ScanFindings(parts.index)
    this.#comparison = new EntryComparison(parts, this.#found)
    this.#walk = new DirectoryWalk(parts, this.#comparison)
  }

  /** Follows hints, parents first. @returns (at its end) the verdict on it */
  *scan(
    hints: readonly Hint[],
    judge: Judge,
    manner: ScanManner = {},
  ): Generator<Promise<void> | undefined, ScanVerdict> {
    const { directories, problems, watcher } = this.#parts
    this.#begin(judge, manner)
    this.walked.length = 0
    if (hints.some(isWhole)) problems.clearAll()
    for (const hint of hints) {
      yield* this.#follow(hint)
      this.#recordPortion()
      yield
    }
    yield* this.#listDirectories()
    if (!hints.some(isWhole)) for (const inode of this.#comparison.joined()) yield* this.#lookAtOtherNames(null, inode)
    for (const directories of [this.#parents, this.#redated])
      for (const directory of directories) {
        this.#lookAgainAt(directory)
        yield* this.#comparison.settle()
        yield
      }
    if (this.#found.hasOrder) yield watcher.caughtUp()
    let verdict = judge(this.#found.loss(), true)
    if (verdict.decision === 'pass' && this.#comparison.hasLeft) verdict = { decision: 'look-again' }
    if (verdict.decision === 'pass') {
      yield* this.#recordParts(() => this.#found.takePart())
      this.#parts.index.record(this.#found.takeAll())
      if (this.#found.keptRemovals) verdict = { decision: 'look-again' }
    } else if (verdict.decision === 'look-again') {
      yield* this.#recordParts(() => this.#found.takePartWithoutRemovals())
      this.#parts.index.record(this.#found.takeWithoutRemovals())
    } else if (verdict.decision === 'halt' && verdict.isOfPart) {
      const places = placesOfLoss(this.#found.lost())
      if (places !== null) verdict = { ...verdict, reason: `${verdict.reason}: ${places}` }
    }
    this.#found.clear()
    directories.release()
    return verdict
  }

  /** Whether the scan has found a new directory, of which it may not have recorded everything yet. */
  get hasNewDirectory(): boolean {
    return this.#comparison.hasNewDirectory
  }

  /** What the last scan has found and not recorded, besides deletions. */
  takeLeftOut(): LeftOut {
    return this.#found.takeLeftOut()
  }

  /** What the last scan could not look at. */
  takeTroubled(): Troubled[] {
    return this.#comparison.takeTroubled()
  }

  /** Another scanner follows these hints amid the scan. */
  overtaken(hints: readonly Hint[]): void {
    for (const { path } of hints) {
      this.#found.overtaken(path)
      if (path !== ROOT_PATH && this.#found.found(parentPath(path)) !== null) this.#redated.add(parentPath(path))
    }
  }

  /** To be looked at again: what another scan has recorded while the last one ran, and what moved on below it. */
  takeOutdated(): Hint[] {
    const unlisted = this.#comparison.takeUnlisted().map((path): Hint => ({ path, extent: 'subtree' }))
    return [...this.#found.takeOutdated().map((path): Hint => ({ path, extent: 'entry' })), ...unlisted]
  }

  /**
   * The background has read a suspect: the same bytes or others.
   * @returns whether the file is still the version that was read
   */
  decideSuspect(path: string, observation: Observation, digest: string): boolean {
    const { index } = this.#parts
    const before = index.get(path)
    if (before === null || before.kind !== 'file') return true
    this.#begin(() => ({ decision: 'pass' }))
    const look = this.#locate(path) === 'there' ? this.#lookAt(path) : null
    if (look?.found !== 'entry' || !isNotProvenOther(look.observation, observation)) return false
    // A ctime that was too recent when the bytes were read proves nothing about them later.
    this.#comparison.judgeBytes(before, { ...look.observation, ctime: observation.ctime }, digest)
    index.record(this.#found.takeAll())
    return true
  }

  #begin(judge: Judge, { order, isShort }: ScanManner = {}): void {
    this.#found.begin(order)
    this.#comparison.begin(isShort)
    this.#toWalk = []
    this.#resolved.clear()
    this.#parents.clear()
    this.#redated.clear()
    this.#judge = judge
    this.#isWithheld = false
  }

  *#follow({ path, extent }: Hint): Generator<undefined> {
    const { directories, filter, index, problems, watcher } = this.#parts
    if (this.#isGoneWithDirectory(path)) return
    const way = this.#locate(path)
    if (way === 'troubled') return
    if (way === 'gone') {
      // A directory above it is gone or not a directory any more: the change is there.
      if (path !== ROOT_PATH) yield* this.#follow({ path: parentPath(path), extent: 'entry' })
      return
    }
    if (path !== ROOT_PATH) this.#parents.add(parentPath(path))
    const look = this.#lookAt(path)
    if (isReserved(path) || filter.excludesWithParents(path, seenKind(look))) return
    const before = index.get(path)
    if (look.found === 'entry' && path !== ROOT_PATH && !this.#found.isIndexedDirectory(parentPath(path))) {
      yield* this.#follow({ path: parentPath(path), extent: 'entry' })
      return
    }
    const isBack = this.#found.isRemoved(path)
    this.#comparison.compare(path, before, look)
    yield* this.#comparison.settle()
    if (look.found === 'entry' && look.links > 1) yield* this.#lookAtOtherNames(path, look.observation.inode)
    // What was written under a name that is another file's now, or gone, is still there under the other names.
    const isSame = look.found === 'entry' && look.observation.inode === before?.inode
    if (before?.kind === 'file' && !isSame) yield* this.#lookAtOtherNames(path, before.inode)
    // One that comes back before it counts as gone is the same by its row: what came into it meanwhile is below it.
    if (look.found === 'nothing' && before?.kind === 'directory') this.walked.push(path)
    if (look.found !== 'entry' || look.observation.kind !== 'directory') return
    const isOther = before?.kind === 'directory' && !sameDirectory(before, look.observation)
    if (isOther) {
      watcher.directoryGone(path)
      directories.forget(path)
    }
    const isListed = before?.kind === 'directory' && !isOther && !isBack && !problems.has(path)
    if (isListed && extent !== 'subtree') return
    this.walked.push(path)
    this.#toWalk.push({ path, seen: look.observation })
  }

  /** A save does not wait until what was found with it is listed, if that is much. */
  *#listDirectories(): Generator<undefined> {
    let looks = 0
    for (const directory of this.#toWalk) {
      for (const step of this.#walk.walk(directory)) {
        looks += 1
        this.#recordPortion(looks === FIRST_LOOKS ? 1 : BOUNDS.portionFindings)
        yield step
      }
    }
  }

  /**
   * The other names of a hard-linked file changed along with this one, and the kernel reports a write only under the
   * name that was used. Once a scan is enough: a change that comes later has a hint of its own, and so has a directory
   * that comes back after this scan saw it go.
   */
  *#lookAtOtherNames(path: string | null, inode: number): Generator<undefined> {
    if (this.#resolved.has(inode)) return
    this.#resolved.add(inode)
    for (const other of this.#parts.index.pathsOfInode(inode)) {
      if (other === path) continue
      const before = this.#found.isIndexedDirectory(parentPath(other)) ? this.#parts.index.get(other) : null
      const look = this.#locate(other) === 'there' ? this.#lookAt(other) : null
      const isName = look?.found === 'entry' && look.observation.inode === inode
      if (isName && before !== null) this.#comparison.compare(other, before, look)
      yield* this.#comparison.settle()
      yield
    }
  }

  /** A change in a directory changes the directory's own times, and no hint reports that. */
  #lookAgainAt(path: string): void {
    const before = this.#parts.index.get(path)
    const found = this.#found.found(path)
    if ((found ?? before)?.kind !== 'directory' || this.#found.isRemoved(path)) return
    const look = this.#locate(path) === 'there' ? this.#lookAt(path) : null
    if (look?.found !== 'entry' || look.observation.kind !== 'directory') return
    if (found === null || sameDirectory(found, look.observation)) this.#comparison.compare(path, before, look)
  }

  #recordPortion(least = BOUNDS.portionFindings): void {
    if (this.#found.count < least || this.#isWithheld) return
    this.#isWithheld = this.#judge(this.#found.loss(), false).decision !== 'pass'
    if (this.#isWithheld) return
    this.#parts.index.record(this.#found.takePortion())
    this.#found.recorded()
  }

  /** What is much is recorded in portions. Leaves the last one. */
  *#recordParts(take: () => Finding[] | null): Generator<undefined> {
    for (let part = take(); part !== null; part = take()) {
      this.#parts.index.record(part)
      this.#found.recorded()
      yield
    }
  }

  #lookAt(path: string) {
    return lookAt(this.#parts.directories, path, this.#parts.nowMs())
  }

  /** Every entry of a tree that goes is hinted at: what this scan saw go costs one look at the top of the tree. */
  #isGoneWithDirectory(path: string): boolean {
    let top: string | null = null
    let above = parentPath(path)
    for (; above !== ROOT_PATH && this.#found.isRemoved(above); above = parentPath(above)) top = above
    return top !== null && this.#locate(top) === 'there' && this.#lookAt(top).found === 'nothing'
  }

  /** Whether the directories above a path can be entered. */
  #locate(path: string): 'there' | 'gone' | 'troubled' {
    try {
      this.#parts.directories.locate(path)
      return 'there'
    } catch (error) {
      const code = errorCode(error)
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return 'gone'
      this.#comparison.unreachable(path, error)
      return 'troubled'
    }
  }
}

export function isWhole({ path, extent }: Hint): boolean {
  return path === ROOT_PATH && extent === 'subtree'
}
