/**
 * Notices when a thread rests after bulk work, and has its garbage collected then: V8 itself collects when a thread
 * allocates, and a thread that rests allocates nothing.
 */
import { collectGarbage } from './collect-garbage.ts'

/** Work that leaves enough garbage behind to be worth a collection. */
const BULK_BYTES = 2 * 1024 * 1024
const REST_MS = 2_000

export class IdleCollector {
  readonly #resting: () => void
  #bytes = 0
  #timer: NodeJS.Timeout | null = null

  /** @param resting called when the thread rests, before the collection: the last chance to free memory */
  constructor(resting: () => void = nothing) {
    this.#resting = resting
  }

  /** Counts work of the thread, in the bytes that it handled. */
  worked(bytes: number): void {
    this.#bytes += bytes
    if (this.#timer !== null) this.#timer.refresh()
    else if (this.#bytes > BULK_BYTES) this.collectSoon()
  }

  /** Collects at the next rest, whatever the amount of work was. */
  collectSoon(): void {
    this.#timer ??= setTimeout(() => this.#collect(), REST_MS).unref()
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #collect(): void {
    this.#bytes = 0
    this.#timer = null
    this.#resting()
    collectGarbage()
  }
}

function nothing(): void {
  return
}
