/**
 * Deletes directories however large, deep and locked they are, and gives way.
 *
 *   doomed-1/a/b/c  ─▶  doomed-1, doomed-2 (was a), …  ─▶  each emptied of its files, and removed
 *
 * A directory inside another is moved up next to its parent before its turn comes: nothing nests, no path becomes long,
 * and directories that a killed process left are found by their names. SAFETY: the place is private; only the last
 * component of a path may belong to others, and no call here follows it.
 */
import { Buffer } from 'node:buffer'
import { chmodSync, lstatSync, readdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs'
import { errorCode } from '@rootferry/host/machine'
import { isSystemError } from '../files/disk-errors.ts'
import type { Walk } from '../files/walk.ts'

const PREFIX = '.doomed-'

export class Demolition {
  readonly #directory: () => string
  #names = 0
  readonly #doomed: string[] = []

  /**
   * @param directory absolute path of a private place that holds the objects to be deleted; valid until the next yield
   */
  constructor(directory: () => string) {
    this.#directory = directory
  }

  /** Whether a name in the place was given by `doom`. */
  static isDoomed(name: string): boolean {
    return name.startsWith(PREFIX)
  }

  /** Takes over an object that an earlier process had doomed. */
  takeOver(name: string): void {
    this.#doomed.push(name)
    this.#names = Math.max(this.#names, Number(name.slice(PREFIX.length)) || 0)
  }

  /** From now on the object with this name in the place will be deleted. @throws the system error */
  doom(name: string): void {
    this.#names += 1
    const doomed = `${PREFIX}${this.#names}`
    renameSync(`${this.#directory()}/${name}`, `${this.#directory()}/${doomed}`)
    this.#doomed.push(doomed)
  }

  /**
   * Deletes the doomed objects.
   * @returns those that could not be deleted, which are tried again the next time: none holds up another
   */
  *run(): Walk<{ name: string; error: unknown }[]> {
    const withstood: { name: string; error: unknown }[] = []
    const again: string[] = []
    let name = this.#doomed.pop()
    try {
      for (; name !== undefined; name = this.#doomed.pop()) {
        try {
          yield* this.#demolish(name)
        } catch (error) {
          if (!isSystemError(error)) throw error
          withstood.push({ name, error })
          again.push(name)
        }
      }
    } finally {
      this.#doomed.push(...again, ...(name === undefined ? [] : [name]))
    }
    return withstood
  }

  *#demolish(name: string): Walk<void> {
    const isDirectory = lstatSync(`${this.#directory()}/${name}`, { throwIfNoEntry: false })?.isDirectory()
    if (isDirectory === undefined) return
    if (!isDirectory) return unlinkSync(`${this.#directory()}/${name}`)
    for (const child of this.#children(name)) {
      this.#demolishIn(name, child.name, child.isDirectory())
      yield
    }
    rmdirSync(`${this.#directory()}/${name}`)
  }

  #children(name: string) {
    const list = () => readdirSync(`${this.#directory()}/${name}`, { encoding: 'buffer', withFileTypes: true })
    return this.#unlocking(name, list)
  }

  #demolishIn(name: string, child: Buffer, isDirectory: boolean): void {
    const location = () => Buffer.concat([Buffer.from(`${this.#directory()}/${name}/`), child])
    if (!isDirectory) return this.#unlocking(name, () => unlinkSync(location()))
    this.#names += 1
    const doomed = `${PREFIX}${this.#names}`
    const move = () => renameSync(location(), `${this.#directory()}/${doomed}`)
    this.#unlocking(name, () => unlocking(location(), move))
    this.#doomed.push(doomed)
  }

  #unlocking<Result>(name: string, act: () => Result): Result {
    return unlocking(Buffer.from(`${this.#directory()}/${name}`), act)
  }
}

/** Opens a directory first that is closed to its own owner. */
function unlocking<Result>(directory: Buffer, act: () => Result): Result {
  try {
    return act()
  } catch (error) {
    if (errorCode(error) !== 'EACCES') throw error
    if (lstatSync(directory).isDirectory()) chmodSync(directory, 0o700)
    return act()
  }
}
