/**
 * One connection: a receiver and one root. Drives SessionState over a WebSocket.
 *
 * A single loop decides what is sent next (see SessionState.next), so that everything on the line is in the order in
 * which it was read from the index. It waits for credit, and for the socket to drain: a
 * receiver that does not read costs a few frames of memory and delays nobody.
 */

import type { Writable } from 'node:stream'
import {
  type CancelResync,
  closeText,
  decodeToAgent,
  encodeMessage,
  type Hello,
  LIMITS,
  type List,
  type Partial,
  ProtocolError,
  type ResyncOrder,
  type ResyncProgress,
  type Want,
  type Welcome,
} from '@rootferry/protocol'
import type { WebSocket } from 'ws'
import { BOUNDS } from '../../bounds.ts'
import type { PlanSummary } from '../../root-messages.ts'
import type { ResyncLine } from '../resync/resync-queue.ts'
import type { RootThread } from '../root-thread.ts'
import type { Hub, SegmentLease, Urgency } from './hub.ts'
import { SessionState } from './session-state.ts'

export interface SessionEvents {
  /** Something that status shows has changed. */
  changed(): void
  committed(sequence: number): void
  sent(bytes: number): void
  resync(report: ResyncProgress): void
}

export class Session implements ResyncLine {
  readonly receiver: string
  readonly connectedAt: Date
  readonly state = new SessionState()
  lastSeenAt: Date
  readonly #socket: WebSocket
  /** What the socket writes to. */
  readonly #line: Pick<Writable, 'cork' | 'uncork'>
  #isGathering = false
  readonly #root: RootThread
  readonly #hub: Hub
  readonly #events: SessionEvents
  readonly #compress: boolean
  #head = 0
  #partials: readonly Partial[] = []
  /** Encoded, to be sent when no segment is under way. */
  readonly #orders: string[] = []
  #wake = Promise.withResolvers<void>()
  #closed = false

  constructor(
    peer: {
      socket: WebSocket
      line: Pick<Writable, 'cork' | 'uncork'>
      receiver: string
      compress: boolean
      now: Date
    },
    feed: { root: RootThread; hub: Hub },
    events: SessionEvents,
  ) {
    this.receiver = peer.receiver
    this.#socket = peer.socket
    this.#line = peer.line
    this.connectedAt = peer.now
    this.lastSeenAt = peer.now
    this.#root = feed.root
    this.#hub = feed.hub
    this.#events = events
    this.#compress = peer.compress
  }

  /** Takes the connection over after its hello. Resolves when it is closed; never rejects. */
  async run(hello: Hello, head: number): Promise<void> {
    this.#head = head
    this.#socket.on('message', (data: Buffer, isBinary: boolean) => this.#receive(data, isBinary))
    this.#socket.on('close', () => this.#end())
    this.#socket.on('pong', () => this.#heard())
    try {
      const welcome: Welcome = await this.#root.ask('greet', { hello, receiver: this.receiver })
      this.#head = Math.max(this.#head, welcome.head)
      this.#partials = hello.partials
      this.state.greeted(welcome, hello)
      await this.#send(encodeMessage(welcome))
      this.#events.changed()
      await this.#feed(hello.encodings.includes('zstd') && this.#compress)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** The index has news. */
  advanced(head: number): void {
    this.#head = head
    this.#wakeUp()
  }

  /** Caught up, and no resync under way. */
  get isResyncFree(): boolean {
    return !this.#closed && this.state.resync === null && this.state.isFollowing(this.#head)
  }

  get committed(): number {
    return this.state.committed
  }

  startResync(order: ResyncOrder): void {
    this.state.resync = order.id
    this.#order(order)
  }

  cancelResync(id: number): void {
    if (this.state.resync === id) this.#order({ type: 'cancel-resync', id })
  }

  close(error: ProtocolError): void {
    this.#closed = true
    this.#wakeUp()
    this.#socket.close(error.closeCode, closeText(error.message))
  }

  #order(order: ResyncOrder | CancelResync): void {
    this.#orders.push(encodeMessage(order))
    this.#wakeUp()
  }

  async #feed(compress: boolean): Promise<void> {
    let hasJustFed = false
    while (!this.#closed) {
      for (let order = this.#orders.shift(); order !== undefined; order = this.#orders.shift()) await this.#send(order)
      const next = this.state.next(this.#head, hasJustFed)
      const [request] = this.state.requests
      if (next === 'wait') await this.#sleep()
      else if (next === 'feed') await this.#sendNext(compress)
      else if (request?.type === 'list') await this.#answerList(request)
      else if (request?.type === 'want') await this.#answerWant(request, compress)
      hasJustFed = next === 'feed'
    }
  }

  /** The request stays when the index has moved on: first the changes, then the listing. */
  async #answerList(list: List): Promise<void> {
    const at = this.state.phase === 'feeding' ? this.state.cursor : null
    const { head, listing } = await this.#root.ask('list', { list, at })
    this.#head = Math.max(this.#head, head)
    if (listing === null) return
    this.state.requests.shift()
    await this.#send(listing)
  }

  async #answerWant(request: Want, compress: boolean): Promise<void> {
    this.state.requests.shift()
    const plan = await this.#hub.repair(request.request, request.paths)
    try {
      this.state.sentRepair(request.request)
      await this.#sendPlan(plan, compress, 'bulk')
    } finally {
      this.#hub.dismiss(plan)
    }
  }

  async #sendNext(compress: boolean): Promise<void> {
    // By what there is to do: whoever shares the plan is as near, and one that fell far behind delays nobody.
    const urgency = this.#head - this.state.cursor <= BOUNDS.liveChanges ? 'live' : 'bulk'
    const plan = await this.#hub.join(this.state.cursor, urgency)
    try {
      await this.#sendPlan(plan, compress, urgency)
    } finally {
      this.#hub.leave(plan)
    }
  }

  async #sendPlan(plan: PlanSummary, compress: boolean, urgency: Urgency): Promise<void> {
    await this.#sendSegments(plan, compress, urgency)
    if (this.#closed) return
    const { request, to } = plan
    if (request === null) this.state.sentChangeset(to)
    await this.#send(encodeMessage({ type: 'commit', to }))
  }

  async #sendSegments(plan: PlanSummary, compress: boolean, urgency: Urgency): Promise<void> {
    const positions = this.#positionsOf(plan)
    const ordered: Promise<SegmentLease>[] = []
    const order = () => {
      const position = positions.shift()
      if (position === undefined) return
      const lease = this.#hub.segment(plan, position, compress, urgency)
      lease.catch(() => this.#wakeUp())
      ordered.push(lease)
    }
    for (let ahead = 0; ahead <= BOUNDS.segmentsAhead; ahead += 1) order()
    // Begun when the first segment is there, a small change leaves in one piece.
    await ordered[0]
    const { from, to, head, request, changes, bytes } = plan
    await this.#send(encodeMessage({ type: 'changeset', from, to, head, request, changes, bytes }))
    for (let lease = await ordered.shift(); lease !== undefined; lease = await ordered.shift()) {
      order()
      while (this.state.credit <= 0 && !this.#closed) await this.#sleep()
      await this.#sendSegment(lease)
      if (this.#closed) return
    }
  }

  /** The lease ends when the last byte has left for the kernel; with a connection that breaks it is left to rot. */
  async #sendSegment({ header, payload, release }: SegmentLease): Promise<void> {
    await this.#send(header)
    this.state.credit -= payload.byteLength
    if (payload.byteLength === 0) release()
    for (let at = 0; at < payload.byteLength; at += LIMITS.frameBytes) {
      const isLast = at + LIMITS.frameBytes >= payload.byteLength
      await this.#send(payload.subarray(at, at + LIMITS.frameBytes), isLast ? release : null)
    }
  }

  /** All segments, less the slices that the receiver said it has. */
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
    this.#heard()
    if (this.#closed) return
    try {
      if (isBinary) throw new ProtocolError('unexpected-message', 'a receiver sends no binary frames')
      const message = decodeToAgent(data)
      if (message.type === 'hello') throw new ProtocolError('unexpected-message', 'a second hello')
      this.state.receive(message)
      if (message.type === 'resync-progress') this.#events.resync(message)
      if (message.type === 'committed') this.#events.committed(message.sequence)
      if (message.type !== 'credit') this.#events.changed()
      this.#wakeUp()
    } catch (error) {
      this.#fail(error)
    }
  }

  #heard(): void {
    this.lastSeenAt = new Date()
  }

  /** @param left called when the data was handed to the kernel, or cannot be any more */
  async #send(data: string | Uint8Array, left: (() => void) | null = null): Promise<void> {
    if (this.#closed) return
    this.#gather(data.length)
    this.#socket.send(data, () => {
      left?.()
      this.#wakeUp()
    })
    this.#events.sent(data.length)
    while (this.#socket.bufferedAmount > BOUNDS.bufferedBytes && !this.#closed) await this.#sleep()
  }

  /**
   * What is sent at once leaves at once: every write costs a system call here, and wakes the receiver there. Not what is
   * large: TLS copies all of a write that is of several parts.
   */
  #gather(bytes: number): void {
    if (bytes > BOUNDS.gatheredBytes) return this.#letGo()
    if (this.#isGathering) return
    this.#isGathering = true
    this.#line.cork()
    setImmediate(() => this.#letGo())
  }

  #letGo(): void {
    if (!this.#isGathering) return
    this.#isGathering = false
    this.#line.uncork()
  }

  #sleep(): Promise<void> {
    return this.#wake.promise
  }

  #wakeUp(): void {
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
  }

  #fail(error: unknown): void {
    if (this.#closed) return
    this.close(
      error instanceof ProtocolError ? error : new ProtocolError('root-unavailable', describe(error), { cause: error }),
    )
  }

  #end(): void {
    this.#closed = true
    this.#wakeUp()
    this.#events.changed()
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
