/**
 * Looks now and then whether a stream ends where its only writer has left it: messages of somebody else behind that keep
 * readers from it, and a writer at rest would not find them.
 */
export interface EndWatchParts {
  /** The sequence of the last message in the stream. */
  end(): Promise<number>
  /** Where the writer has left it; null: it writes just now, and finds out by itself. */
  restsAt(): number | null
  moved(): void
}

const LOOK_MS = 3_000

export class EndWatch {
  readonly #parts: EndWatchParts
  readonly #timer: NodeJS.Timeout

  constructor(parts: EndWatchParts) {
    this.#parts = parts
    this.#timer = setInterval(() => void this.look(), LOOK_MS)
  }

  /** Never rejects. */
  async look(): Promise<void> {
    const { end, restsAt, moved } = this.#parts
    const at = restsAt()
    if (at === null) return
    // A server that cannot say it now can be asked again.
    const is = await end().catch(() => at)
    if (is !== at && restsAt() === at) moved()
  }

  close(): void {
    clearInterval(this.#timer)
  }
}
