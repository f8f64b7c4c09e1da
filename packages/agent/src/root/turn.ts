/** Long work on a thread is done in turns: hints, timers and other requests are served between them. */

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ConfinedDirectories } from '@rootferry/host/machine'
import { Refusal } from '@rootferry/host/machine'
import { BOUNDS } from '../bounds.ts'

/** Why unfinished work is not continued. */
export class TurnsEnded extends Refusal {
  override name = 'TurnsEnded'
}

export class Turn {
  readonly #directories: Pick<ConfinedDirectories, 'release'>
  readonly #nowMs: () => number
  #beganMs: number
  #isClosed = false

  /** @param directories whose descriptors do not outlive a turn: a directory may be moved in between */
  constructor(directories: Pick<ConfinedDirectories, 'release'>, nowMs = () => performance.now()) {
    this.#directories = directories
    this.#nowMs = nowMs
    this.#beganMs = nowMs()
  }

  get isOver(): boolean {
    return this.#nowMs() - this.#beganMs >= BOUNDS.turnMs
  }

  /** Resolves when all other work has had a turn. @throws TurnsEnded when there are no more turns */
  async next(): Promise<void> {
    this.#directories.release()
    await nextTurn()
    if (this.#isClosed) throw new TurnsEnded('the root was opened anew')
    this.#beganMs = this.#nowMs()
  }

  /** Work that waits for its next turn ends where it is. */
  close(): void {
    this.#isClosed = true
  }
}
