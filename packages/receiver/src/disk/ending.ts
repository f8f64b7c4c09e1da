/**
 * A connection that has ended, while the frames that it had brought are worked off.
 *
 *   ended ─▶ frames ─▶ what is staged is kept ─▶ over
 *      └── the disk is in trouble, the root closes, or the agent broke the protocol: no further frames ──▶ over
 *
 * The next connection tells the agent what is staged, and so waits until this is over.
 */
import type { Session } from './session.ts'

export class Ending {
  readonly session: Session
  /** What is staged of a changeset is kept. */
  keeps: boolean
  readonly #steps: AbortController
  readonly #over = Promise.withResolvers<void>()
  #isWorking = true

  /** @param steps ends the steps that only this connection needs */
  constructor(session: Session, keeps: boolean, steps: AbortController) {
    this.session = session
    this.keeps = keeps
    this.#steps = steps
  }

  /** Whether its frames still count. */
  get isWorking(): boolean {
    return this.#isWorking
  }

  /** Nobody waits for it from now on. */
  get over(): Promise<void> {
    return this.#over.promise
  }

  /** Its frames do not count any more; what is staged is still kept. */
  stop(): void {
    this.#isWorking = false
  }

  /** Nothing of it counts any more. */
  abandon(): void {
    this.keeps = false
    this.end()
  }

  end(): void {
    this.stop()
    this.#steps.abort()
    this.#over.resolve()
  }
}
