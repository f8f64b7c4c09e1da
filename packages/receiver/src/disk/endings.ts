/**
 * The connection that has ended last, while the frames that it had brought are worked off.
 *
 *   ended ─▶ frames ─▶ what is staged is kept ─▶ over
 *      └── the disk is in trouble, the root closes, or the agent broke the protocol: no further frames ──▶ over
 *
 * The next connection tells the agent what is staged, and so waits until this is over.
 */
import type { Session } from './session.ts'

interface Ending {
  session: Session
  /** What is staged of a changeset is kept. */
  keeps: boolean
  /** Its frames still count. */
  isWorking: boolean
  /** Ends the steps that only this connection needs. */
  steps: AbortController
  over: PromiseWithResolvers<void>
}

export class Endings {
  #ending: Ending | null = null
  /** The request that waits. */
  #waiting: (() => void) | null = null

  /** Calls `act` when the last connection is over, unless another connection has come and gone by then. */
  afterwards(act: () => void): void {
    this.#waiting = act
    if (this.#ending === null) return act()
    void this.#ending.over.promise.then(() => {
      if (this.#waiting === act) act()
    })
  }

  /** @param isUseful false: neither its frames nor what is staged is of use */
  begin(session: Session, steps: AbortController, isUseful: boolean): void {
    this.#ending = { session, keeps: true, isWorking: true, steps, over: Promise.withResolvers() }
    if (!isUseful) this.abandon()
    else if (!session.canWorkOff) this.#over()
  }

  /** Nobody waits for a hello any more. */
  forgetWaiting(): void {
    this.#waiting = null
  }

  isWorkingOff(session: Session): boolean {
    return session === this.#ending?.session && this.#ending.isWorking
  }

  /** The last piece of work of that session. */
  async end(session: Session): Promise<void> {
    const ending = this.#ending
    const isLast = session === ending?.session
    await session.end(isLast && ending.keeps)
    if (!isLast || this.#ending !== ending) return
    this.#over()
    this.#ending = null
  }

  /** No further frame of that session counts; what is staged is kept. */
  stop(session: Session | null | undefined = this.#ending?.session): void {
    if (this.#ending !== null && session === this.#ending.session) this.#ending.isWorking = false
  }

  /** Nothing of that session counts any more, and nobody waits for it. */
  abandon(session: Session | null | undefined = this.#ending?.session): void {
    if (this.#ending === null || session !== this.#ending.session) return
    this.#ending.keeps = false
    this.#over()
  }

  #over(): void {
    if (this.#ending === null) return
    this.#ending.isWorking = false
    this.#ending.steps.abort()
    this.#ending.over.resolve()
  }
}
