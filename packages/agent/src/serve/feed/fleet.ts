/**
 * The receivers of a root as its feed judges them: their status, which are ready, and who has what. Changes nothing.
 *
 * INVARIANT: a session is only ever compared with how far receivers may be fed, never with what a hold keeps back.
 */
import { printable } from '@rootferry/host/machine'
import type { ReceiverStatus } from '../schemas/status.ts'
import { type Ack, isLog, LogReaders, SNAPSHOT_RECEIVER } from './log-readers.ts'
import type { Session } from './session.ts'
import { LIVE_LAG_SECONDS, NOTHING_SAID } from './session-state.ts'
import type { ToCome } from './to-come.ts'
import type { Watermarks } from './watermarks.ts'

/** A receiver that has missed something for longer holds nobody up: it may hang, or be at its first sync. */
const MOST_AWAITED_SECONDS = 60
/** A node that loses against another one with its token dials again within five minutes. */
const CLASH_MS = 600_000
/** Receivers that were seen so near to the end of the last life of the agent had a connection then. */
const LAST_SEEN_MS = 150_000
/** So long after a start the receivers of the last life come back: one that dialled in vain dials every five seconds. */
const RETURN_MS = 15_000

/** The code of a connection that ended without a word. */
const BROKEN = 1006

export class Fleet {
  readonly root: string
  readonly sessions = new Map<string, Session>()
  readonly watermarks: Watermarks
  /** Receivers that read the root's log; one that has a session too counts by that. */
  readonly readers = new LogReaders()
  readonly #toCome: ToCome
  /** By receiver: that two nodes use its token, and when that was last seen. */
  readonly #clashes = new Map<string, { text: string; atMs: number }>()
  /** Receivers that were here when the earlier life ended, or were sent away, and have not come back. */
  readonly #missing = new Set<string>()
  /** Those that have come back, and were not asked about yet. */
  readonly #returned = new Set<string>()
  /** Receivers whose last line broke within a changeset. */
  readonly #frail = new Set<string>()
  #beganAtMs = performance.now()

  constructor(root: string, watermarks: Watermarks, toCome: ToCome) {
    this.root = root
    this.watermarks = watermarks
    this.#toCome = toCome
  }

  /** Takes over the knowledge of an earlier life of the agent. */
  restore(memory: Parameters<Watermarks['restore']>[0]): void {
    this.watermarks.restore(memory)
    for (const name of this.watermarks.seenLast(LAST_SEEN_MS)) this.#missing.add(name)
  }

  /** All connections end here, and not at the receivers: they come back as after a start. */
  sentAway(): void {
    for (const name of this.sessions.keys()) this.#missing.add(name)
    this.#beganAtMs = performance.now()
  }

  connected(session: Session): void {
    const { receiver } = session
    if (this.#frail.has(receiver)) session.state.frail()
    this.sessions.set(receiver, session)
    this.watermarks.connected(receiver)
    if (this.#missing.delete(receiver) && this.#ageMs < RETURN_MS) this.#returned.add(receiver)
  }

  /** @param code of the close */
  disconnected(session: Session, { code, reason }: { code: number; reason: string }): void {
    const { receiver } = session
    const why = code === BROKEN ? 'the connection was lost' : `${code} ${reason}`.trim()
    this.watermarks.disconnected(receiver, code === 1000 || code === 1001 ? null : why)
    if (this.sessions.get(receiver) !== session) return
    if (code === BROKEN && session.isAmidChangeset) this.#frail.add(receiver)
    else this.#frail.delete(receiver)
    this.sessions.delete(receiver)
  }

  /** A newer connection replaces this one. @returns what is wrong with that; null: a node came back before its old line broke */
  replaced(older: Session, { address, node }: Pick<Session['from'], 'address' | 'node'>): string | null {
    const { from, receiver } = older
    // Its line may have broken without a sign.
    if (older.isAmidChangeset) this.#frail.add(receiver)
    if (node !== null && from.node === node && from.address === address) return null
    const text = `two nodes use the token of ${receiver}: ${named(from)} and ${named({ address, node })}`
    this.#clashes.set(receiver, { text, atMs: performance.now() })
    return text
  }

  /** The receiver will not come back. */
  forget(receiver: string): void {
    this.watermarks.forget(receiver)
    this.readers.forget(receiver)
    this.#missing.delete(receiver)
    this.#returned.delete(receiver)
    this.#clashes.delete(receiver)
    this.#frail.delete(receiver)
  }

  statusOf(receiver: string, now: Date): ReceiverStatus {
    const session = this.sessions.get(receiver)
    const known = this.watermarks.of(receiver)
    const lag = this.watermarks.lagOf(receiver, now)
    const failing = session?.state.said.failing ?? null
    const absent = known === null ? 'expected' : 'offline'
    const reader = this.readers.of(receiver, performance.now())
    const read = reader === null ? absent : wordOf(reader.ack, lag.seconds - this.readers.paceMs / 1_000)
    const state = session?.state.statusAt(lag.seconds) ?? read
    const isBehind = state !== 'live' && session !== undefined
    const { owed, trash } = session?.state.said ?? NOTHING_SAID
    return {
      name: receiver,
      root: this.root,
      state,
      sequence: known?.committed ?? 0,
      durableSequence: known?.durable ?? 0,
      lag,
      toCome: {
        bytes: this.#toCome.bytesAfter(known?.committed ?? 0),
        share: isBehind ? session.sentShare : null,
      },
      owed: { count: owed.count, paths: [...owed.paths] },
      trash:
        trash === null
          ? null
          : {
              batches: trash.batches,
              bytes: trash.bytes,
              oldestAt: trash.oldest === null ? null : new Date(trash.oldest).toISOString(),
            },
      clash: this.#clashOf(receiver),
      region: session === undefined ? (reader?.ack.region ?? null) : null,
      transport: session !== undefined ? 'websocket' : reader !== null ? 'nats' : null,
      connectedAt: (session?.connectedAt ?? reader?.since)?.toISOString() ?? null,
      lastSeenAt: (session?.lastSeenAt ?? reader?.heardAt ?? known?.seenAt)?.toISOString() ?? null,
      lastError:
        failing === null ? (reader?.ack.error ?? known?.lastError ?? null) : `${failing.code}: ${failing.message}`,
    }
  }

  /** A receiver that reads the log is asked to dial, and has a connection later. */
  lineTo(receiver: string): Session | undefined {
    const session = this.sessions.get(receiver)
    if (session === undefined) this.readers.call(receiver, performance.now())
    return session
  }

  /** Receivers whose own probes say that visitors may come. */
  get ready(): { name: string; address: string }[] {
    const connected = [...this.sessions].flatMap(([name, { state, from }]) =>
      state.said.isReady === true && !isLog(name) ? [{ name, address: from.address }] : [],
    )
    const readers = this.readers.ready(performance.now()).filter(({ name }) => !this.sessions.has(name))
    return [...connected, ...readers]
  }

  /**
   * At least half of the root's receivers have everything, and this one is not among them. Asked once for a connection:
   * one that comes back after a start of the agent is not behind alone, though others were faster.
   */
  areOthersCurrent(receiver: string): boolean {
    if (this.#returned.delete(receiver)) return false
    const now = new Date()
    const others = [...this.sessions.keys()].filter((name) => name !== receiver && !isLog(name))
    const current = others.filter((name) => this.statusOf(name, now).state === 'live').length
    const known = this.watermarks.names.filter((name) => !isLog(name)).length
    return current > 0 && 2 * current >= Math.max(known, current + 1)
  }

  /** Whether every receiver that is worth waiting for has committed that, and there is one. */
  hasEverywhere(sequence: number): boolean {
    if (this.#ageMs < RETURN_MS && this.#missing.size > 0) return false
    const awaited = this.#awaited
    return (
      awaited.length > 0 &&
      awaited.every(({ state }) => state.phase === 'feeding' && state.committed >= sequence) &&
      this.readers.haveCommitted(sequence, performance.now())
    )
  }

  /** No receiver that is worth waiting for says that it is not ready, as for a hook that has still to run there. */
  get areReady(): boolean {
    return this.#awaited.every(({ state }) => state.said.isReady !== false)
  }

  get #awaited(): Session[] {
    const now = new Date()
    return [...this.sessions.values()].filter(({ receiver, state }) => {
      if (receiver === SNAPSHOT_RECEIVER) return false
      return state.said.failing === null && this.watermarks.lagOf(receiver, now).seconds <= MOST_AWAITED_SECONDS
    })
  }

  /** What each connected receiver has committed, after its first sync. */
  *committed(): Generator<readonly [receiver: string, sequence: number]> {
    for (const [receiver, { state }] of this.sessions)
      if (state.phase === 'feeding' && state.committed > 0) yield [receiver, state.committed]
  }

  get #ageMs(): number {
    return performance.now() - this.#beganAtMs
  }

  #clashOf(receiver: string): string | null {
    const clash = this.#clashes.get(receiver)
    return clash === undefined || performance.now() - clash.atMs > CLASH_MS ? null : clash.text
  }
}

/** A reader's own word, and no better than its lag, without the time that it may take to say so. */
function wordOf({ live, error }: Ack, behindSeconds: number): ReceiverStatus['state'] {
  if (error !== null) return 'failed'
  return live && behindSeconds <= LIVE_LAG_SECONDS ? 'live' : 'replaying'
}

/** The host name is a word of the other side, and its number is of no use to people. */
function named({ address, node }: Pick<Session['from'], 'address' | 'node'>): string {
  const host = printable(node ?? '').split(' ')[0] ?? ''
  return host === '' ? address : `${host} (${address})`
}
