/**
 * Where the reading of a log begins for a position of a target:
 *
 *   an end in the log ─▶ behind it
 *   that of the newest snapshot, or an end in it ─▶ the rest of the snapshot, and the log behind it
 *   an empty target ─▶ the newest snapshot, and the log behind it
 *   any other ─▶ nowhere: the agent is dialled
 *
 * What is looked up is not trusted: the decoder checks every head that comes against the position.
 */
import type { Broker, Closing, LogPosition, LogStream, Snapshots, StoredMessage, Verifier } from '@rootferry/nats'
import type { Welcome } from '@rootferry/protocol'
import type { HelloPosition } from '../../root-messages.ts'

export interface LogStart {
  /** null: an empty target. */
  cursor: LogPosition | null
  /** What is read first: from the one message to the other. */
  snapshot: { from: number; last: number } | null
  /** The first message of the log that is read. */
  from: number
  welcome: Welcome
}

export async function logStart(
  position: HelloPosition,
  { broker, root, verifier, notBefore }: { broker: Broker; root: string; verifier: Verifier; notBefore: number },
): Promise<LogStart | null> {
  const cursor = cursorOf(position)
  if (cursor === null && position.target !== 'empty') return null
  // What is staged goes on over a connection with the agent.
  if (position.prepared !== null || position.partials.length > 0) return null
  const { findPosition, verifiedNewest } = await import('@rootferry/nats')
  const log = broker.log(root)
  const snapshots = broker.snapshots(root)
  const found = cursor === null ? null : await findPosition(cursor, log)
  if (found !== null) {
    const from = Math.max(found + 1, notBefore)
    const head = (await log.headFrom(from)) ?? (await log.lastHead())
    return await began(head, { cursor, snapshot: null, from }, { log, root, verifier })
  }
  const closing = await verifiedNewest(snapshots, root, verifier)
  if (closing === null) return null
  const part = await partOf(closing, cursor, snapshots)
  if (part === null) return null
  const snapshot = part > closing.last ? null : { from: part, last: closing.last }
  const from = Math.max(closing.logAt + 1, snapshot === null ? notBefore : 0)
  const ofLog = snapshot === null ? await log.headFrom(from) : null
  const head = ofLog ?? (await snapshots.entries.headFrom(snapshot?.from ?? closing.first))
  return await began(head, { cursor, snapshot, from }, { log, root, verifier })
}

/** Whether the log leads on from that position, by all that can be looked up. */
export async function isInLog(position: LogPosition, broker: Broker, root: string): Promise<boolean> {
  const { findPosition } = await import('@rootferry/nats')
  if ((await findPosition(position, broker.log(root))) !== null) return true
  const newest = (await broker.snapshots(root).newest())?.closing
  const { epoch, term, sequence } = position
  return newest?.epoch === epoch && newest.term === term && newest.sequence === sequence
}

/** @returns the message of the snapshot with which a reader at that position begins; behind its last: it has all of it */
async function partOf(closing: Closing, cursor: LogPosition | null, { entries }: Snapshots): Promise<number | null> {
  if (cursor === null) return closing.first
  const { findPosition } = await import('@rootferry/nats')
  const { epoch, term, sequence, first, last } = closing
  const found = await findPosition(cursor, {
    next: async (at) => {
      const end = await entries.next(Math.max(at, first))
      return end === null || end.at > last ? null : end
    },
    last: async () => ({ epoch, term, sequence, at: last }),
  })
  return found === null ? null : found + 1
}

async function began(
  shown: StoredMessage | null,
  start: Omit<LogStart, 'welcome'>,
  { log, root, verifier }: { log: LogStream; root: string; verifier: Verifier },
): Promise<LogStart | null> {
  if (shown === null) return null
  const { verifiedHead } = await import('@rootferry/nats')
  const { welcome } = verifiedHead(shown.data, shown.signature, root, verifier).head
  const { cursor, snapshot } = start
  if (cursor !== null && welcome.epoch !== cursor.epoch) return null
  const last = await log.last()
  // The snapshot of an index that another one has followed.
  if (snapshot !== null && last !== null && last.epoch !== welcome.epoch) return null
  const sequence = cursor?.sequence ?? 0
  const head = Math.max(sequence, last?.sequence ?? 0, snapshot === null ? 0 : welcome.head)
  return {
    ...start,
    welcome: {
      ...welcome,
      ...{ sequence, head, start: 'replay', reason: 'read from the log' },
      ...{ prepared: null, othersCurrent: false, clash: null },
    },
  }
}

function cursorOf({ epoch, term, sequence }: HelloPosition): LogPosition | null {
  // At 0 nothing is committed, whatever has begun.
  return epoch === null || term === null || sequence === 0 ? null : { epoch, term, sequence }
}
