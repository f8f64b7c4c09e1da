/** Notices when a thread rests after bulk work, and has its garbage collected then. */
import { collectGarbage } from '@rootferry/host/machine'

/** Work that leaves enough garbage behind to be worth a collection, and the rest it waits for. */
const BULK_BYTES = 2 * 1024 * 1024
const REST_MS = 2_000

export class IdleCollector {
  #bytes = 0
  #timer: NodeJS.Timeout | null = null

  worked(bytes: number): void {
    this.#bytes += bytes
    if (this.#timer !== null) this.#timer.refresh()
    else if (this.#bytes > BULK_BYTES) this.#timer = setTimeout(() => this.#collect(), REST_MS).unref()
  }

  #collect(): void {
    this.#bytes = 0
    this.#timer = null
    collectGarbage()
  }
}
