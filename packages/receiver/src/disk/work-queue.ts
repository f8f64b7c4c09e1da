/**
 * What a root's disk thread has to do, strictly in order and one after the other.
 *
 * Work belongs to a session or to nobody: what belongs to one that ended is dropped. INVARIANT: two pieces of work are
 * never under way at the same time.
 */
export interface Work<Owner> {
  /** null: it is done in any case. */
  owner: Owner | null
  act(): Promise<void> | void
}

export interface WorkQueueEvents<Owner> {
  /** Whether work of that owner still counts. */
  isWanted(owner: Owner): boolean
  /** Work has thrown. What this throws again ends the thread. */
  failed(error: unknown, owner: Owner | null): void
  /** A piece of work is over. */
  done(): void
}

export class WorkQueue<Owner> {
  readonly #events: WorkQueueEvents<Owner>
  #waiting: Work<Owner>[] = []
  #running: Promise<void> | null = null

  constructor(events: WorkQueueEvents<Owner>) {
    this.#events = events
  }

  push(owner: Owner | null, act: Work<Owner>['act']): void {
    this.#waiting.push({ owner, act })
    this.#run()
  }

  drop(owner: Owner): void {
    this.#waiting = this.#waiting.filter((work) => work.owner !== owner)
  }

  /** Resolves when all is done that waits at present. */
  async rest(): Promise<void> {
    if (this.#running !== null) await this.#running
  }

  #run(): void {
    this.#running ??= this.#workOff().then(() => {
      this.#running = null
      // What was queued while the last work ended.
      if (this.#waiting.length > 0) this.#run()
    })
  }

  async #workOff(): Promise<void> {
    for (let work = this.#waiting.shift(); work !== undefined; work = this.#waiting.shift()) {
      const { owner, act } = work
      try {
        if (owner === null || this.#events.isWanted(owner)) await act()
      } catch (error) {
        this.#events.failed(error, owner)
      }
      this.#events.done()
    }
  }
}
