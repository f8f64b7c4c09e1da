/**
 * From a changeset's changes and the objects on disk to the calls that carry the changes out, in their order. Pure.
 *
 *   open up ─▶ make way ─▶ directories ─▶ files and symlinks ─▶ removals ─▶ directories' attributes
 *   (modes)    (kinds)     parents first   in their order       deepest     deepest first, root last
 *
 * The order of files and symlinks is that of order-of-visibility.ts.
 *
 * INVARIANT: planning again after any part of a plan was carried out yields a plan for the rest; that is how a burst
 * continues that was interrupted, or raced by another program. No operation names a path that is reserved or protected.
 * A directory that is touched without a change of its own gets back the time and mode that it had before.
 */
import { OWNER_ACCESS } from '@rootferry/host/machine'
import { ProtocolError, parentPath, ROOT_PATH } from '@rootferry/protocol'
import { attributeDifference, type Creation, creationMode, type DiskObject, extendedOf } from '../files/disk-object.ts'
import {
  LEAVE,
  type StagedChange,
  type StagedDirectory,
  type StagedFile,
  type StagedLink,
  type StagedSymlink,
} from '../files/staged-change.ts'
import type { Untouchable } from '../files/untouchable.ts'
import type { DirectoryBefore, Operation, Plan } from '../ledger/operation.ts'
import { inOrderOfVisibility, type Placing, type Setting } from './order-of-visibility.ts'

/** The mode of a directory that no change described, because its parents were not in the changeset. */
const IMPLIED_MODE = 0o755

export interface PlanInput {
  changes: readonly StagedChange[]
  lookUp(path: string): DiskObject | null
  /** Whether what is at a path is known to have other content than the agent takes it to have. */
  isOther(path: string): boolean
  /** Recorded before an earlier attempt; it takes precedence over the present disk. */
  before: readonly DirectoryBefore[]
  untouchable: Untouchable
  creation: Creation
}

/** @throws ProtocolError (content-mismatch) when the changes contradict each other */
export function makePlan(input: PlanInput): Plan {
  return new Planner(input).make()
}

class Planner {
  readonly #input: PlanInput
  readonly #byPath = new Map<string, StagedChange>()
  readonly #before: Map<string, DirectoryBefore>
  readonly #touched = new Set<string>()
  /** Directories that this plan makes, with their staged names if they have one. */
  readonly #made = new Map<string, string | null>()
  readonly #vacated = new Set<string>()
  readonly #way: Operation[] = []
  readonly #directories: Operation[] = []
  readonly #placings: Placing[] = []
  readonly #settings: Setting[] = []
  readonly #removals: Operation[] = []
  readonly #plan: Plan = {
    operations: [],
    finish: [],
    before: [],
    owed: [],
    blocked: [],
    tally: { added: 0, changed: 0, removed: 0 },
  }

  constructor(input: PlanInput) {
    this.#input = input
    this.#before = new Map(input.before.map((entry) => [entry.path, entry]))
    // An earlier attempt may have touched them already.
    for (const { path } of input.before) this.#touched.add(path)
    for (const change of input.changes) this.#byPath.set(change.path, change)
  }

  make(): Plan {
    refuseContradictions(this.#input.changes, this.#byPath)
    // Directories first: whether a file comes along with its directory depends on that directory.
    for (const change of this.#input.changes) {
      if (change.kind === 'absent') this.#absent(change.path)
      else if (change.kind === 'directory') this.#directory(change)
    }
    for (const change of this.#input.changes) {
      if (change.kind === 'symlink' || (change.kind === 'file' && change.staged !== null)) {
        this.#placed(change, change.staged ?? '')
      } else if (change.kind === 'file') this.#kept(change)
      if (change.kind === 'link') this.#linked(change)
      else if (change.kind === 'file' && change.link !== undefined) this.#link(change, change.link, false)
    }
    const openings = this.#finishDirectories()
    const [early, late] = this.#removalsInOrder()
    const makings = this.#directories.sort(ascending)
    this.#plan.operations = [
      ...openings.sort(ascending),
      ...early,
      ...this.#way.sort(descending),
      ...makings,
      ...inOrderOfVisibility(this.#placings, this.#settings),
      ...late,
    ]
    return this.#plan
  }

  #absent(path: string): void {
    const found = this.#input.lookUp(path)
    if (found === null || this.#stays(path, found)) return
    this.#removals.push({ do: found.kind === 'directory' ? 'rmdir' : 'unlink', path })
    this.#touched.add(parentPath(path))
    this.#plan.tally.removed += 1
  }

  #directory(change: StagedDirectory): void {
    const { path, staged } = change
    if (path === ROOT_PATH) return
    const found = this.#input.lookUp(path)
    this.#count(found)
    if (found?.kind === 'directory') return
    if (found !== null && this.#stays(path, found)) {
      this.#plan.blocked.push(path)
      return
    }
    this.#needParent(path)
    if (found !== null) this.#way.push({ do: 'unlink', path })
    this.#made.set(path, staged)
    this.#touched.add(parentPath(path))
    if (staged !== null && this.#comesWithParent(path, staged)) return
    this.#directories.push(
      staged === null
        ? { do: 'mkdir', path, mode: creationMode(change.mode) }
        : { do: 'place', path, kind: 'directory', staged, size: 0, mtime: change.mtime, replaces: false },
    )
  }

  #placed(change: StagedFile | StagedSymlink, staged: string): void {
    const { path, kind, mtime } = change
    const found = this.#input.lookUp(path)
    if (!this.#makesWay(path, found)) return
    if (this.#comesWithParent(path, staged)) return
    const size = kind === 'file' ? change.size : 0
    this.#placings.push({ do: 'place', path, kind, staged, size, mtime, replaces: found !== null })
  }

  /** Prepares the place of a file or symlink. @returns whether it can be there */
  #makesWay(path: string, found: DiskObject | null): boolean {
    this.#count(found)
    if (found?.kind === 'directory') {
      if (this.#stays(path, found)) {
        this.#plan.blocked.push(path)
        return false
      }
      this.#way.push({ do: 'vacate', path })
      this.#vacated.add(path)
    }
    this.#needParent(path)
    this.#touched.add(parentPath(path))
    return true
  }

  #linked(change: StagedLink): void {
    if (this.#makesWay(change.path, this.#input.lookUp(change.path))) this.#link(change, change.to, true)
  }

  #link({ path, size, mtime }: Pick<StagedLink, 'path' | 'size' | 'mtime'>, to: string, isNeeded: boolean): void {
    this.#touched.add(parentPath(path))
    const replaces = this.#input.lookUp(path) !== null
    const isOther = this.#isOther(to)
    this.#settings.push({ do: 'link', path, to, size, mtime, isNeeded, isOther, replaces })
  }

  /** Whether it is staged inside its parent, which this plan places. */
  #comesWithParent(path: string, staged: string): boolean {
    const home = this.#made.get(parentPath(path)) ?? null
    return home !== null && staged.startsWith(`${home}/`)
  }

  #kept(change: StagedFile): void {
    const found = this.#input.lookUp(change.path)
    this.#count(found)
    if (found?.kind !== 'file' || found.size !== change.size || this.#isOther(change.path)) {
      this.#plan.owed.push(change.path)
      return
    }
    const difference = attributeDifference(found, change)
    if (difference !== null) this.#settings.push({ do: 'attributes', path: change.path, change: difference })
  }

  /** Whether the file that this plan leaves at a path is another one than the agent takes it for. */
  #isOther(path: string): boolean {
    const change = this.#byPath.get(path)
    return (change?.kind !== 'file' || change.staged === null) && this.#input.isOther(path)
  }

  /** Ensures that the parent will be a directory, by its own change if it has one, else by an implied directory. */
  #needParent(path: string): void {
    const parent = parentPath(path)
    if (parent === ROOT_PATH || this.#made.has(parent)) return
    const found = this.#input.lookUp(parent)
    // A directory's own change makes it, in its turn, and the directories above it.
    if (this.#byPath.has(parent) || found?.kind === 'directory') return
    this.#needParent(parent)
    if (found !== null) this.#way.push({ do: 'trash', path: parent, kind: found.kind })
    this.#made.set(parent, null)
    this.#touched.add(parentPath(parent))
    this.#directories.push({ do: 'mkdir', path: parent, mode: IMPLIED_MODE })
  }

  /** Removals below a directory that is replaced come before it makes way, the others at the end; deepest first. */
  #removalsInOrder(): [Operation[], Operation[]] {
    const all = this.#removals.sort(descending)
    if (this.#vacated.size === 0) return [[], all]
    const isEarly = ({ path }: Operation) => {
      for (let at = parentPath(path); at !== ROOT_PATH; at = parentPath(at)) if (this.#vacated.has(at)) return true
      return false
    }
    return [all.filter(isEarly), all.filter((operation) => !isEarly(operation))]
  }

  /** @returns the operations that open up directories for the burst */
  #finishDirectories(): Operation[] {
    const openings: Operation[] = []
    for (const change of this.#input.changes) {
      if (change.kind === 'directory' && !this.#touched.has(change.path)) this.#finish(change.path, change, openings)
    }
    for (const path of this.#touched) {
      const change = this.#byPath.get(path)
      if (change === undefined) this.#finish(path, null, openings)
      // A directory that goes away, or makes way for a file, needs access and no time.
      else this.#finish(path, change.kind === 'directory' ? change : null, openings)
    }
    this.#plan.finish.sort((a, b) => (a.path === ROOT_PATH ? 1 : b.path === ROOT_PATH ? -1 : descending(a, b)))
    return openings
  }

  #finish(path: string, change: StagedDirectory | null, openings: Operation[]): void {
    const found = this.#input.lookUp(path)
    const isTouched = this.#touched.has(path)
    if (found?.kind !== 'directory') {
      if (change !== null && this.#made.has(path)) this.#finishNew(change)
      return
    }
    const opened = found.mode | OWNER_ACCESS
    const opens = isTouched && opened !== found.mode && !this.#input.creation.privileged
    if (opens) openings.push({ do: 'open', path, mode: opened })
    const present = opens ? { ...found, mode: opened } : found
    if (change !== null) {
      const difference = attributeDifference(present, change)
      if (isTouched) {
        const own = difference ?? { mode: null, uid: LEAVE, gid: LEAVE, mtime: null }
        this.#plan.finish.push({ path, change: { ...own, mtime: change.mtime }, isOwn: true })
      } else if (difference !== null) this.#plan.finish.push({ path, change: difference, isOwn: true })
      return
    }
    if (this.#byPath.has(path)) return
    const before = this.#before.get(path) ?? { path, mode: found.mode, mtime: found.mtime }
    this.#plan.before.push(before)
    const mode = before.mode === present.mode ? null : before.mode
    const restored = { mode, uid: LEAVE, gid: LEAVE, mtime: before.mtime }
    this.#plan.finish.push({ path, change: restored, isOwn: false })
  }

  #finishNew(change: StagedDirectory): void {
    const { creation } = this.#input
    const uid = change.uid === creation.uid ? LEAVE : change.uid
    const gid = change.gid === creation.gid ? LEAVE : change.gid
    const made = creationMode(change.stagedMode ?? change.mode)
    const isExact = creation.exactModes && change.staged !== null && made === change.mode
    const keepsMode = isExact && uid === LEAVE && gid === LEAVE
    const own = { mode: keepsMode ? null : change.mode, uid, gid, mtime: change.mtime, ...extendedOf(change) }
    this.#plan.finish.push({ path: change.path, change: own, isOwn: true })
  }

  #count(found: DiskObject | null): void {
    if (found === null) this.#plan.tally.added += 1
    else this.#plan.tally.changed += 1
  }

  #stays(path: string, found: DiskObject): boolean {
    return this.#input.untouchable.stays(path, found.kind)
  }
}

/** A child of a path that becomes absent or not a directory, or a root that becomes anything but a directory. */
function refuseContradictions(changes: readonly StagedChange[], byPath: ReadonlyMap<string, StagedChange>): void {
  const sound = new Set([ROOT_PATH])
  for (const { path, kind } of changes) {
    if (path === ROOT_PATH && kind !== 'directory') throw contradiction()
    if (kind === 'absent') continue
    for (let at = parentPath(path); !sound.has(at); at = parentPath(at)) {
      const above = byPath.get(at)
      if (above !== undefined && above.kind !== 'directory') throw contradiction()
      sound.add(at)
    }
  }
}

function contradiction(): ProtocolError {
  return new ProtocolError('content-mismatch', 'changes that contradict each other')
}

function ascending(a: { path: string }, b: { path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0
}

function descending(a: { path: string }, b: { path: string }): number {
  return ascending(b, a)
}
