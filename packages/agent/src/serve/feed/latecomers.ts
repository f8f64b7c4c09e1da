/**
 * Receivers that did not have a change when hooks were told of it, and when they have caught up with that. Pure.
 *
 *   away, late or failing while hooks are told ─ here with less than that ─▶ awaited ─ has it ─▶ told again from there
 *
 * A cache that was filled from such a receiver may hold what it served until then.
 */
export class Latecomers {
  /** By receiver: what it had, and what it has when it has caught up. */
  readonly #awaited = new Map<string, { since: number; until: number }>()

  /** It is here with `committed`, and hooks were told of changes up to `told`. */
  noted(receiver: string, committed: number, told: number): void {
    if (committed >= told) return
    const since = Math.min(committed, this.#awaited.get(receiver)?.since ?? committed)
    this.#awaited.set(receiver, { since, until: told })
  }

  /** @returns the sequence after which hooks are told again; null: there is nothing to tell */
  confirmed(receiver: string, committed: number): number | null {
    const awaited = this.#awaited.get(receiver)
    if (awaited === undefined || committed < awaited.until) return null
    this.#awaited.delete(receiver)
    return awaited.since
  }

  forget(receiver: string): void {
    this.#awaited.delete(receiver)
  }

  /** Hooks will be told again of everything after this; Infinity: nobody is awaited. */
  get floor(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...[...this.#awaited.values()].map(({ since }) => since))
  }
}
