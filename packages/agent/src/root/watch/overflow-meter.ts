/**
 * Tells when the kernel has probably dropped watch events.
 *
 * inotify announces a full queue with IN_Q_OVERFLOW, but libuv swallows that. The number of events that one turn of the
 * event loop delivered can be seen: the queue is drained in one go, so a number near its size means that it was full
 * when the turn began. Half of the size is the mark, because libuv drops some events and the kernel merges others.
 */
export class OverflowMeter {
  readonly #mark: number
  readonly #overflow: (reason: string) => void
  #events = 0
  #armed = false

  /** @param queueLimit events that the kernel's queue holds */
  constructor(queueLimit: number, overflow: (reason: string) => void) {
    this.#mark = Math.max(1, Math.ceil(queueLimit / 2))
    this.#overflow = overflow
  }

  /** One raw event was delivered. Calls back at the event that reaches the mark, so once per turn. */
  count(): void {
    this.#events += 1
    if (!this.#armed) {
      this.#armed = true
      setImmediate(this.#nextTurn)
    }
    if (this.#events === this.#mark) {
      this.#overflow(`${this.#mark} watch events at once: the kernel's queue was probably full and dropped some`)
    }
  }

  readonly #nextTurn = (): void => {
    this.#events = 0
    this.#armed = false
  }
}
