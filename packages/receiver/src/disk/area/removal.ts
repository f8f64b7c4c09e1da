/**
 * Removing directories without harm: what the agent never knew goes to the trash, what must stay stays.
 *
 * INVARIANT: only empty directories are removed, and only objects for which nothing inside stays are moved away. What
 * lies across a border is not moved away at all.
 * Never led through a symlink: every name is reached through a confined descriptor.
 */
import { Buffer } from 'node:buffer'
import { type Dirent, readdirSync, rmdirSync } from 'node:fs'
import { type ConfinedDirectories, type DiskKind, errorCode, kindOf } from '@rootferry/host/machine'
import { joinPath } from '@rootferry/protocol'
import type { Untouchable } from '../files/untouchable.ts'
import type { Trash } from './trash.ts'

/** Something protected or excluded, or another filesystem, is inside a directory that would have to go. */
export class StaysError extends Error {
  override name = 'StaysError'
}

export class Removal {
  readonly #confined: ConfinedDirectories
  readonly #trash: Trash
  readonly #untouchable: Untouchable

  constructor(confined: ConfinedDirectories, trash: Trash, untouchable: Untouchable) {
    this.#confined = confined
    this.#trash = trash
    this.#untouchable = untouchable
  }

  /** Removes a directory; when something in it stays, so does the directory. @throws the system error */
  removeDirectory(path: string): void {
    if (this.#removeEmpty(path)) return
    if (this.#clear(path)) this.#removeEmpty(path)
  }

  /** Removes a directory that is in the way. @throws StaysError, and nothing was moved; the system error */
  vacate(path: string): void {
    if (this.#removeEmpty(path)) return
    if (this.#holdsStaying(path))
      throw new StaysError('something protected or excluded, or another filesystem, is inside')
    this.#clear(path)
    rmdirSync(this.#confined.locate(path))
    this.#confined.forget(path)
  }

  /** What `discard` would move away, topmost first: nothing of what stays, and no directory in which something does. */
  removable(path: string, kind: DiskKind): string[] {
    if (this.#staysHere(path, kind)) return []
    if (kind !== 'directory' || !this.#holdsStaying(path)) return [path]
    return this.#children(path).flatMap((child) => {
      return this.removable(joinPath(path, child.name.toString()), kindOf(child))
    })
  }

  /**
   * Moves one object away; of a directory in which something stays, the rest.
   * @returns false when the object itself stays
   * @throws the system error
   */
  discard(path: string, kind: DiskKind): boolean {
    if (this.#staysHere(path, kind)) return false
    if (kind === 'directory' && this.#holdsStaying(path)) {
      this.#clear(path)
      return true
    }
    this.#trash.take(this.#confined.locate(path), path)
    if (kind === 'directory') this.#confined.forget(path)
    return true
  }

  /** @returns false when it is not empty */
  #removeEmpty(path: string): boolean {
    this.#confined.forget(path)
    try {
      rmdirSync(this.#confined.locate(path))
      return true
    } catch (error) {
      if (errorCode(error) === 'ENOTEMPTY' || errorCode(error) === 'EEXIST') return false
      throw error
    }
  }

  /** @returns whether the directory is empty now */
  #clear(path: string): boolean {
    let isEmpty = true
    for (const child of this.#children(path)) {
      const below = joinPath(path, child.name.toString())
      if (this.#staysHere(below, kindOf(child))) {
        isEmpty = false
      } else if (child.isDirectory() && this.#holdsStaying(below)) {
        this.#clear(below)
        isEmpty = false
      } else {
        // As bytes: a name that is no valid UTF-8 is a name all the same.
        const location = Buffer.from(`${this.#confined.locateDirectory(path)}/`)
        this.#trash.take(Buffer.concat([location, child.name]), below)
        this.#confined.forget(below)
      }
    }
    return isEmpty
  }

  #holdsStaying(path: string): boolean {
    if (this.#untouchable.isAcrossBorder(path)) return this.#children(path).length > 0
    return this.#children(path).some((child) => {
      const below = joinPath(path, child.name.toString())
      return this.#staysHere(below, kindOf(child)) || (child.isDirectory() && this.#holdsStaying(below))
    })
  }

  #staysHere(path: string, kind: DiskKind): boolean {
    return this.#untouchable.stays(path, kind) || this.#untouchable.isAcrossBorder(path)
  }

  #children(path: string): Dirent<Buffer<ArrayBuffer>>[] {
    return readdirSync(this.#confined.locateDirectory(path), { encoding: 'buffer', withFileTypes: true })
  }
}
