/**
 * One root as the main thread sees it: its thread, its hub, its sessions, and how far each receiver is.
 *
 * INVARIANT: one session per receiver; a newer connection replaces the older one. The sequence that a receiver
 * confirmed outlives its session and, through the root's index, the agent.
 */

import type { Logger } from '@rootferry/host/daemon'
import { BufferGarbage, Refusal } from '@rootferry/host/machine'
import { type Hello, ProtocolError } from '@rootferry/protocol'
import type { GuardAnswer, RootOptions, RootStatus } from '../../root-messages.ts'
import { decodeOrders, encodeOrders, type KeptOrder } from '../resync/kept-resyncs.ts'
import type { ResyncJob } from '../resync/resync-job.ts'
import { ResyncQueue } from '../resync/resync-queue.ts'
import type { ResyncRoot } from '../resync/resyncs.ts'
import { RootThread } from '../root-thread.ts'
import { decodeHeadTimes, encodeHeadTimes, HeadTimes } from './head-times.ts'
import { Hub } from './hub.ts'
import { Session, type SessionPeer } from './session.ts'

export interface ReceiverStatus {
  name: string
  root: string
  state: 'offline' | 'resyncing' | 'replaying' | 'live' | 'failed'
  sequence: number
  durableSequence: number
  lag: { sequences: number; seconds: number }
  connectedAt: string | null
  lastSeenAt: string | null
  lastError: string | null
}

/** The events of a feed. */
export interface FeedEvents {
  /** A part of the receiver's status may have changed. */
  receiver(name: string): void
  root(status: RootStatus): void
  scanned(tookMs: number): void
  /**
   * A receiver that follows has committed; `seconds` since each of the changes behind the commit was first hinted at.
   */
  committed(commit: { receiver: string; sequence: number; seconds: number[] }): void
}

interface Watermark {
  committed: number
  durable: number
  seenAt: Date | null
  lastError: string | null
}

const SAVE_MS = 500
/**
 * How often the index records that a receiver is connected: after a kill, the time it was last seen is wrong by that
 * much.
 */
const SEEN_MS = 60_000
/** How often the times of heads are saved: a killed agent forgets that much of a lag's age. */
const SAVE_HEADS_MS = 10_000

export class RootFeed implements ResyncRoot {
  readonly name: string
  /** Resyncs that an earlier life of the agent left unfinished. */
  keptOrders: readonly KeptOrder[] = []
  readonly thread: RootThread
  readonly #log: Logger
  readonly #events: FeedEvents
  readonly #hub: Hub
  readonly #sessions = new Map<string, Session>()
  readonly #watermarks = new Map<string, Watermark>()
  readonly #unsaved = new Set<string>()
  readonly #headTimes = new HeadTimes()
  readonly #keepHeads: NodeJS.Timeout
  #savedHead = 0
  readonly #keepSeen: NodeJS.Timeout
  readonly #resyncs = new ResyncQueue((receiver) => this.#sessions.get(receiver))
  #status: RootStatus | null = null
  #head = 0
  #saveTimer: NodeJS.Timeout | null = null
  sentBytes = 0
  readonly #garbage = new BufferGarbage()

  constructor(options: RootOptions, log: Logger, events: FeedEvents) {
    this.name = options.name
    this.#log = log.child({ root: options.name })
    this.#events = events
    const threadEvents = {
      advanced: (head: number, seenMs: number) => this.#advanced(head, seenMs),
      status: (status: RootStatus) => this.#noteStatus(status),
      scanned: (tookMs: number) => this.#events.scanned(tookMs),
      lost: (why: string) => this.#closeSessions(new ProtocolError('root-unavailable', why)),
      down: (why: string) => {
        if (this.#status !== null) this.#noteStatus({ ...this.#status, state: 'unavailable', reason: why })
        this.#closeSessions(new ProtocolError('root-unavailable', why))
      },
    }
    this.thread = new RootThread(options, threadEvents, this.#log)
    this.#hub = new Hub(this.thread)
    // A connected receiver counts as seen, though it may have nothing to confirm for weeks.
    this.#keepSeen = setInterval(() => [...this.#sessions.keys()].forEach((name) => this.#save(name)), SEEN_MS)
    this.#keepHeads = setInterval(() => this.#saveHeads(), SAVE_HEADS_MS)
  }

  /** @throws Failure when the root's index cannot be opened */
  async start(): Promise<void> {
    await this.thread.started
    const { watermarks, headTimes, resyncs } = await this.thread.ask('memory', {})
    this.#headTimes.restore(decodeHeadTimes(headTimes))
    this.keptOrders = decodeOrders(resyncs)
    for (const { name, committed, durable, seen } of watermarks) {
      this.#watermarks.set(name, { committed, durable, seenAt: new Date(seen), lastError: null })
    }
  }

  /** The thread sends its status now and then, and its head at once: no receiver is shown to be ahead of the root. */
  get status(): RootStatus | null {
    return this.#status === null ? null : { ...this.#status, sequence: Math.max(this.#status.sequence, this.#head) }
  }

  get head(): number {
    return this.#head
  }

  get sessions(): number {
    return this.#sessions.size
  }

  get packedBytes(): number {
    return this.#hub.packedBytes
  }

  /** Serves a connection whose hello has come; resolves when it has ended. */
  async serve(peer: SessionPeer, hello: Hello): Promise<void> {
    const { receiver, socket } = peer
    this.#sessions.get(receiver)?.close(new ProtocolError('superseded', 'a newer connection of this receiver'))
    const session = new Session(
      peer,
      { root: this.thread, hub: this.#hub, log: this.#log },
      {
        changed: () => {
          this.#noteProgress(receiver, session)
          this.#resyncs.pump(receiver)
        },
        resync: (report) => this.#resyncs.progress(receiver, report),
        committed: (sequence) => this.#noteCommit(receiver, session, sequence),
        sent: (bytes) => {
          this.sentBytes += bytes
          this.#garbage.passed(bytes)
        },
      },
    )
    this.#sessions.set(receiver, session)
    this.#log.info({ receiver, sequence: hello.sequence, target: hello.target }, 'receiver connected')
    socket.on('close', (code: number, reason: Buffer) => {
      if (this.#sessions.get(receiver) === session) this.#sessions.delete(receiver)
      this.#resyncs.ended(receiver, session)
      const why = code === 1006 ? 'the connection was lost' : `${code} ${reason.toString()}`.trim()
      const lastError = code === 1000 || code === 1001 ? null : why
      const watermark = this.#watermark(receiver)
      watermark.lastError = lastError
      watermark.seenAt = new Date()
      this.#save(receiver)
      this.#events.receiver(receiver)
      this.#log.info({ receiver, code, reason: reason.toString() }, 'receiver disconnected')
    })
    await session.run(hello, this.#head)
  }

  /** Ends a receiver's session, if it has one. */
  disconnect(receiver: string, error: ProtocolError): void {
    this.#sessions.get(receiver)?.close(error)
  }

  /** The receiver's token is revoked for good: nothing waits for the receiver any more. */
  forget(receiver: string): void {
    this.disconnect(receiver, new ProtocolError('revoked', 'the token was revoked'))
    this.#watermarks.delete(receiver)
    this.#resyncs.forget(receiver)
    this.thread.tell({ type: 'forget', receiver })
  }

  knows(receiver: string): boolean {
    return this.#watermarks.has(receiver) || this.#sessions.has(receiver)
  }

  /** The tree is scanned once for all of the jobs. */
  resync(jobs: readonly ResyncJob[]): void {
    const order = jobs[0]?.order
    if (order === undefined) return
    const looked = this.thread.ask('rescan', { within: order.paths, content: order.check === 'content' })
    looked.catch((error: unknown) => {
      if (!(error instanceof Refusal)) this.#log.error({ err: error }, 'a resync failed')
    })
    this.#resyncs.add(jobs, looked, this.#status?.state !== 'ready')
  }

  cancelResync(job: ResyncJob): void {
    this.#resyncs.cancel(job)
  }

  keepOrders(orders: readonly KeptOrder[]): void {
    this.thread.tell({ type: 'remember', key: 'resyncs', text: encodeOrders(orders) })
  }

  /** The root is not served any more: nothing waits for it. */
  abandon(): void {
    this.#resyncs.abandon('the root was taken out of service')
  }

  /** An operator lets a halted root continue as it is, deletions included. */
  acceptGuard(): Promise<GuardAnswer> {
    return this.thread.ask('accept-guard', {})
  }

  receiverStatus(receiver: string, now: Date): ReceiverStatus {
    const session = this.#sessions.get(receiver)
    const known = this.#watermarks.get(receiver)
    const committed = known?.committed ?? 0
    const behind = Math.max(0, this.#head - committed)
    const failing = session?.state.failing
    const behindSeconds = behind === 0 ? 0 : this.#secondsSince(committed, now)
    return {
      name: receiver,
      root: this.name,
      state: session?.state.statusAt(this.#head, behindSeconds) ?? 'offline',
      sequence: committed,
      durableSequence: known?.durable ?? 0,
      lag: { sequences: behind, seconds: behindSeconds },
      connectedAt: session?.connectedAt.toISOString() ?? null,
      lastSeenAt: (session?.lastSeenAt ?? known?.seenAt)?.toISOString() ?? null,
      lastError:
        failing === null || failing === undefined ? (known?.lastError ?? null) : `${failing.code}: ${failing.message}`,
    }
  }

  async close(): Promise<void> {
    for (const receiver of this.#sessions.keys()) this.#unsaved.add(receiver)
    this.#closeSessions(new ProtocolError('shutting-down', 'the agent is stopping'))
    if (this.#saveTimer !== null) clearTimeout(this.#saveTimer)
    clearInterval(this.#keepSeen)
    clearInterval(this.#keepHeads)
    this.#saveAll()
    this.#saveHeads()
    await this.thread.close()
  }

  #advanced(head: number, seenMs: number): void {
    this.#head = head
    this.#headTimes.add(head, seenMs)
    for (const session of this.#sessions.values()) session.advanced(head)
  }

  #secondsSince(committed: number, now: Date): number {
    const firstMissedMs = this.#headTimes.firstAfter(committed)
    return firstMissedMs === null ? 0 : Math.max(0, (now.getTime() - firstMissedMs) / 1000)
  }

  #noteStatus(status: RootStatus): void {
    this.#status = status
    this.#events.root(status)
  }

  #noteCommit(receiver: string, session: Session, sequence: number): void {
    const before = this.#watermark(receiver).committed
    // Changes that a receiver missed while it was away, or before its first sync, do not measure how fast changes
    // travel.
    const times = session.state.hasCaughtUp ? this.#headTimes.between(before, sequence) : []
    this.#noteProgress(receiver, session)
    const now = Date.now()
    const seconds = times.map((seenMs) => Math.max(0, now - seenMs) / 1000)
    this.#events.committed({ receiver, sequence, seconds })
  }

  #noteProgress(receiver: string, session: Session): void {
    this.#events.receiver(receiver)
    if (session.state.phase !== 'greeting') this.#watermark(receiver).lastError = null
    if (session.state.phase !== 'feeding' || this.#sessions.get(receiver) !== session) return
    const watermark = this.#watermark(receiver)
    const { committed, durable } = session.state
    if (watermark.committed === committed && watermark.durable === durable) return
    watermark.committed = committed
    watermark.durable = durable
    watermark.seenAt = session.lastSeenAt
    this.#save(receiver)
  }

  #watermark(receiver: string): Watermark {
    let watermark = this.#watermarks.get(receiver)
    if (watermark === undefined) {
      watermark = { committed: 0, durable: 0, seenAt: null, lastError: null }
      this.#watermarks.set(receiver, watermark)
    }
    return watermark
  }

  #save(receiver: string): void {
    this.#unsaved.add(receiver)
    this.#saveTimer ??= setTimeout(() => {
      this.#saveTimer = null
      this.#saveAll()
    }, SAVE_MS)
  }

  #saveAll(): void {
    for (const receiver of this.#unsaved) {
      const { committed, durable } = this.#watermark(receiver)
      this.thread.tell({ type: 'watermark', receiver, committed, durable })
    }
    this.#unsaved.clear()
  }

  #saveHeads(): void {
    if (this.#savedHead === this.#head) return
    this.#savedHead = this.#head
    this.thread.tell({ type: 'remember', key: 'head-times', text: encodeHeadTimes(this.#headTimes.all) })
  }

  #closeSessions(error: ProtocolError): void {
    for (const session of this.#sessions.values()) session.close(error)
  }
}
