/**
 * The staging of one changeset: each new object made complete, out of sight, with its final attributes.
 *
 *   file    open, write, futimes, close       directory   mkdir, with its attributes left to the commit
 *
 * An object that belongs into a new directory is staged inside it under its own name, so that one rename makes the
 * directory and everything in it visible. A method that throws leaves nothing of its object behind and may be called
 * again. Content is assumed to be verified.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
} from 'node:fs'
import { errorCode, PERMISSIONS, plainMessage, removeTree } from '@rootferry/host/machine'
import { baseName, parentPath } from '@rootferry/protocol'
import type { WorkArea } from '../area/work-area.ts'
import { readObject, setAttributes, utimesSeconds } from '../files/attributes.ts'
import { copyOpenFile } from '../files/copy-object.ts'
import { ExtendedRefused } from '../files/disk-errors.ts'
import { type Creation, creationMode, extendedOf } from '../files/disk-object.ts'
import type { ExtendedAttributes } from '../files/extended.ts'
import { fileDigest } from '../files/file-digest.ts'
import { type Lack, LEAVE, type LocalAttributes } from '../files/staged-change.ts'
import type { Walk } from '../files/walk.ts'
import { writeSparse } from '../files/write-sparse.ts'

const SPECIAL_BITS = 0o7000
/** The longest name of a staged directory, which includes those of the new directories above it. */
const MOST_NESTED = 1_000
const NEW_FILE = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW

export class Staging {
  readonly #area: WorkArea
  readonly #creation: Creation
  readonly #chownRefused: (why: string) => void
  readonly #extended: ExtendedAttributes
  /** Whether what is created here gets an ACL that nobody has asked for. */
  #isHandedDown: boolean | null = null
  /** What was refused of objects that are staged. */
  readonly #lacks = new Map<string, Lack>()
  /** New directories of this changeset, by path, with the names under which they are staged. */
  readonly #homes = new Map<string, string>()

  constructor(area: WorkArea, creation: Creation, extended: ExtendedAttributes, chownRefused: (why: string) => void) {
    this.#area = area
    this.#creation = creation
    this.#extended = extended
    this.#chownRefused = chownRefused
  }

  /** What of the object at a path was refused; nothing for an object that is right. */
  lacks(path: string): { lacks?: Lack } {
    const lacks = this.#lacks.get(path)
    return lacks === undefined ? {} : { lacks }
  }

  /** @returns the staged name, as every method here does */
  directory(path: string, attributes: LocalAttributes): string {
    const nested = this.#nameFor(path)
    // A deep tree must not run into the kernel's bound on whole paths.
    const name = nested.length > MOST_NESTED ? this.#area.newName() : nested
    const location = this.#locate(name)
    this.#replacing(location, () => mkdirSync(location, creationMode(attributes.mode)))
    this.#homes.set(path, name)
    return name
  }

  symlink(path: string, attributes: LocalAttributes, target: string): string {
    const name = this.#nameFor(path)
    const location = this.#locate(name)
    this.#replacing(location, () => symlinkSync(target, location))
    const { uid, gid } = this.#ownerChange(attributes)
    const { extended, mtime } = attributes
    if (extended !== undefined && extended.length > 0)
      this.#noting(path, () => this.#extended.applyAt(location, extended))
    this.#chowning(() => setAttributes(location, 'symlink', { mode: null, uid, gid, mtime }))
    return name
  }

  file(path: string, attributes: LocalAttributes, content: Uint8Array): string {
    const name = this.#nameFor(path)
    const location = this.#locate(name)
    const descriptor = this.#create(location, attributes.mode & PERMISSIONS)
    try {
      writeContent(descriptor, content)
      this.#finish(path, descriptor, attributes)
    } catch (error) {
      removeTree(location)
      throw error
    } finally {
      closeSync(descriptor)
    }
    return name
  }

  /**
   * A copy of an open file, which shares its blocks where the filesystem can. The caller must verify the copy.
   */
  *copy(path: string, attributes: LocalAttributes, source: number): Walk<string> {
    const name = this.#nameFor(path)
    let isStaged = false
    try {
      removeTree(this.#locate(name))
      yield* copyOpenFile(source, () => this.#locate(name))
      // The copy belongs to whom the original belongs to: libuv gives it away, others do not.
      this.#adopt(path, name, attributes, attributes)
      isStaged = true
    } catch (error) {
      this.#doubtHomes(error)
      throw error
    } finally {
      if (!isStaged) removeTree(this.#locate(name))
    }
    return name
  }

  /**
   * The file itself under a second name.
   * @param location the place of `source`, the same file
   * @returns null when it is not there any more or may not be linked
   */
  link(path: string, location: string, source: number): string | null {
    const name = this.#nameFor(path)
    const staged = this.#locate(name)
    try {
      this.#replacing(staged, () => linkSync(location, staged))
    } catch (error) {
      const code = errorCode(error)
      if (code === 'EPERM' || code === 'EMLINK' || code === 'ENOENT' || code === 'EXDEV') return null
      throw error
    }
    const descriptor = openSync(staged, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const [ours, theirs] = [descriptor, source].map((open) => fstatSync(open, { bigint: true }))
      if (ours?.ino === theirs?.ino && ours?.dev === theirs?.dev) return name
    } finally {
      closeSync(descriptor)
    }
    removeTree(staged)
    return null
  }

  /** Gives its attributes to a file that was staged in pieces. */
  adopt(path: string, name: string, attributes: LocalAttributes): void {
    this.#adopt(path, name, attributes, this.#ownerChange(attributes))
  }

  #adopt(path: string, name: string, attributes: LocalAttributes, { uid, gid }: { uid: number; gid: number }): void {
    const location = this.#locate(name)
    const { mode, mtime } = attributes
    this.#chowning(() => setAttributes(location, 'file', { mode: null, uid, gid, mtime: null }))
    const others = { mode, uid: LEAVE, gid: LEAVE, mtime, ...extendedOf(attributes) }
    this.#noting(path, () => setAttributes(location, 'file', others, this.#extended))
  }

  /** Digest of a staged file, or null when it has another size. */
  digest(name: string, size: number): Walk<string | null> {
    return fileDigest(this.#locate(name), size)
  }

  discard(name: string): void {
    removeTree(this.#locate(name))
  }

  #locate(name: string): string {
    return `${this.#area.directory('staging')}/${name}`
  }

  #nameFor(path: string): string {
    const home = this.#homes.get(parentPath(path))
    return home === undefined ? this.#area.newName() : `${home}/${baseName(path)}`
  }

  #create(location: string, mode: number): number {
    let descriptor = -1
    this.#replacing(location, () => {
      descriptor = openSync(location, NEW_FILE, mode)
    })
    return descriptor
  }

  /** A name inside a new directory may be left from an attempt that could not even clean up after itself. */
  #replacing(location: string, create: () => void): void {
    try {
      create()
    } catch (error) {
      this.#doubtHomes(error)
      if (errorCode(error) !== 'EEXIST') throw error
      removeTree(location)
      create()
    }
  }

  /** Somebody may have removed what was staged: the next attempt goes on by itself, and the commit finds what is lost. */
  #doubtHomes(error: unknown): void {
    if (errorCode(error) === 'ENOENT') this.#homes.clear()
  }

  #finish(path: string, descriptor: number, attributes: LocalAttributes): void {
    const { uid, gid } = this.#ownerChange(attributes)
    const changesOwner = uid !== LEAVE || gid !== LEAVE
    if (changesOwner) this.#chowning(() => fchownSync(descriptor, uid, gid))
    const setsExtended = this.#applyExtended(path, descriptor, attributes.extended)
    // After chown, which clears setuid and setgid, and after an ACL.
    if (changesOwner || setsExtended || !this.#creation.exactModes || (attributes.mode & SPECIAL_BITS) !== 0) {
      fchmodSync(descriptor, attributes.mode)
    }
    const time = utimesSeconds(attributes.mtime)
    futimesSync(descriptor, time, time)
  }

  /** @returns whether the mode may be another one now */
  #applyExtended(path: string, descriptor: number, wanted: LocalAttributes['extended']): boolean {
    if (wanted === undefined) return false
    const extended = this.#extended
    this.#isHandedDown ??= extended.isHandedDown(this.#area.directory('staging'))
    if (!this.#isHandedDown && wanted.length === 0) return false
    if (this.#isHandedDown) this.#noting(path, () => extended.apply(descriptor, null, wanted))
    else this.#noting(path, () => extended.applyToNew(descriptor, null, wanted))
    return true
  }

  /** An attribute that is refused does not keep the object from being staged. */
  #noting(path: string, act: () => void): void {
    this.#lacks.delete(path)
    try {
      act()
    } catch (error) {
      if (!(error instanceof ExtendedRefused)) throw error
      this.#lacks.set(path, { code: error.code, message: error.message })
    }
  }

  /** LEAVE where a new file already has the wanted owner. */
  #ownerChange({ uid, gid }: LocalAttributes): { uid: number; gid: number } {
    return { uid: uid === this.#creation.uid ? LEAVE : uid, gid: gid === this.#creation.gid ? LEAVE : gid }
  }

  #chowning(act: () => void): void {
    try {
      act()
    } catch (error) {
      if (errorCode(error) !== 'EPERM') throw error
      this.#chownRefused(plainMessage(error))
    }
  }
}

/** @throws the system error, also when the disk accepts only a part */
function writeContent(descriptor: number, content: Uint8Array): void {
  writeSparse(descriptor, content, 0)
  // The last block may have been left out.
  if (content.byteLength > 0 && content.at(-1) === 0) ftruncateSync(descriptor, content.byteLength)
}

/** The properties of new files in `location`, a private directory. */
export function probeCreation(location: string): Creation {
  const probe = `${location}/probe`
  removeTree(probe)
  closeSync(openSync(probe, NEW_FILE, PERMISSIONS))
  const made = readObject(probe)
  removeTree(probe)
  if (made === null) throw new Error(`${probe} vanished`)
  return { uid: made.uid, gid: made.gid, exactModes: made.mode === PERMISSIONS, privileged: made.uid === 0 }
}
