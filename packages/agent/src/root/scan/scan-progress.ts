/** Since when a scan is in progress, and when the oldest hint came that waits or is being looked at: by the wall clock. */
import type { RootStatus } from '../../root-messages.ts'
import { RecordingPace } from './recording-pace.ts'

export class ScanProgress {
  readonly #begins: () => void
  readonly pace = new RecordingPace()
  /** How long the last scan took. */
  lastMs = 0
  #firstHintMs: number | null = null
  #scan: { sinceMs: number; seenMs: number } | null = null

  /** @param begins called when a scan begins */
  constructor(begins: () => void) {
    this.#begins = begins
  }

  hinted(): void {
    this.#firstHintMs ??= Date.now()
  }

  /** When the oldest of the hints came that are followed now. */
  takeSeenMs(): number {
    const seenMs = this.#firstHintMs ?? Date.now()
    this.#firstHintMs = null
    return seenMs
  }

  async during<Result>(seenMs: number, scan: () => Promise<Result>): Promise<Result> {
    this.#scan = { sinceMs: Date.now(), seenMs }
    this.#begins()
    try {
      return await scan()
    } finally {
      this.#scan = null
    }
  }

  get status(): Pick<RootStatus, 'scanningSinceMs' | 'oldestHintMs'> {
    const times = [this.#scan?.seenMs, this.#firstHintMs].filter((time) => typeof time === 'number')
    return {
      scanningSinceMs: this.#scan?.sinceMs ?? null,
      oldestHintMs: times.length === 0 ? null : Math.min(...times),
    }
  }
}
