/**
 * The objects on disk at the paths of a changeset, looked up once each.
 *
 * Below a directory that is missing, or is a symlink or a file, nothing exists: that is known without a call, which
 * makes a first copy cheap. A view is true for a moment only: take a new one for every attempt.
 */
import { type ConfinedDirectories, errorCode } from '@rootferry/host/machine'
import { parentPath, ROOT_PATH } from '@rootferry/protocol'
import { diskObject, readObject } from '../files/attributes.ts'
import { type BorderView, isRace, isSystemError, isTroubleOfAll } from '../files/disk-errors.ts'
import type { DiskObject } from '../files/disk-object.ts'

/**
 * An object in a directory that may not be entered yet or is damaged, or on another filesystem that is in trouble.
 * Treated as an object that must make way, it leads to a call, which fails or finds the directory opened up; either way the next plan
 * knows more.
 */
const UNSEEN: DiskObject = { kind: 'other', size: 0, mode: 0, uid: 0, gid: 0, mtime: 0 }

export class DiskView {
  readonly #confined: ConfinedDirectories
  readonly #borders: BorderView
  /** Directories seen so far; null: there is no directory. */
  readonly #directories = new Map<string, DiskObject | null>()

  constructor(confined: ConfinedDirectories, borders: BorderView) {
    this.#confined = confined
    this.#borders = borders
  }

  /** The object at the path, or null when there is none. */
  at(path: string): DiskObject | null {
    if (path === ROOT_PATH) return diskObject(this.#confined.rootStatus())
    const known = this.#directories.get(path)
    if (known !== undefined && known !== null) return known
    if (this.directory(parentPath(path)) === null) return null
    try {
      const found = readObject(this.#confined.locate(path))
      if (found === null || found.kind === 'directory') this.#directories.set(path, found)
      return found
    } catch (error) {
      if (isRace(error) || errorCode(error) === 'ENAMETOOLONG') return null
      if (isTroubleOfAll(error, path, this.#borders) || !isSystemError(error)) throw error
      return UNSEEN
    }
  }

  /** The same for a path that is asked for often; null also when the object there is not a directory. */
  directory(path: string): DiskObject | null {
    const known = this.#directories.get(path)
    if (known !== undefined) return known
    const found = this.at(path)
    const directory = found?.kind === 'directory' ? found : null
    this.#directories.set(path, directory)
    return directory
  }
}
