/**
 * Rolling releases, for the oracle of rounds. Who has had its turn may be ahead of a root that is still held, and stays
 * that when the rolling release is stopped; visitors may not come to it when it is told to change.
 */
export class TurnWatch {
  #isRolling = false
  /** By receiver: how far it was let go. */
  readonly #turned = new Map<string, number>()

  /** An operator has ordered a rolling release of the root, which is held. */
  begins(): void {
    this.#isRolling = true
  }

  /** The root is not held any more. */
  ends(): void {
    this.#isRolling = false
    this.#turned.clear()
  }

  get isRolling(): boolean {
    return this.#isRolling
  }

  /** It is told to change. */
  turn(receiver: string, to: number): void {
    this.#turned.set(receiver, to)
  }

  has(receiver: string, sequence: number): boolean {
    return sequence <= (this.#turned.get(receiver) ?? -1)
  }
}
