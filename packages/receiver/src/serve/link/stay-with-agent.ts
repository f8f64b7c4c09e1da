/** For how long a reader stays with the agent before it tries the log again that it could not follow. */
export const DISTRUST_MS = 10_000

export class StayWithAgent {
  #gapMs = 0

  /** @param kind why the log was left: behind a gap it is tried at once, but not again and again */
  after(kind: 'gap' | 'forged' | 'failed'): number {
    const stayMs = kind === 'gap' ? this.#gapMs : DISTRUST_MS
    if (kind === 'gap') this.#gapMs = DISTRUST_MS
    return stayMs
  }

  /** The log has led somewhere. */
  led(): void {
    this.#gapMs = 0
  }
}
