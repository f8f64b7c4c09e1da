/**
 * What an operator has accepted of a first join: a file in the state directory, because the join may be interrupted by a
 * lost connection or a restart, and must not ask again.
 *
 * INVARIANT: it counts for the directory that it was given for, and for one join only.
 */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode, writeDurably } from '@rootferry/host/machine'

const MODE = 0o600

export class Acceptance {
  readonly #file: string
  readonly #identity: string

  /** @param identity of the target's directory */
  constructor(stateDir: string, identity: string) {
    this.#file = join(stateDir, 'accepted')
    this.#identity = identity
  }

  /** @throws the system error */
  get isGiven(): boolean {
    try {
      return readFileSync(this.#file, 'utf8') === this.#identity
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false
      throw error
    }
  }

  /** @throws the system error */
  give(): void {
    writeDurably(this.#file, this.#identity, MODE)
  }

  /** The join is over. @throws the system error */
  settle(): void {
    rmSync(this.#file, { force: true })
  }
}
