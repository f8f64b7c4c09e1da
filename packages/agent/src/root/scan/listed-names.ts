/**
 * The names in a directory, read in portions: a directory may have more entries than a thread can list in one turn.
 *
 * A directory that fits into one portion is compared with its rows at once; rows of a larger one are looked up by name.
 * INVARIANT: a name that was there for as long as the listing took is in it; others may be.
 */
import { Buffer } from 'node:buffer'
import type { DirectoryEntry } from '@rootferry/host/machine'
import { BOUNDS } from '../../bounds.ts'

export class ListedNames implements Disposable {
  readonly #portions: Generator<DirectoryEntry[], void>
  /** Names that were read and not given yet. */
  #ahead: string[] = []

  /** @throws the system error */
  constructor(portions: Generator<DirectoryEntry[], void>) {
    this.#portions = portions
    this.#readAhead()
  }

  /** Whether all names were given. */
  get isComplete(): boolean {
    return this.#ahead.length === 0
  }

  /** The next names, in order among themselves: at most BOUNDS.listedNames. @throws the system error */
  next(): string[] {
    const names = this.#ahead.splice(0, BOUNDS.listedNames)
    this.#readAhead()
    return names.sort()
  }

  [Symbol.dispose](): void {
    this.#portions.return()
  }

  #readAhead(): void {
    while (this.#ahead.length < BOUNDS.listedNames) {
      const { value: portion } = this.#portions.next()
      if (portion === undefined) return
      // A name that is not UTF-8 is none that a path can have: its replacement characters tell.
      for (const { name } of portion) this.#ahead.push(typeof name === 'string' ? name : Buffer.from(name).toString())
    }
  }
}
