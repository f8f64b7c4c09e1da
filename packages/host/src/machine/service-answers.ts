/**
 * What a directory service (LDAP, SSSD) knows of accounts, asked through libc and kept for a minute.
 *
 * An answer may take as long as a server takes, and one that cannot be had is an answer too: nothing is known of the
 * account, and its number is used as it is. INVARIANT: the number of answers that are kept is bounded.
 */
const KEPT_MS = 60_000
const MOST_ANSWERS = 10_000

export class ServiceAnswers<Key, Value> {
  readonly #ask: (key: Key) => Value | null
  readonly #nowMs: () => number
  readonly #answers = new Map<Key, { value: Value | null; untilMs: number }>()

  /** @param ask may throw a system error */
  constructor(ask: (key: Key) => Value | null, nowMs: () => number = () => performance.now()) {
    this.#ask = ask
    this.#nowMs = nowMs
  }

  of(key: Key): Value | null {
    const now = this.#nowMs()
    const known = this.#answers.get(key)
    if (known !== undefined && now < known.untilMs) return known.value
    if (this.#answers.size >= MOST_ANSWERS) this.#answers.clear()
    const value = this.#answer(key)
    this.#answers.set(key, { value, untilMs: now + KEPT_MS })
    return value
  }

  #answer(key: Key): Value | null {
    try {
      return this.#ask(key)
    } catch (error) {
      if (error instanceof Error && 'syscall' in error) return null
      throw error
    }
  }
}
