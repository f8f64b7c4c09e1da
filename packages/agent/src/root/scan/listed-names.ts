/**
 * The names in a directory, read in portions: a directory may have more entries than a thread can list in one turn.
 *
 * A directory that fits into one portion is compared with its rows at once; rows of a larger one are looked up by name.
 * INVARIANT: a name that was there for as long as the listing took is in it; others may be.
 */
import { type Dir, opendirSync } from 'node:fs'
import { BOUNDS } from '../../bounds.ts'

export class ListedNames implements Disposable {
  readonly #directory: Dir
  #isComplete = false

  /** @param location see ConfinedDirectories. @throws the system error */
  constructor(location: string) {
    this.#directory = opendirSync(location, { bufferSize: Math.min(BOUNDS.listedNames, 256) })
  }

  /** Whether all names were read. */
  get isComplete(): boolean {
    return this.#isComplete
  }

  /** The next names, in order among themselves. @throws the system error */
  next(): string[] {
    const names: string[] = []
    while (names.length < BOUNDS.listedNames) {
      const entry = this.#directory.readSync()
      if (entry === null) {
        this.#isComplete = true
        break
      }
      names.push(entry.name)
    }
    return names.sort()
  }

  [Symbol.dispose](): void {
    this.#directory.closeSync()
  }
}
