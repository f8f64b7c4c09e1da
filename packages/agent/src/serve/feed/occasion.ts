/**
 * Something that happens once, or never, while others wait for something else.
 *
 * INVARIANT: who has got the answer is forgotten here. A pending promise would keep a reaction for every race that it
 * took part in, and a session that sees no round for weeks takes part in one with each changeset.
 */
export class Occasion {
  readonly #waiting = new Set<() => void>()
  #hasHappened = false

  happen(): void {
    this.#hasHappened = true
    for (const tell of this.#waiting) tell()
    this.#waiting.clear()
  }

  /** How many wait now. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** @returns the answer; null when this happens before it, or has happened. @throws as the answer does */
  before<Answer>(answer: Promise<Answer>): Promise<Answer | null> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer | null>()
    const tell = () => resolve(null)
    if (this.#hasHappened) tell()
    else this.#waiting.add(tell)
    answer.then(resolve, reject).finally(() => this.#waiting.delete(tell))
    return promise
  }
}
