/**
 * The work of a root's disk thread, strictly in order and one piece after the other.
 *
 * A piece of work belongs to a session or to none; the work of a session that ended is dropped. INVARIANT: two pieces
 * of work never run at the same time.
 */
export interface Work<Owner> {
  /** null: the work is done in any case. */
  owner: Owner | null
  act(): Promise<void> | void
}

export interface WorkQueueEvents<Owner> {
  /** Whether work of that owner still counts. */
  isWanted(owner: Owner): boolean
  /** A piece of work has thrown. An error that this throws again ends the thread. */
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

  /** Resolves when all work that waits now is done. */
  async rest(): Promise<void> {
    if (this.#running !== null) await this.#running
  }

  #run(): void {
    this.#running ??= this.#workOff().then(() => {
      this.#running = null
      // Work that was queued while the last piece ended.
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
