/**
 * The only way to remove objects that others made: it asks first whether anything inside must stay.
 *
 * Objects that the agent never knew go to the trash, and objects that must stay are left. All walks are iterative and
 * give way.
 *
 * INVARIANT: only empty directories are removed, and only objects with nothing inside that stays are moved away. An
 * object across a border is never moved away.
 *
 * SAFETY: never led through a symlink, because every name is reached through a confined descriptor. A name that is not
 * valid UTF-8 is handled as well: it travels as bytes.
 */
import { Buffer } from 'node:buffer'
import { closeSync, constants, openSync, rmdirSync } from 'node:fs'
import { ConfinedDirectories, type DiskKind, errorCode } from '@rootferry/host/machine'
import { joinPath, parentPath, ROOT_PATH } from '@rootferry/protocol'
import { listInTurns } from '../files/list-in-turns.ts'
import type { Untouchable } from '../files/untouchable.ts'
import type { Walk } from '../files/walk.ts'
import type { Taking } from './move.ts'
import type { Trash } from './trash.ts'

/** How many directories with names that are not valid UTF-8, one inside the other, a walk looks into. */
const MOST_UNSPEAKABLE = 16
/** Linux's O_PATH, which Node does not list. */
const DIRECTORY_FLAGS = 0o10000000 | constants.O_DIRECTORY | constants.O_NOFOLLOW

/** A protected or excluded object, or another filesystem, is inside a directory that would have to go. */
export class StaysError extends Error {
  override name = 'StaysError'
}

/** An object that may be moved away with everything in it. Only `removable` makes one. */
export interface Removable {
  /** For people: bytes that are not valid UTF-8 are replaced. */
  readonly path: string
  readonly directory: string
  readonly name: Buffer
}

interface Child extends Removable {
  isDirectory: boolean
  stays: boolean
}

export interface RemovalParts {
  confined: ConfinedDirectories
  trash: Pick<Trash, 'throwAway'>
  untouchable: Untouchable
}

export class Removal {
  readonly #parts: RemovalParts

  constructor(parts: RemovalParts) {
    this.#parts = parts
  }

  /** Whether the object itself must not be removed, whatever is in it. */
  stays(path: string, kind: DiskKind): boolean {
    const { untouchable } = this.#parts
    return untouchable.stays(path, kind) || untouchable.isAcrossBorder(path)
  }

  /** Removes a directory; when something in it stays, the directory stays too. @throws the system error */
  *removeDirectory(path: string): Walk<void> {
    if (this.#parts.untouchable.stays(path, 'directory') || this.#removeEmpty(path)) return
    const holding = yield* this.#holding(path)
    yield* this.#clear(path, holding)
    if (holding.size === 0) this.#removeEmpty(path)
  }

  /** Removes a directory that is in the way. @throws StaysError, and then nothing was moved; the system error */
  *vacate(path: string): Walk<void> {
    yield* this.empty(path)
    this.removeEmptied(path)
  }

  /** Moves away everything in a directory. @throws StaysError, and then nothing was moved; the system error */
  *empty(path: string): Walk<void> {
    const holding = yield* this.#holding(path)
    if (holding.size > 0 || this.#parts.untouchable.stays(path, 'directory')) {
      throw new StaysError('something protected or excluded, or another filesystem, is inside')
    }
    yield* this.#clear(path, holding)
  }

  /**
   * Removes a directory that `empty` has emptied. @throws ENOTEMPTY when something was created in it since; the system
   * error
   */
  removeEmptied(path: string): void {
    const { confined } = this.#parts
    confined.forget(path)
    rmdirSync(confined.locate(path))
  }

  /**
   * The part of an object that may be moved away: the object itself, or, when something in it stays, the rest, topmost
   * first.
   * @throws the system error
   */
  *removable(directory: string, name: Buffer, kind: DiskKind): Walk<Removable[]> {
    const path = joinPath(directory, name.toString())
    const top: Removable = { path, directory, name }
    if (this.stays(path, kind)) return []
    const holding = kind === 'directory' ? yield* this.#holdingIn(top) : new Set<string>()
    if (holding.size === 0) return [top]
    const found: Removable[] = []
    if (!isSpeakable(name)) return found
    for (const child of this.#topmost(path, holding)) {
      if (child !== null) found.push(child)
      yield
    }
    return found
  }

  /**
   * Moves an object that `removable` has named to the trash. @param taking wraps the call by which it is gone from its
   * place. @throws the system error
   */
  *throwAway({ path, directory, name }: Removable, taking?: Taking): Walk<void> {
    const { confined, trash } = this.#parts
    const location = () => Buffer.concat([Buffer.from(`${confined.locateDirectory(directory)}/`), name])
    yield* trash.throwAway(location, path, taking)
    confined.forget(path)
  }

  /** @returns false when it is not empty */
  #removeEmpty(path: string): boolean {
    try {
      this.removeEmptied(path)
      return true
    } catch (error) {
      if (errorCode(error) === 'ENOTEMPTY' || errorCode(error) === 'EEXIST') return false
      throw error
    }
  }

  *#clear(path: string, holding: ReadonlySet<string>): Walk<void> {
    for (const child of this.#topmost(path, holding)) {
      if (child !== null) yield* this.throwAway(child)
      yield
    }
  }

  /**
   * The objects that are not in the way of anything that stays, topmost first; null, where there is none, to give way.
   */
  *#topmost(top: string, holding: ReadonlySet<string>): Generator<Child | null, void, void> {
    const waiting = [top]
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      for (const child of this.#children(this.#parts.confined, path, path)) {
        if (child === null || child.stays) yield null
        else if (!holding.has(child.path)) yield child
        else if (isSpeakable(child.name)) waiting.push(child.path)
      }
    }
  }

  /** The directory, and the directories below it, in which something stays. */
  #holding(path: string): Walk<ReadonlySet<string>> {
    const name = Buffer.from(path === ROOT_PATH ? '.' : path.slice(path.lastIndexOf('/') + 1))
    return this.#holdingIn({ path, directory: parentPath(path), name })
  }

  *#holdingIn(top: Removable): Walk<ReadonlySet<string>> {
    const holding = new Set<string>()
    using ways = new Ways(this.#parts.confined, top)
    for (let place = ways.next(); place !== null; place = ways.next()) {
      for (const child of this.#children(place.confined, place.at, place.path)) {
        yield
        if (child === null) continue
        const isLeft = child.stays || (child.isDirectory && !ways.enter(place, child))
        for (let at = place.path; isLeft && !holding.has(at); at = parentPath(at)) {
          holding.add(at)
          if (at === top.path) break
        }
      }
    }
    return holding
  }

  /** Null, where there is none, to give way. @param at its place below `confined`. @param path its name below the root */
  *#children(confined: ConfinedDirectories, at: string, path: string): Generator<Child | null, void, void> {
    const listing = listInTurns(confined.locateDirectory(at))
    let listed = listing.next()
    for (; listed.done !== true; listed = listing.next()) yield null
    for (const { name, kind } of listed.value) {
      const below = joinPath(path, name.toString())
      const stays = this.stays(below, kind)
      yield { path: below, directory: path, name, isDirectory: kind === 'directory', stays }
    }
  }
}

interface Place {
  confined: ConfinedDirectories
  at: string
  path: string
  /** How many names on the way here are not valid UTF-8. */
  unspeakable: number
}

/** Directories that a walk has yet to look into, the last found first. */
class Ways implements Disposable {
  readonly #waiting: { from: Place; child: Removable }[] = []
  /**
   * Directories with names that are not valid UTF-8, one inside the other, and how many waited when each was opened.
   */
  readonly #opened: { confined: ConfinedDirectories; waiting: number }[] = []

  constructor(confined: ConfinedDirectories, top: Removable) {
    const { directory } = top
    this.enter({ confined, at: directory, path: directory, unspeakable: 0 }, top)
  }

  /** @returns false when the walk will not look into it */
  enter(from: Place, child: Removable): boolean {
    if (from.unspeakable >= MOST_UNSPEAKABLE && !isSpeakable(child.name)) return false
    this.#waiting.push({ from, child })
    return true
  }

  next(): Place | null {
    for (let last = this.#opened.at(-1); last !== undefined; last = this.#opened.at(-1)) {
      if (this.#waiting.length > last.waiting) break
      last.confined[Symbol.dispose]()
      this.#opened.pop()
    }
    const next = this.#waiting.pop()
    if (next === undefined) return null
    const { from, child } = next
    const { path, name } = child
    if (isSpeakable(name)) return { ...from, at: joinPath(from.at, name.toString()), path }
    const confined = openUnspeakable(from, name)
    this.#opened.push({ confined, waiting: this.#waiting.length })
    return { confined, at: ROOT_PATH, path, unspeakable: from.unspeakable + 1 }
  }

  [Symbol.dispose](): void {
    for (const { confined } of this.#opened) confined[Symbol.dispose]()
  }
}

function openUnspeakable({ confined, at }: Place, name: Buffer): ConfinedDirectories {
  const parent = Buffer.from(`${confined.locateDirectory(at)}/`)
  const descriptor = openSync(Buffer.concat([parent, name]), DIRECTORY_FLAGS)
  try {
    return new ConfinedDirectories(`/proc/self/fd/${descriptor}/.`, 'refused')
  } finally {
    closeSync(descriptor)
  }
}

function isSpeakable(name: Buffer): boolean {
  return Buffer.from(name.toString()).equals(name)
}
