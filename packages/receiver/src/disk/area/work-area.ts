/**
 * The place of staged files and trash: on the target's own filesystem, out of sight of the tree.
 *
 *   in the state directory                              when a rename from there into the root works
 *   <root>/.rootferry/staging, <root>/.rootferry/trash   otherwise; made when needed, removed when empty
 *
 * INVARIANT: making and removing `.rootferry` leaves the root's mtime as it was, also across a crash (the time is in
 * the ledger meanwhile). Inside the root everything goes through descriptors, so a planted symlink leads nowhere. A
 * planted directory is taken over, but its content is not trusted.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  type Stats,
  unlinkSync,
} from 'node:fs'
import { type ConfinedDirectories, errorCode, O_PATH, removeTree, syncDirectory } from '@rootferry/host/machine'
import { microseconds, RESERVED_NAME, ROOT_PATH } from '@rootferry/protocol'
import { readObject, setAttributes } from '../files/attributes.ts'
import { listInTurns } from '../files/list-in-turns.ts'
import { LEAVE } from '../files/staged-change.ts'
import type { Walk } from '../files/walk.ts'
import { Demolition } from './demolition.ts'

const PRIVATE = 0o700
const DIRECTORY_FLAGS = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW

/** Keeps the root's mtime across a crash. */
export interface RootTimeGuard {
  readonly guardedRootTime: number | null
  guardRootTime(mtime: number | null): void
}

export type WorkPlace = 'staging' | 'trash'

export class WorkArea {
  readonly #confined: ConfinedDirectories
  readonly #guard: RootTimeGuard
  readonly #owner: { uid: number; gid: number }
  /** Absolute paths, or null when the area is inside the root. */
  readonly #outside: Readonly<Record<WorkPlace, string>> | null
  readonly #open = new Map<WorkPlace, number>()
  /** Of directories in staging. */
  readonly #demolition = new Demolition(() => this.directory('staging'))
  #names = 0

  /**
   * @param owner the user whose files this process makes
   * @param outside the places, when renames from there into the root work, else null
   */
  constructor(
    confined: ConfinedDirectories,
    guard: RootTimeGuard,
    owner: { uid: number; gid: number },
    outside: Readonly<Record<WorkPlace, string>> | null,
  ) {
    this.#confined = confined
    this.#guard = guard
    this.#owner = owner
    this.#outside = outside
    if (outside !== null) for (const location of Object.values(outside)) makePrivate(location)
    if (guard.guardedRootTime !== null) this.#restoreRootTime(guard.guardedRootTime)
  }

  /** Whether a status from `lstat` or `fstat` describes a directory that this process, or an earlier one, made. */
  isOwnDirectory(status: Stats): boolean {
    return status.isDirectory() && status.uid === this.#owner.uid
  }

  /** A name in staging that this process has not used yet. */
  newName(): string {
    this.#names += 1
    return String(this.#names)
  }

  /** These names in staging are in use, of an earlier process. */
  skipNames(names: Iterable<string>): void {
    for (const name of names) this.#names = Math.max(this.#names, Number.parseInt(name, 10) || 0)
  }

  /** Removes an object that was staged. */
  discard(name: string): void {
    removeTree(`${this.directory('staging')}/${name}`)
  }

  /** The place, for people. */
  location(place: WorkPlace): string {
    return this.#outside?.[place] ?? `${this.#confined.rootPath}/${RESERVED_NAME}/${place}`
  }

  /** A directory of the filesystem that objects are staged on. */
  get filesystem(): string {
    return this.#outside === null ? this.#confined.locateDirectory(ROOT_PATH) : this.directory('staging')
  }

  /**
   * Absolute path of the place, made if needed, also when somebody has removed it meanwhile; valid until `tidy`. @throws
   * the system error
   */
  directory(place: WorkPlace): string {
    if (this.#outside !== null) {
      if (!existsSync(this.#outside[place])) makePrivate(this.#outside[place])
      return this.#outside[place]
    }
    const known = this.#open.get(place)
    if (known !== undefined && fstatSync(known).nlink > 0) return `/proc/self/fd/${known}`
    // The other place stays open: paths to it are in use.
    if (known !== undefined) closeSync(known)
    this.#open.delete(place)
    return `/proc/self/fd/${this.#make(place)}`
  }

  /** Returns when the directory's own name, and the names in it, are on the disk. @throws the system error */
  sync(place: WorkPlace): void {
    const directory = this.directory(place)
    syncDirectory(directory)
    if (this.#outside === null) for (const above of ['..', '../..']) syncDirectory(`${directory}/${above}`)
  }

  /**
   * Removes everything staged except the names in `keep`, in turns, and the area itself when it is inside the root and
   * empty. @throws the system error
   */
  *tidy(keep: ReadonlySet<string>): Walk<void> {
    if (this.#outside !== null || this.#exists('staging')) yield* this.#empty(keep)
    this.leave()
  }

  *#empty(keep: ReadonlySet<string>): Walk<void> {
    const place = () => this.directory('staging')
    for (const { name, kind } of yield* listInTurns(place())) {
      const text = name.toString()
      if (keep.has(text)) continue
      if (kind !== 'directory') removeTree(`${place()}/${text}`)
      else if (Demolition.isDoomed(text)) this.#demolition.takeOver(text)
      else this.#demolition.doom(text)
      yield
    }
    const [withstood] = yield* this.#demolition.run()
    if (withstood !== undefined) throw withstood.error
  }

  /** Removes the area when it is inside the root and holds nothing. */
  leave(): void {
    if (this.#outside === null) this.#removeWhatIsEmpty()
  }

  /** Whether the place exists: inside the root it exists only while it holds something. */
  exists(place: WorkPlace): boolean {
    return this.#outside !== null || this.#exists(place)
  }

  close(): void {
    for (const descriptor of this.#open.values()) closeSync(descriptor)
    this.#open.clear()
  }

  #make(place: WorkPlace): number {
    const above = this.#confined.locate(RESERVED_NAME)
    if (readObject(above)?.kind === 'directory') this.#takeOver(above)
    else this.#keepingRootTime(() => this.#takeOver(above))
    const location = this.#confined.locateIn(RESERVED_NAME, place)
    const wasTheirs = this.#takeOver(location)
    const descriptor = openSync(location, DIRECTORY_FLAGS)
    this.#open.set(place, descriptor)
    this.#confined.forget(RESERVED_NAME)
    if (wasTheirs && place === 'staging') emptyDirectory(`/proc/self/fd/${descriptor}`)
    return descriptor
  }

  /**
   * Makes it a directory that belongs to this process and is closed to others, whoever made the object there: the name
   * is reserved.
   * @returns whether it was another user's directory
   */
  #takeOver(location: string): boolean {
    const found = readObject(location)
    if (found !== null && found.kind !== 'directory') unlinkSync(location)
    makePrivate(location)
    const made = readObject(location)
    if (made === null) return false
    const { uid, gid } = this.#owner
    const isTheirs = made.uid !== uid
    const owner = isTheirs ? { uid, gid } : { uid: LEAVE, gid: LEAVE }
    if (isTheirs || made.mode !== PRIVATE) {
      setAttributes(location, 'directory', { ...owner, mode: PRIVATE, mtime: null })
    }
    return isTheirs
  }

  #exists(place: WorkPlace): boolean {
    if (this.#open.has(place)) return true
    try {
      return readObject(this.#confined.locateIn(RESERVED_NAME, place)) !== null
    } catch (error) {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return false
      throw error
    } finally {
      this.#confined.forget(RESERVED_NAME)
    }
  }

  #removeWhatIsEmpty(): void {
    this.close()
    const location = this.#confined.locate(RESERVED_NAME)
    if (readObject(location)?.kind !== 'directory') return
    for (const place of ['staging', 'trash']) removeIfEmpty(this.#confined.locateIn(RESERVED_NAME, place))
    this.#confined.forget(RESERVED_NAME)
    if (readdirSync(location).length > 0) return
    this.#keepingRootTime(() => removeIfEmpty(location))
  }

  #keepingRootTime(act: () => void): void {
    const mtime = microseconds(this.#confined.rootStatus().mtimeMs)
    this.#guard.guardRootTime(mtime)
    try {
      act()
    } finally {
      this.#restoreRootTime(mtime)
    }
  }

  #restoreRootTime(mtime: number): void {
    try {
      setAttributes(this.#confined.locate(ROOT_PATH), 'directory', { ...untouched, mtime })
    } catch (error) {
      // Another user's directory that this process may write into: its time cannot be restored.
      if (errorCode(error) !== 'EPERM') throw error
    }
    this.#guard.guardRootTime(null)
  }
}

const untouched = { mode: null, uid: LEAVE, gid: LEAVE, mtime: null }

function makePrivate(location: string): void {
  try {
    mkdirSync(location, { mode: PRIVATE })
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
}

function emptyDirectory(location: string): void {
  for (const name of readdirSync(location)) removeTree(`${location}/${name}`)
}

function removeIfEmpty(location: string): void {
  try {
    rmdirSync(location)
  } catch (error) {
    const code = errorCode(error)
    if (code !== 'ENOTEMPTY' && code !== 'ENOENT' && code !== 'EEXIST') throw error
  }
}
