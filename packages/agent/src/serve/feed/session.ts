/**
 * One connection: a receiver and one root. Drives SessionState over a WebSocket.
 *
 * A single loop decides what is sent next (see SessionState.next), so that everything on the line has the order in
 * which it was read from the index. The loop waits for credit and for the socket, and delays no other session.
 * INVARIANT: every session that ends by an error has a code. A refusal of the root and a breach of the protocol are
 * answers; everything else is a fault of this program, which is logged with its stack.
 */

import type { Writable } from 'node:stream'
import type { Logger } from '@rootferry/host/daemon'
import { errorMessage, Refusal } from '@rootferry/host/machine'
import {
  decodeToAgent,
  encodeMessage,
  type Hello,
  LIMITS,
  type List,
  type Partial,
  ProtocolError,
  type ResyncProgress,
  type ToReceiver,
  type Want,
  type Welcome,
} from '@rootferry/protocol'
import type { WebSocket } from 'ws'
import { BOUNDS } from '../../bounds.ts'
import type { PlanSummary } from '../../root-messages.ts'
import type { ResyncOrder } from '../resync/resync-job.ts'
import type { ResyncLine } from '../resync/resync-queue.ts'
import type { RootThread } from '../root-thread.ts'
import type { Hub, SegmentLease, Urgency } from './hub.ts'
import { PacedSocket } from './paced-socket.ts'
import { SessionState } from './session-state.ts'

export interface SessionEvents {
  /** Whether at least half of the root's receivers have everything. */
  areOthersCurrent(): boolean
  /** A part of the receiver's status has changed. */
  changed(): void
  committed(sequence: number): void
  sent(bytes: number): void
  resync(report: ResyncProgress): void
}

/** A connection whose hello has come. */
export interface SessionPeer {
  socket: WebSocket
  /** The stream that the socket writes to. */
  line: Pick<Writable, 'cork' | 'uncork'>
  receiver: string
  /** The receiver's address, for people. */
  address: string
  /** What the receiver says of its node; null: nothing. */
  node: string | null
  compress: boolean
  now: Date
}

export interface SessionFeed {
  root: Pick<RootThread, 'ask'>
  hub: Hub
  log: Logger
}

/** Of the reason in a welcome. */
const MOST_REASON = 200

export class Session implements ResyncLine {
  readonly receiver: string
  readonly connectedAt: Date
  /** Address and node. */
  readonly from: Pick<SessionPeer, 'address' | 'node'>
  readonly state = new SessionState()
  readonly #socket: PacedSocket
  readonly #feed: SessionFeed
  readonly #events: SessionEvents
  readonly #compress: boolean
  #head = 0
  #partials: readonly Partial[] = []
  /** Encoded announcements, sent when no segment is being sent. */
  readonly #announcements: string[] = []

  constructor(peer: SessionPeer, feed: SessionFeed, events: SessionEvents) {
    this.receiver = peer.receiver
    this.connectedAt = peer.now
    this.from = { address: peer.address, node: peer.node }
    this.#feed = feed
    this.#events = events
    this.#compress = peer.compress
    this.#socket = new PacedSocket(peer, {
      message: (data, isBinary) => this.#receive(data, isBinary),
      sent: (bytes) => events.sent(bytes),
      closed: () => events.changed(),
    })
  }

  /**
   * Takes over the connection after its hello. `clash` says that another node has used its token. Resolves when the connection is closed; never rejects.
   */
  async run(hello: Hello, head: number, clash: string | null = null): Promise<void> {
    this.#head = head
    try {
      const answer = await this.#feed.root.ask('greet', { hello, receiver: this.receiver })
      const reason = (clash === null ? answer.reason : `${answer.reason}; ${clash}`).slice(0, MOST_REASON)
      const welcome: Welcome = { ...answer, reason, othersCurrent: this.#events.areOthersCurrent() }
      this.#head = Math.max(this.#head, welcome.head)
      this.#partials = hello.partials
      this.state.greeted(welcome, hello)
      await this.#socket.send(encodeMessage(welcome))
      this.#events.changed()
      await this.#sendAll(hello.encodings.includes('zstd') && this.#compress)
    } catch (error) {
      this.#fail(error)
    }
  }

  get lastSeenAt(): Date {
    return this.#socket.lastHeardAt
  }

  /** The index has reached `head`. */
  advanced(head: number): void {
    this.#head = head
    this.#socket.wakeUp()
  }

  /** Whether the receiver has caught up and no resync is running. */
  get isResyncFree(): boolean {
    return !this.#socket.isClosed && this.state.resync === null && this.state.isFollowing(this.#head)
  }

  get committed(): number {
    return this.state.committed
  }

  startResync(id: number, { paths, check, dryRun }: ResyncOrder): void {
    this.state.resync = id
    this.#announce({ type: 'resync', id, within: paths, check, dryRun })
  }

  cancelResync(id: number): void {
    if (this.state.resync === id) this.#announce({ type: 'cancel-resync', id })
  }

  close(error: ProtocolError): void {
    this.#socket.close(error)
  }

  #announce(message: ToReceiver): void {
    this.#announcements.push(encodeMessage(message))
    this.#socket.wakeUp()
  }

  async #sendAll(compress: boolean): Promise<void> {
    let hasJustFed = false
    while (!this.#socket.isClosed) {
      for (const announcement of this.#announcements.splice(0)) await this.#socket.send(announcement)
      const next = this.state.next(this.#head, hasJustFed)
      const [request] = this.state.requests
      if (next === 'wait') await this.#socket.sleep()
      else if (next === 'feed') await this.#sendNext(compress)
      else if (request?.type === 'list') await this.#answerList(request)
      else if (request?.type === 'want') await this.#answerWant(request, compress)
      hasJustFed = next === 'feed'
    }
  }

  /** The request stays queued when the index has moved on: first the changes, then the listing. */
  async #answerList(list: List): Promise<void> {
    const at = this.state.phase === 'feeding' ? this.state.cursor : null
    const { head, listing } = await this.#feed.root.ask('list', { list, at })
    this.#head = Math.max(this.#head, head)
    if (listing === null) return
    this.state.requests.shift()
    await this.#socket.send(listing)
  }

  async #answerWant(request: Want, compress: boolean): Promise<void> {
    this.state.requests.shift()
    const plan = await this.#feed.hub.repair(request.request, request.paths)
    try {
      this.state.sentRepair(request.request)
      await this.#sendPlan(plan, compress, 'bulk')
    } finally {
      this.#feed.hub.dismiss(plan)
    }
  }

  async #sendNext(compress: boolean): Promise<void> {
    // The urgency depends on how much is to come: sessions that share the plan are equally near, and a receiver that
    // fell far behind delays no other.
    const urgency = this.#head - this.state.cursor <= BOUNDS.liveChanges ? 'live' : 'bulk'
    const plan = await this.#feed.hub.join(this.state.cursor, urgency)
    try {
      await this.#sendPlan(plan, compress, urgency)
    } finally {
      this.#feed.hub.leave(plan)
    }
  }

  async #sendPlan(plan: PlanSummary, compress: boolean, urgency: Urgency): Promise<void> {
    await this.#sendSegments(plan, compress, urgency)
    if (this.#socket.isClosed) return
    const { request, to } = plan
    if (request === null) this.state.sentChangeset(to)
    await this.#socket.send(encodeMessage({ type: 'commit', to }))
  }

  async #sendSegments(plan: PlanSummary, compress: boolean, urgency: Urgency): Promise<void> {
    const positions = this.#positionsOf(plan)
    const leases: Promise<SegmentLease>[] = []
    const leaseNext = () => {
      const position = positions.shift()
      if (position === undefined) return
      const lease = this.#feed.hub.segment(plan, position, compress, urgency)
      lease.catch(() => this.#socket.wakeUp())
      leases.push(lease)
    }
    for (let ahead = 0; ahead <= BOUNDS.segmentsAhead; ahead += 1) leaseNext()
    // The changeset begins when its first segment is packed, so that a small change leaves in one piece.
    await leases[0]
    const { from, to, head, request, changes, bytes } = plan
    await this.#socket.send(encodeMessage({ type: 'changeset', from, to, head, request, changes, bytes }))
    for (let lease = await leases.shift(); lease !== undefined; lease = await leases.shift()) {
      leaseNext()
      while (this.state.credit <= 0 && !this.#socket.isClosed) await this.#socket.sleep()
      await this.#sendSegment(lease)
      if (this.#socket.isClosed) return
    }
  }

  /**
   * The lease ends when the last byte was handed to the kernel. When the connection breaks, the lease is never
   * returned, and its memory is left to the garbage collector.
   */
  async #sendSegment({ header, payload, release }: SegmentLease): Promise<void> {
    await this.#socket.send(header)
    this.state.credit -= payload.byteLength
    if (payload.byteLength === 0) release()
    for (let at = 0; at < payload.byteLength; at += LIMITS.frameBytes) {
      const isLast = at + LIMITS.frameBytes >= payload.byteLength
      await this.#socket.send(payload.subarray(at, at + LIMITS.frameBytes), isLast ? release : null)
    }
  }

  /** All segments, minus the slices that the receiver already has. */
  #positionsOf(plan: PlanSummary): number[] {
    const positions: number[] = []
    plan.segments.forEach(({ slice }, position) => {
      const held = this.#partials.find(({ path, content }) => path === slice?.path && content === slice.content)
      if (slice === null || held === undefined || slice.end > held.bytes || slice.isLast) positions.push(position)
      if (slice?.isLast === true) this.#partials = this.#partials.filter((partial) => partial !== held)
    })
    return positions
  }

  #receive(data: Buffer, isBinary: boolean): void {
    try {
      if (isBinary) throw new ProtocolError('unexpected-message', 'a receiver sends no binary frames')
      const message = decodeToAgent(data)
      if (message.type === 'hello') throw new ProtocolError('unexpected-message', 'a second hello')
      this.state.receive(message)
      if (message.type === 'resync-progress') this.#events.resync(message)
      if (message.type === 'committed') this.#events.committed(message.sequence)
      if (message.type !== 'credit') this.#events.changed()
      this.#socket.wakeUp()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    const reason = this.#reasonOf(error)
    if (!this.#socket.isClosed) this.close(reason)
  }

  #reasonOf(error: unknown): ProtocolError {
    if (error instanceof ProtocolError) return error
    if (error instanceof Refusal) return new ProtocolError('root-unavailable', error.message, { cause: error })
    this.#feed.log.error({ err: error, receiver: this.receiver }, 'a session failed')
    return new ProtocolError('internal-error', errorMessage(error), { cause: error })
  }
}
