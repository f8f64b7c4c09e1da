/**
 * What is worth telling: turns status that was looked at again into events where it has really changed.
 *
 * A receiver's figures change with every changeset; only a change of its state is news. The progress of a resync is
 * told once a second. Times come in as arguments.
 */

import type { FeedEvents, ReceiverStatus } from '../feed/root-feed.ts'
import type { ResyncStatus } from '../resync/resyncs.ts'
import type { EventLog } from './event-log.ts'
import type { RootAnswer } from './schemas.ts'

const RESYNC_PROGRESS_MS = 1_000

export class News {
  readonly #log: EventLog
  readonly #receivers = new Map<string, string>()
  readonly #roots = new Map<string, string>()
  readonly #resyncs = new Map<string, { states: string; toldMs: number }>()

  constructor(log: EventLog) {
    this.#log = log
  }

  receiver(status: ReceiverStatus): void {
    const { name, root, state, connectedAt, lastError } = status
    const isNew = changed(this.#receivers, `${root}/${name}`, [state, connectedAt, lastError])
    if (isNew) this.#log.append('receiver', status)
  }

  /** The paths of its problems are left to the status. */
  root({ problems: _, ...status }: RootAnswer): void {
    const { name, epoch, state, reason, watch, problemCount } = status
    if (changed(this.#roots, name, [epoch, state, reason, watch, problemCount])) this.#log.append('root', status)
  }

  changeset(root: string, { receiver, sequence, seconds }: Parameters<FeedEvents['committed']>[0]): void {
    const propagationSeconds = seconds.length === 0 ? null : Math.max(...seconds)
    this.#log.append('changeset', { root, receiver, sequence, propagationSeconds })
  }

  /** The differences are left to the resync itself. */
  resync(status: ResyncStatus, nowMs: number): void {
    const entries = Object.entries(status.receivers)
    const states = JSON.stringify([status.state, entries.map(([, { state }]) => state)])
    const told = this.#resyncs.get(status.id)
    if (told?.states === states && nowMs - told.toldMs < RESYNC_PROGRESS_MS) return
    if (status.state === 'running') this.#resyncs.set(status.id, { states, toldMs: nowMs })
    else this.#resyncs.delete(status.id)
    const receivers = Object.fromEntries(entries.map(([name, { differences: _, ...figures }]) => [name, figures]))
    this.#log.append('resync', { ...status, receivers })
  }
}

function changed(known: Map<string, string>, key: string, value: unknown): boolean {
  const text = JSON.stringify(value)
  const before = known.get(key)
  known.set(key, text)
  return before !== text
}
