/** Hints until they have settled: a batch is handed on when its time has come. */
import type { WatchSettings } from '../../root-messages.ts'
import type { Timers } from '../timers.ts'
import type { Hint } from '../watch/watcher.ts'
import { Coalescer } from './coalesce.ts'

export class HintBatches {
  readonly #timers: Timers
  readonly #follow: (batch: Hint[]) => void
  #coalescer: Coalescer

  constructor(settings: WatchSettings, timers: Timers, follow: (batch: Hint[]) => void) {
    this.#coalescer = new Coalescer(settings)
    this.#timers = timers
    this.#follow = follow
  }

  /** Waiting hints are dropped. */
  configure(settings: WatchSettings): void {
    this.#coalescer = new Coalescer(settings)
  }

  add(hint: Hint): void {
    // Not the wall clock: a step back would make hints wait for as long.
    const now = performance.now()
    this.#coalescer.collect(hint, now)
    if (!this.#timers.has('batch')) this.#await(now)
  }

  #await(nowMs: number): void {
    const dueAt = this.#coalescer.dueAt()
    if (dueAt !== null) this.#timers.after('batch', dueAt - nowMs, () => this.#due())
  }

  #due(): void {
    const now = performance.now()
    const batch = this.#coalescer.takeBatch(now)
    if (batch.length > 0) this.#follow(batch)
    this.#await(now)
  }
}
