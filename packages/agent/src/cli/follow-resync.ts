/**
 * `resync --wait`: polls a resync until it is over, and on a terminal draws the progress of each receiver.
 *
 * INVARIANT: the end does not depend on a receiver that is away, nor on a release. Without a time limit it comes when
 * nothing is left but receivers that have been away, or unable to commit, or whose root stands still, for PATIENCE_MS.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Terminal } from '@rootferry/host/daemon'
import { printable } from '@rootferry/host/machine'
import { Resync, type ResyncStatus } from '../serve/schemas/resyncs.ts'
import { Status } from '../serve/schemas/status.ts'
import type { AdminClient } from './admin-client.ts'
import { progressLines, type Unfinished, unfinished } from './resync-report.ts'

const POLL_MS = 250
/** A receiver that reconnects is back in less. */
const PATIENCE_MS = 5_000

export interface Following {
  /** Whether all entries are compared: only then the share that is done is known. */
  isWhole: boolean
  /** Null: as long as there is something to wait for. */
  timeoutMs: number | null
}

export interface Followed {
  resync: ResyncStatus
  /** Receivers that were not waited for any longer. */
  waited: Unfinished[]
}

/** @throws Failure */
export async function followed(
  client: AdminClient,
  ordered: ResyncStatus,
  { isWhole, timeoutMs }: Following,
  terminal: Terminal,
): Promise<Followed> {
  let drawn = 0
  const beganAtMs = performance.now()
  let stuckSinceMs: number | null = null
  let doneBefore = progressOf(ordered)
  for (let resync = ordered; ; resync = await client.get(`/v1/resyncs/${ordered.id}`, Resync)) {
    const status = await client.get('/v1/status', Status)
    if (terminal.isTerminal) {
      const lines = fitted(progressLines(resync, status, isWhole), terminal)
      terminal.say(
        `${drawn > 0 ? `\u001b[${drawn}A` : ''}${lines.map((line) => `\r\u001b[K${line}\n`).join('')}\u001b[J`,
      )
      drawn = lines.length
    }
    if (resync.state !== 'running') return { resync, waited: [] }
    const waited = unfinished(resync, status)
    const nowMs = performance.now()
    const done = progressOf(resync)
    const isStuck = waited.every((one) => one.isStuck) && done === doneBefore
    stuckSinceMs = isStuck ? (stuckSinceMs ?? nowMs) : null
    doneBefore = done
    const isHopeless = timeoutMs === null && stuckSinceMs !== null && nowMs - stuckSinceMs >= PATIENCE_MS
    if (isHopeless || (timeoutMs !== null && nowMs - beganAtMs >= timeoutMs)) return { resync, waited }
    await delay(timeoutMs === null ? POLL_MS : Math.min(POLL_MS, Math.max(0, beganAtMs + timeoutMs - nowMs)))
  }
}

/** A number that changes while any receiver gets on: a receiver may be away with one root and compare another. */
function progressOf({ receivers }: ResyncStatus): number {
  return Object.values(receivers).reduce((sum, { checked, repaired, bytes }) => sum + checked + repaired + bytes, 0)
}

/** Lines that are drawn over must be on the screen: lines that wrap, or have scrolled away, are not. */
function fitted(lines: readonly string[], terminal: Terminal): string[] {
  const most = Math.max(1, terminal.rows() - 2)
  const shown = lines.length <= most ? lines : [...lines.slice(0, most - 1), `and ${lines.length - most + 1} more`]
  return shown.map((line) => printable(line).slice(0, Math.max(1, terminal.columns() - 1)))
}
