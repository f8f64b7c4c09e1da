/** For how long a reader stays with the agent before it tries the log again that it could not follow. */

/** Why a log is not read. */
export type Unread = 'gap' | 'forged' | 'failed'

export const DISTRUST_MS = 10_000

export class StayWithAgent {
  #gapMs = 0

  /** Behind a gap it is tried at once, but not again and again. */
  after(kind: Unread): number {
    const stayMs = kind === 'gap' ? this.#gapMs : DISTRUST_MS
    if (kind === 'gap') this.#gapMs = DISTRUST_MS
    return stayMs
  }

  /** The log has led somewhere. */
  led(): void {
    this.#gapMs = 0
  }
}
