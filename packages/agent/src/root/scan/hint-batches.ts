/** Hints until they have settled: a batch is handed on when its time has come, and saves beside many hints before it. */
import type { WatchSettings } from '../../root-messages.ts'
import type { Timers } from '../timers.ts'
import type { Hint } from '../watch/watcher.ts'
import { Coalescer } from './coalesce.ts'

/** @param isEarly hints that came before these still wait */
type Follow = (batch: Hint[], isEarly: boolean) => void

export class HintBatches {
  readonly #timers: Timers
  readonly #follow: Follow
  #coalescer: Coalescer

  constructor(settings: WatchSettings, timers: Timers, follow: Follow) {
    this.#coalescer = new Coalescer(settings)
    this.#timers = timers
    this.#follow = follow
  }

  /** Waiting hints are dropped. */
  configure(settings: WatchSettings): void {
    this.#coalescer = new Coalescer(settings)
  }

  /** Whether a hint waits at the path, or at a directory above it. */
  covers(path: string): boolean {
    return this.#coalescer.covers(path)
  }

  /** The paths at which hints wait. */
  get paths(): Iterable<string> {
    return this.#coalescer.paths
  }

  add(hint: Hint): void {
    // Not the wall clock: a step back would make hints wait for as long.
    const now = performance.now()
    this.#coalescer.collect(hint, now)
    if (!this.#timers.has('batch')) this.#await(now)
  }

  #await(nowMs: number): void {
    const dueAt = this.#coalescer.dueAt()
    if (dueAt === null) return
    const nextAt = Math.min(dueAt, this.#coalescer.earlyAt(nowMs) ?? dueAt)
    this.#timers.after('batch', nextAt - nowMs, () => this.#due())
  }

  #due(): void {
    const now = performance.now()
    const batch = this.#coalescer.takeBatch(now)
    const early = batch.length > 0 ? [] : this.#coalescer.takeEarly(now)
    if (batch.length > 0) this.#follow(batch, false)
    else if (early.length > 0) this.#follow(early, true)
    this.#await(now)
  }
}
