/** Timers that belong to the root: none keeps the process alive, and none fires after the root was closed. */
export class Timers {
  readonly #waiting = new Set<NodeJS.Timeout>()

  after(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#waiting.delete(timer)
      act()
    }, ms)
    timer.unref()
    this.#waiting.add(timer)
  }

  every(ms: number, act: () => void): void {
    this.after(ms, () => {
      act()
      this.every(ms, act)
    })
  }

  clear(): void {
    for (const timer of this.#waiting) clearTimeout(timer)
    this.#waiting.clear()
  }
}
