/**
 * The hands of a comparison: repairs differences that need nothing from the agent, and in a dry run counts them only.
 *
 * Attributes are set, and objects that the agent does not have go to the trash. Walks over directories that others
 * filled give way, and a commit may come in between: `isOutdated` then ends them, because the agent has something at
 * that path by now.
 *
 * INVARIANT: a directory that an object is taken out of gets its time back within the same step.
 */
import type { Buffer } from 'node:buffer'
import { type ConfinedDirectories, type DiskKind, OWNER_ACCESS } from '@rootferry/host/machine'
import { joinPath, parentPath } from '@rootferry/protocol'
import { type Removable, type Removal, StaysError } from '../area/removal.ts'
import { readObject, setAttributes } from '../files/attributes.ts'
import { isRace, isSystemError, isTroubleOfAll, VolumeMissing } from '../files/disk-errors.ts'
import type { AttributeChange, Creation, DiskObject } from '../files/disk-object.ts'
import type { ExtendedAttributes } from '../files/extended.ts'
import { LEAVE } from '../files/staged-change.ts'
import type { TimeGrains } from '../files/time-grains.ts'
import type { Untouchable } from '../files/untouchable.ts'
import type { Walk } from '../files/walk.ts'
import type { ResyncDifference } from './findings.ts'
import { countObjects } from './local-scan.ts'
import { SilentBorders } from './silent-borders.ts'

export interface AmendParts {
  confined: ConfinedDirectories
  untouchable: Pick<Untouchable, 'borderOf' | 'isAcrossBorder' | 'missingAbove'>
  removal: Removal
  creation: Creation
  grains: TimeGrains
  extended: ExtendedAttributes
}

export interface AmendEvents {
  found(path: string, kind: ResyncDifference['kind']): void
  /** This many objects go away, or would in a dry run. */
  leaves(objects: number): void
  repaired(): void
  failed(path: string, error: unknown): void
  /** Whether a commit has changed the path, or something below it, since its directory was looked at. */
  isOutdated(path: string): boolean
}

export interface AmendOrder {
  dryRun: boolean
  /** Whether all objects that go away are counted, with everything below them. */
  counts: boolean
  /** Whether objects that the agent does not have go to the trash, or are only reported. */
  extraneous: 'trash' | 'report'
}

export class Amend {
  readonly #parts: AmendParts
  readonly #order: AmendOrder
  readonly #events: AmendEvents
  readonly #silent: SilentBorders

  constructor(parts: AmendParts, order: AmendOrder, events: AmendEvents) {
    this.#parts = parts
    this.#order = order
    this.#events = events
    this.#silent = new SilentBorders(parts.untouchable)
  }

  /** Whether the path lies on a filesystem that does not answer, or is missing. */
  isSilent(path: string): boolean {
    const missing = this.#parts.untouchable.missingAbove(path)
    if (missing !== null && !this.#silent.has(missing)) this.noteFailure(missing, new VolumeMissing())
    return this.#silent.has(path)
  }

  /** @returns whether the attributes were set: not in a dry run, and not where they cannot be */
  set(path: string, kind: 'file' | 'directory' | 'symlink', attributes: AttributeChange): 'set' | 'refused' | 'dry' {
    if (this.#order.dryRun) return 'dry'
    try {
      const location = this.#parts.confined.locate(path)
      setAttributes(location, kind, attributes, this.#parts.extended)
      if (attributes.mtime !== null) this.#parts.grains.learn(location, kind, attributes.mtime)
      return 'set'
    } catch (error) {
      this.#throwTrouble(error, path)
      return 'refused'
    }
  }

  /**
   * A directory where the agent has another object makes way at once: the agent's answer may be nothing or a directory
   * by then, and the content of this one would never be compared.
   * @returns whether it is gone
   */
  *makeWay(path: string): Walk<boolean> {
    if (this.#parts.removal.stays(path, 'directory')) return false
    this.#events.leaves(this.#order.counts ? yield* countObjects(this.#parts.confined, path) : 1)
    if (this.#order.dryRun) return false
    try {
      for (const copied of this.#parts.removal.empty(path)) {
        yield copied
        if (this.#events.isOutdated(path)) return false
      }
      this.#keepingTime(parentPath(path), () => this.#parts.removal.removeEmptied(path))
      return true
    } catch (error) {
      // The commit reports that something in it stays.
      if (!(error instanceof StaysError)) this.noteFailure(path, error)
      return false
    }
  }

  /** Moves away an object that the agent does not have; of a directory in which something stays, the rest. */
  *discard(directory: string, name: Buffer, kind: DiskKind): Walk<void> {
    const path = joinPath(directory, name.toString())
    try {
      for (const removable of yield* this.#parts.removal.removable(directory, name, kind)) {
        if (this.#events.isOutdated(path)) return
        const objects = this.#order.counts ? yield* countObjects(this.#parts.confined, removable.path) : 1
        yield* this.#discardOne(removable, objects)
        yield
      }
    } catch (error) {
      this.noteFailure(path, error)
    }
  }

  /** Gives this process access to a directory if needed. @returns the mode to restore afterwards */
  openUp(path: string): number | null {
    const { confined, creation } = this.#parts
    if (creation.privileged) return null
    const before = this.#lookAt(path)
    const needed = this.#order.dryRun ? OWNER_ACCESS & 0o555 : OWNER_ACCESS
    if (before?.kind !== 'directory' || (before.mode & needed) === needed) return null
    const change = { mode: before.mode | needed, uid: LEAVE, gid: LEAVE, mtime: null }
    try {
      setAttributes(confined.locate(path), 'directory', change)
      return before.mode
    } catch (error) {
      // The directory belongs to another owner: reading it will show what cannot be read.
      this.#throwTrouble(error, path)
      return null
    }
  }

  /** Restores a directory's mode and time. */
  restore(path: string, change: Pick<AttributeChange, 'mode' | 'mtime'>): void {
    try {
      setAttributes(this.#parts.confined.locate(path), 'directory', { ...change, uid: LEAVE, gid: LEAVE })
    } catch (error) {
      // The directory belongs to another owner, or is gone by now.
      this.#throwTrouble(error, path)
    }
  }

  /**
   * Records a problem of one path; an object that went away meanwhile is not a problem. @throws any error that is not a
   * problem of one path
   */
  noteFailure(path: string, error: unknown): void {
    this.#throwTrouble(error, path)
    this.#silent.note(path, error)
    if (!isRace(error)) this.#events.failed(path, error)
  }

  *#discardOne(removable: Removable, objects: number): Walk<void> {
    const { path } = removable
    if (!this.#order.dryRun && this.#order.extraneous === 'trash') {
      try {
        yield* this.#parts.removal.throwAway(removable, (act) => this.#keepingTime(removable.directory, act))
        this.#events.repaired()
      } catch (error) {
        // Another program was faster.
        if (isRace(error)) return
        this.noteFailure(path, error)
      }
    }
    this.#events.found(path, 'extraneous')
    this.#events.leaves(objects)
  }

  #keepingTime(directory: string, act: () => void): void {
    const before = this.#lookAt(directory)
    try {
      act()
    } finally {
      if (before !== null) this.restore(directory, { mode: null, mtime: before.mtime })
    }
  }

  #lookAt(path: string): DiskObject | null {
    try {
      return readObject(this.#parts.confined.locate(path))
    } catch (error) {
      this.#throwTrouble(error, path)
      return null
    }
  }

  /** @throws any error that is not one of the path alone */
  #throwTrouble(error: unknown, path: string): void {
    if (isTroubleOfAll(error, path, this.#parts.untouchable) || !isSystemError(error)) throw error
  }
}
