/** Waits until receivers have reached a sequence, or time is over. Looks whenever a receiver's state may have changed. */
export class Arrivals {
  readonly #looks = new Set<() => void>()

  /** A receiver has committed, or its connection has come or gone. */
  changed(): void {
    for (const look of this.#looks) look()
  }

  /** Resolves when `isOver` says so, after `mostMs` at the latest. */
  async wait(isOver: () => boolean, mostMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = () => {
      if (isOver()) resolve()
    }
    this.#looks.add(look)
    const timer = setTimeout(resolve, mostMs)
    look()
    await promise
    clearTimeout(timer)
    this.#looks.delete(look)
  }
}
