/**
 * How fast one way out is used: whoever sends waits while too much is under way, and rests when a limit asks for it.
 *
 * INVARIANT: after `end` nobody waits any more.
 */
import { BOUNDS } from '../../bounds.ts'

export class SendPace {
  #isOver = false
  #wake = Promise.withResolvers<void>()

  get isOver(): boolean {
    return this.#isOver
  }

  /** Resolves at the next `wakeUp`, or at the end. */
  sleep(): Promise<void> {
    return this.#wake.promise
  }

  wakeUp(): void {
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
  }

  end(): void {
    this.#isOver = true
    this.wakeUp()
  }

  /** Resolves when more may be sent. @param underWay asked again after every `wakeUp`, bytes */
  async keep(underWay: () => number, restMs: number): Promise<void> {
    while (underWay() > BOUNDS.bufferedBytes && !this.#isOver) await this.sleep()
    if (restMs > 0 && !this.#isOver) await this.#rest(restMs)
  }

  async #rest(restMs: number): Promise<void> {
    let isRested = false
    const timer = setTimeout(() => {
      isRested = true
      this.wakeUp()
    }, restMs)
    while (!isRested && !this.#isOver) await this.sleep()
    clearTimeout(timer)
  }
}
