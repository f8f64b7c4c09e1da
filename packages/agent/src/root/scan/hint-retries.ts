/**
 * Looks that are due later: at files whose bytes could not be read, and at whatever was in the way of trouble that
 * passes by itself. Hints are raised again by time, later each time, by the clock that nobody sets.
 */
import { backoffMs } from '@rootferry/host/machine'
import { ROOT_PATH } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { Timers } from '../timers.ts'
import type { Hint } from '../watch/watcher.ts'
import type { ReadFault } from './content-reader.ts'
import type { PathProblems } from './path-problems.ts'
import { FORGET_MS, LOOKS, Retries } from './retries.ts'

export interface HintRetriesParts {
  timers: Timers
  problems: PathProblems
  hint(hint: Hint): void
}

export class HintRetries {
  readonly #parts: HintRetriesParts
  readonly #retries = new Retries()
  readonly #troubled = new Map<string, Hint>()
  #attempts = 0
  #lastMs = Number.NEGATIVE_INFINITY

  constructor(parts: HintRetriesParts) {
    this.#parts = parts
  }

  retry(path: string, fault: ReadFault['fault'], message: string): void {
    const { problems, timers, hint } = this.#parts
    const delayMs = this.#retries.delayAfter(path, fault, performance.now())
    if (delayMs === null) problems.found({ path, code: 'unreadable', message })
    else if (delayMs === 0) hint({ path, extent: 'entry' })
    else timers.after(`retry ${path}`, delayMs, () => hint({ path, extent: 'entry' }))
  }

  /** Trouble that is not of these paths was in the way. */
  troubled(hints: readonly Hint[]): void {
    const { timers } = this.#parts
    for (const hint of hints)
      if (this.#troubled.get(hint.path)?.extent !== 'subtree') this.#troubled.set(hint.path, hint)
    if (this.#troubled.size > BOUNDS.waitingHints) {
      this.#troubled.clear()
      this.#troubled.set(ROOT_PATH, { path: ROOT_PATH, extent: 'subtree' })
    }
    if (this.#troubled.size === 0 || timers.has('troubled')) return
    const nowMs = performance.now()
    this.#attempts = nowMs - this.#lastMs > FORGET_MS ? 0 : this.#attempts + 1
    this.#lastMs = nowMs
    timers.after('troubled', backoffMs(this.#attempts, LOOKS), () => {
      const due = [...this.#troubled.values()]
      this.#troubled.clear()
      for (const hint of due) this.#parts.hint(hint)
    })
  }
}
