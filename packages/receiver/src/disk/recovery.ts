/**
 * The burst that an earlier process had begun: this one finishes it before anything else, as the first work of the queue.
 *
 *   begun ─▶ over within a moment ──▶ the root opens
 *      ├───▶ it takes longer ───────▶ the root opens, so that it tells of itself and can be told to stop, and says no
 *      │                              hello before it is over
 *      └───▶ the disk is in trouble ▶ the root opens and says hello, and the burst is tried again
 */
import { isOperatingError } from './files/disk-errors.ts'
import type { DiskSteps } from './files/disk-retry.ts'

/** A start waits so long for it. */
const MOMENT_MS = 1_000

export interface RecoveryParts {
  /** Puts a piece of work into the queue of the root. */
  push(act: () => Promise<void>): void
  finish(steps: DiskSteps): Promise<void>
  /** Tries a step once. */
  once: DiskSteps
  /** Tries it until it works. */
  again: DiskSteps
  after(ms: number, act: () => void): void
  /** It is over, or the disk is in trouble. */
  over(): void
}

export class Recovery {
  readonly #parts: RecoveryParts
  readonly #over = Promise.withResolvers<void>()
  #isOver = false
  #isAwaited = true
  #waiting: (() => void) | null = null

  constructor(parts: RecoveryParts) {
    this.#parts = parts
    parts.push(() => this.#finish())
  }

  /** Resolves when it is over, and at the latest after a moment. @throws any error but those of a disk in trouble */
  async begun(): Promise<void> {
    const late = Promise.withResolvers<void>()
    this.#parts.after(MOMENT_MS, late.resolve)
    await Promise.race([this.#over.promise, late.promise])
    this.#isAwaited = false
  }

  /** Calls `act` when it is over, or the disk is in trouble, unless `forget` or another call has come by then. */
  afterwards(act: () => void): void {
    if (this.#isOver) return act()
    this.#waiting = act
  }

  forget(): void {
    this.#waiting = null
  }

  async #finish(): Promise<void> {
    const { finish, once, again, push, over } = this.#parts
    try {
      await finish(once)
    } catch (error) {
      if (!isOperatingError(error)) return this.#failed(error)
      push(() => finish(again))
    }
    this.#isOver = true
    this.#over.resolve()
    over()
    this.#waiting?.()
    this.#waiting = null
  }

  /** Whoever waits for the start gets the error, and else the thread. */
  #failed(error: unknown): void {
    if (!this.#isAwaited) throw error
    this.#over.reject(error)
  }
}
