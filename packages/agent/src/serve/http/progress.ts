/**
 * How far the receivers of each root are, once a second as one event a root: only what has changed since the last one.
 * With a thousand receivers this is less than an event for each of their commits.
 *
 * Nobody catches up on it: a listener that comes back asks for the status. Times are arguments.
 */

import { type History, INTERVAL_SECONDS } from '../history.ts'
import type { ReceiverStatus, RootAnswer } from '../schemas/status.ts'
import type { EventLog } from './event-log.ts'

export class Progress {
  readonly #log: EventLog
  readonly #history: History
  /** By root and receiver, and by root. */
  readonly #told = new Map<string, string>()

  constructor(log: EventLog, history: History) {
    this.#log = log
    this.#history = history
  }

  /** Call it once a second with everything. */
  look(roots: readonly RootAnswer[], receivers: readonly ReceiverStatus[], nowMs: number): void {
    for (const { root, name, lag, state } of receivers)
      if (state !== 'expected') this.#history.noted(root, name, lag, nowMs)
    if (!this.#log.isWanted('progress')) return this.#told.clear()
    // Whoever knows another number of them has not heard that one was taken away, and asks for the status.
    const fleet = { roots: roots.length, receivers: receivers.length }
    const byRoot = Map.groupBy(receivers, ({ root }) => root)
    for (const { name: root, sequence, entries, hold } of roots) {
      const pending = hold?.pending ?? null
      const news = (byRoot.get(root) ?? []).map(progressOf).filter((each) => this.#isNew(`${root}/${each.name}`, each))
      // With a new interval of the history, who shows the history asks for it again.
      const interval = Math.floor(nowMs / 1_000 / INTERVAL_SECONDS)
      const head = { root, sequence, entries, pending, interval, fleet }
      if (this.#isNew(root, head) || news.length > 0) this.#log.tell('progress', { ...head, receivers: news })
    }
  }

  #isNew(key: string, value: object): boolean {
    const text = JSON.stringify(value)
    const before = this.#told.get(key)
    this.#told.set(key, text)
    return before !== text
  }
}

function progressOf({ name, sequence, durableSequence, lag, toCome }: ReceiverStatus) {
  return { name, sequence, durableSequence, lag: { ...lag, seconds: Number(lag.seconds.toPrecision(2)) }, toCome }
}
