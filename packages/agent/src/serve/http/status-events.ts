/**
 * Status events: compares each status with the one before it, and makes an event of a real change.
 *
 * A receiver's numbers change with every changeset, but only a change of its state is an event. The progress of a
 * resync is an event once a second. Times are arguments.
 */

import type { FeedEvents } from '../feed/root-feed.ts'
import { summaryOf } from '../resync/resync-status.ts'
import type { RoundAnswer } from '../schemas/releases.ts'
import type { ResyncStatus } from '../schemas/resyncs.ts'
import type { ReceiverStatus, RootAnswer } from '../schemas/status.ts'
import type { EventLog } from './event-log.ts'

const RESYNC_PROGRESS_MS = 1_000

export class StatusEvents {
  readonly #log: EventLog
  readonly #receivers = new Map<string, string>()
  readonly #roots = new Map<string, string>()
  readonly #holds = new Map<string, string>()
  readonly #resyncs = new Map<string, { states: string; toldMs: number }>()

  constructor(log: EventLog) {
    this.#log = log
  }

  receiver(status: ReceiverStatus): void {
    const { name, root, state, connectedAt, lastError, owed, trash, clash } = status
    const isNew = changed(this.#receivers, `${root}/${name}`, [state, connectedAt, lastError, owed, trash, clash])
    if (isNew) this.#log.append('receiver', status)
  }

  /** The event leaves out the paths of problems; the status has them. */
  root({ problems: _, ...status }: RootAnswer): void {
    const { name, epoch, state, reason, watch, problemCount, hold, hooks } = status
    const ofHooks = hooks.map(({ lastError }) => lastError)
    const held = hold === null ? null : [hold.since, hold.overdue, hold.refused]
    if (changed(this.#roots, name, [epoch, state, reason, watch, problemCount, held, ofHooks]))
      this.#log.append('root', status)
    const wasHeld = this.#holds.get(name) ?? JSON.stringify(null)
    if (changed(this.#holds, name, held) && JSON.stringify(held) !== wasHeld)
      this.#log.append('hold', { root: name, hold })
  }

  /** Each state of a round is an event. */
  round(answer: RoundAnswer): void {
    this.#log.append('round', answer)
  }

  changeset(root: string, { receiver, sequence, seconds }: Parameters<FeedEvents['committed']>[0]): void {
    const propagationSeconds = seconds.length === 0 ? null : Math.max(...seconds)
    this.#log.append('changeset', { root, receiver, sequence, propagationSeconds })
  }

  /** The event leaves out the differences; the resync itself has them. */
  resync(status: ResyncStatus, nowMs: number): void {
    const states = JSON.stringify([status.state, Object.values(status.receivers).map(({ state }) => state)])
    const told = this.#resyncs.get(status.id)
    if (told?.states === states && nowMs - told.toldMs < RESYNC_PROGRESS_MS) return
    if (status.state === 'running') this.#resyncs.set(status.id, { states, toldMs: nowMs })
    else this.#resyncs.delete(status.id)
    this.#log.append('resync', summaryOf(status))
  }
}

function changed(known: Map<string, string>, key: string, value: unknown): boolean {
  const text = JSON.stringify(value)
  const before = known.get(key)
  known.set(key, text)
  return before !== text
}
