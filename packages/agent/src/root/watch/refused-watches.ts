/** Directories that are not watched because of the kernel's limits, and the report to the owner about them. */
import { watchLimitReason } from './inotify-limits.ts'
import type { WatcherEvents } from './watcher.ts'

export class RefusedWatches {
  readonly #events: WatcherEvents
  #count = 0
  #reported = 0
  #lastCode: string | null = null
  #isDue = false
  #isClosed = false

  constructor(events: WatcherEvents) {
    this.#events = events
  }

  /** @param code of the latest refusal */
  because(code: string | null): void {
    this.#lastCode = code
  }

  /** A scan that meets the limit meets it for every directory that follows: one report covers them all. */
  now(count: number): void {
    this.#count = count
    if (this.#isDue || count === this.#reported) return
    this.#isDue = true
    setImmediate(() => {
      this.#isDue = false
      if (!this.#isClosed && this.#count !== this.#reported) this.#report()
    })
  }

  close(): void {
    this.#isClosed = true
  }

  #report(): void {
    this.#reported = this.#count
    this.#events.degraded(this.#count === 0 ? null : watchLimitReason(this.#lastCode, this.#count))
  }
}
