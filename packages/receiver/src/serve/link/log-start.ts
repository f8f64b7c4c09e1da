/**
 * Where the reading of a log begins for a position of a target:
 *
 *   the one at which the log begins anew, or an end in the log ─▶ behind that
 *   that of the newest snapshot, or an end in it ─▶ the rest of the snapshot, and the log behind it
 *   an empty target ─▶ the newest snapshot, and the log behind it
 *   any other ─▶ nowhere: the agent is dialled
 *
 * What is looked up is not trusted: the decoder checks every head that comes against the position. But for a beginning, which
 * the agent has signed: what somebody else has written before it is passed over.
 */
import type {
  Broker,
  Closing,
  EndLookups,
  LogPosition,
  LogStream,
  Snapshots,
  StoredMessage,
  Verifier,
} from '@rootferry/nats'
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
  const log = broker.log(root)
  const snapshots = broker.snapshots(root)
  const words = { log, root, verifier }
  if (cursor !== null) {
    const begin = await beginningOf(words)
    const found = await endIn(log, cursor, begin)
    const from = Math.max((found ?? 0) + 1, notBefore)
    const word = found === null ? null : await wordAt(found, from, begin, words)
    if (word !== null) return await began(word, { cursor, snapshot: null, from }, log)
  }
  const { verifiedNewest } = await import('@rootferry/nats')
  const closing = await verifiedNewest(snapshots, root, verifier)
  if (closing === null) return null
  const part = await partOf(closing, cursor, snapshots)
  if (part === null) return null
  const snapshot = part > closing.last ? null : { from: part, last: closing.last }
  const from = Math.max(closing.logAt + 1, snapshot === null ? notBefore : 0)
  const ofLog = snapshot === null ? await log.headFrom(from) : null
  const head = ofLog ?? (await snapshots.entries.headFrom(snapshot?.from ?? closing.first))
  return await began(await wordOf(head, words), { cursor, snapshot, from }, log)
}

/** Whether the log leads on from that position, by all that can be looked up. @throws Forged */
export async function leadsOn(
  position: HelloPosition,
  { broker, root, fingerprint }: { broker: Broker; root: string; fingerprint: string },
): Promise<boolean> {
  const { Verifier } = await import('@rootferry/nats')
  return (await logStart(position, { broker, root, verifier: new Verifier(fingerprint), notBefore: 0 })) !== null
}

interface Words {
  log: LogStream
  root: string
  verifier: Verifier
}

interface Beginning {
  at: number
  welcome: Welcome
}

/** Where the log has begun anew; null: that is not there any more, or is not the agent's. */
async function beginningOf({ log, root, verifier }: Words): Promise<Beginning | null> {
  const { Forged, verifiedBegin } = await import('@rootferry/nats')
  const message = await log.lastOf('begin')
  if (message === null) return null
  try {
    return { at: message.at, welcome: verifiedBegin(message.data, message.signature, root, verifier).welcome }
  } catch (error) {
    if (error instanceof Forged) return null
    throw error
  }
}

/** @returns the message of the log behind which a reader at that position begins; null: it is not there */
async function endIn(log: LogStream, cursor: LogPosition, begin: Beginning | null): Promise<number | null> {
  const { findPosition } = await import('@rootferry/nats')
  if (begin === null) return await findPosition(cursor, log)
  const { epoch, term, sequence } = begin.welcome
  if (epoch === cursor.epoch && term === cursor.term && sequence === cursor.sequence) return begin.at
  return (await findPosition(cursor, log, begin.at)) ?? (await findPosition(cursor, upTo(begin.at, log, begin.welcome)))
}

/** What the agent says of its index to who reads from there on. */
async function wordAt(found: number, from: number, begin: Beginning | null, words: Words): Promise<Welcome | null> {
  const next = await words.log.headFrom(from)
  if (next !== null) return await wordOf(next, words)
  const last = await words.log.lastOf('head')
  const isBefore = begin !== null && found >= begin.at && (last === null || last.at < begin.at)
  return isBefore ? begin.welcome : await wordOf(last, words)
}

/** @throws Forged */
async function wordOf(head: StoredMessage | null, { root, verifier }: Words): Promise<Welcome | null> {
  if (head === null) return null
  const { verifiedHead } = await import('@rootferry/nats')
  return verifiedHead(head.data, head.signature, root, verifier).head.welcome
}

/** @returns the message of the snapshot with which a reader at that position begins; behind its last: it has all of it */
async function partOf(closing: Closing, cursor: LogPosition | null, { entries }: Snapshots): Promise<number | null> {
  if (cursor === null) return closing.first
  const { findPosition } = await import('@rootferry/nats')
  const { first, last } = closing
  const found = await findPosition(cursor, upTo(last, entries, closing), first - 1)
  return found === null ? null : found + 1
}

/** The ends of a stream up to that message, which stands for that position. */
function upTo(last: number, stream: LogStream, { epoch, term, sequence }: LogPosition): EndLookups {
  return {
    next: async (at) => {
      const end = await stream.next(at)
      return end === null || end.at > last ? null : end
    },
    last: async () => ({ epoch, term, sequence, at: last }),
  }
}

async function began(
  welcome: Welcome | null,
  start: Omit<LogStart, 'welcome'>,
  log: LogStream,
): Promise<LogStart | null> {
  if (welcome === null) return null
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
