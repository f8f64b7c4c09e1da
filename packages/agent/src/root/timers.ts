/** Timers by name, one of each name at a time: a new timer replaces the old one, and none fires after the end. */
export class Timers {
  readonly #running = new Map<string, NodeJS.Timeout>()
  #isClosed = false

  has(name: string): boolean {
    return this.#running.has(name)
  }

  after(name: string, delayMs: number, work: () => void): void {
    clearTimeout(this.#running.get(name))
    if (this.#isClosed) return
    const fire = () => {
      this.#running.delete(name)
      work()
    }
    this.#running.set(name, setTimeout(fire, Math.max(delayMs, 0)))
  }

  every(name: string, periodMs: number, work: () => void): void {
    this.after(name, periodMs, () => {
      work()
      this.every(name, periodMs, work)
    })
  }

  close(): void {
    this.#isClosed = true
    for (const timer of this.#running.values()) clearTimeout(timer)
    this.#running.clear()
  }
}
