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
/** Receivers of a resync whose states are told as they change; of more, once in that time. */
const MOST_AT_ONCE = 50

export class StatusEvents {
  readonly #log: EventLog
  readonly #receivers = new Map<string, string>()
  readonly #roots = new Map<string, string>()
  readonly #holds = new Map<string, string>()
  /** `waiting`: what happened since, and is not told yet. */
  readonly #resyncs = new Map<string, { states: string; toldMs: number; waiting: ResyncStatus | null }>()

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
    const { name, epoch, state, reason, watch, problemCount, hold, hooks, log } = status
    const ofHooks = hooks.map(({ lastError }) => lastError)
    const held = hold === null ? null : [hold.since, hold.overdue, hold.refused]
    if (changed(this.#roots, name, [epoch, state, reason, watch, problemCount, held, ofHooks, log?.state, log?.why]))
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

  /**
   * The event leaves out the differences; the resync itself has them. It holds all receivers, and when many of them begin
   * or end at the same time, each is not an event of its own.
   */
  resync(status: ResyncStatus, nowMs: number): void {
    const told = this.#resyncs.get(status.id)
    const isSoon = told !== undefined && nowMs - told.toldMs < RESYNC_PROGRESS_MS
    if (isSoon && status.state === 'running') {
      if (Object.keys(status.receivers).length > MOST_AT_ONCE || told.states === statesOf(status)) {
        told.waiting = status
        return
      }
    }
    this.#tellResync(status, nowMs)
  }

  /** Call it once a second: what waited to be told is told. */
  look(nowMs: number): void {
    for (const { waiting, toldMs } of this.#resyncs.values())
      if (waiting !== null && nowMs - toldMs >= RESYNC_PROGRESS_MS) this.#tellResync(waiting, nowMs)
  }

  #tellResync(status: ResyncStatus, nowMs: number): void {
    if (status.state !== 'running') this.#resyncs.delete(status.id)
    else this.#resyncs.set(status.id, { states: statesOf(status), toldMs: nowMs, waiting: null })
    this.#log.append('resync', summaryOf(status))
  }
}

function statesOf({ receivers }: ResyncStatus): string {
  return Object.values(receivers)
    .map(({ state }) => state)
    .join()
}

function changed(known: Map<string, string>, key: string, value: unknown): boolean {
  const text = JSON.stringify(value)
  const before = known.get(key)
  known.set(key, text)
  return before !== text
}
