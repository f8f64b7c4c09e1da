/** Long work on a thread is done in turns: hints, timers and other requests are served between them. */
import { setImmediate as nextTurn } from 'node:timers/promises'

/** Long enough to be worth the change, and short beside the time that changes take to settle. */
const TURN_MS = 5

export class Turn {
  #beganMs = performance.now()
  #isClosed = false

  get isOver(): boolean {
    return performance.now() - this.#beganMs >= TURN_MS
  }

  /** Resolves when everybody else has had a turn. @throws RangeError when there are no more turns */
  async next(): Promise<void> {
    await nextTurn()
    if (this.#isClosed) throw new RangeError('the root was opened anew')
    this.#beganMs = performance.now()
  }

  /** Work that is waiting for its next turn ends where it is. */
  close(): void {
    this.#isClosed = true
  }
}
