/**
 * The order of scans: one after the other, and small work overtakes the scan that is running.
 *
 * INVARIANT: no two pieces of work run at once. Overtaking work runs while the running scan waits between two looks
 * (`giveWay`), or before the next scan begins.
 */
import PQueue from 'p-queue'

export class ScanLanes {
  readonly #scans = new PQueue({ concurrency: 1 })
  #overtaking: (() => Promise<void>)[] = []
  #wake: () => void = () => undefined

  /** Whether a scan runs or waits. */
  get isBusy(): boolean {
    return this.#scans.pending + this.#scans.size > 0
  }

  add<Result>(scan: () => Promise<Result>): Promise<Result> {
    return this.#scans.add(scan)
  }

  /** Resolves when the work is done. It must be short, and must not wait for a scan. */
  overtake<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = Promise.withResolvers<Result>()
    this.#overtaking.push(() => work().then(done.resolve, done.reject))
    this.#wake()
    void this.#scans.add(() => this.giveWay(), { priority: 1 })
    return done.promise
  }

  /** For the running scan, between two looks. */
  async giveWay(): Promise<void> {
    for (let work = this.#overtaking.shift(); work !== undefined; work = this.#overtaking.shift()) await work()
  }

  /** The same until something has come about. */
  async giveWayUntil(come: Promise<void>): Promise<void> {
    let isOver = false
    void come.then(() => {
      isOver = true
      this.#wake()
    })
    while (!isOver) {
      const woken = Promise.withResolvers<void>()
      this.#wake = woken.resolve
      if (this.#overtaking.length === 0) await woken.promise
      await this.giveWay()
    }
  }

  /** Resolves when nothing runs or waits. */
  idle(): Promise<void> {
    return this.#scans.onIdle()
  }
}
