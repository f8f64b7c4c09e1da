/**
 * Watches whether a root's thread answers: a call into the kernel that does not come back, as on a network filesystem
 * whose server is gone, holds the thread up, and nothing else would say so.
 *
 *   asked ─ answer ─▶ asked again, every 5 s          asked ─ 30 s ─▶ stuck ─ answer ─▶ asked again
 *
 * INVARIANT: at most one question is open. Between two questions nothing is known, so `stuck` comes up to 5 s late.
 */
const ASK_MS = 5_000
const STUCK_MS = 30_000

export interface ThreadWatchParts {
  /** Resolves when the thread has answered; rejects when it was ended, which others tell of. */
  ask(): Promise<unknown>
  nowMs(): number
  /** @param sinceMs when it was asked, on the clock of `nowMs` */
  stuck(sinceMs: number): void
  answers(): void
}

export class ThreadWatch {
  readonly #parts: ThreadWatchParts
  #askedMs: number | null = null
  #isStuck = false
  #timer: NodeJS.Timeout | null = null

  constructor(parts: ThreadWatchParts) {
    this.#parts = parts
  }

  start(): void {
    this.#timer ??= setInterval(() => this.look(), ASK_MS).unref()
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  /** Called now and then. */
  look(): void {
    const nowMs = this.#parts.nowMs()
    if (this.#askedMs === null) return this.#ask(nowMs)
    if (this.#isStuck || nowMs - this.#askedMs < STUCK_MS) return
    this.#isStuck = true
    this.#parts.stuck(this.#askedMs)
  }

  #ask(nowMs: number): void {
    this.#askedMs = nowMs
    const over = () => {
      this.#askedMs = null
      if (this.#isStuck) this.#parts.answers()
      this.#isStuck = false
    }
    this.#parts.ask().then(over, over)
  }
}
