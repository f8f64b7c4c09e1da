/**
 * One connection: a receiver and one root. Drives SessionState over an outlet.
 *
 * A single loop decides what is sent next (see SessionState.next), so that everything on the line has the order in
 * which it was read from the index. The loop waits for credit and for the socket, and delays no other session.
 * INVARIANT: every session that ends by an error has a code. A refusal of the root and a breach of the protocol are
 * answers; everything else is a fault of this program, which is logged with its stack.
 */

import type { Logger } from '@rootferry/host/daemon'
import { errorMessage, Refusal } from '@rootferry/host/machine'
import {
  decodeToAgent,
  encodeMessage,
  type Hello,
  ProtocolError,
  type ResyncProgress,
  type ToReceiver,
  type Want,
  type Welcome,
} from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { PlanSummary } from '../../root-messages.ts'
import type { ResyncOrder } from '../resync/resync-job.ts'
import type { ResyncLine } from '../resync/resync-queue.ts'
import type { RootThread } from '../root-thread.ts'
import { ChangesetSender } from './changeset-sender.ts'
import type { Hub, Urgency } from './hub.ts'
import { checkHello, type ReceiverRequest } from './message-rules.ts'
import type { Outlet, OutletEvents } from './outlet.ts'
import { RoundPart } from './round-part.ts'
import type { SessionRound } from './rounds.ts'
import type { SentBytes } from './sent-bytes.ts'
import { SessionState } from './session-state.ts'

export interface SessionEvents {
  /** What the receiver had of this index when it came. */
  welcomed(committed: number): void
  /** Whether at least half of the root's receivers have everything. */
  areOthersCurrent(): boolean
  /** A part of the receiver's status has changed. */
  changed(): void
  committed(sequence: number): void
  resync(report: ResyncProgress): void
  /** The connection has ended. @param code of its close frame; 1006: there was none */
  closed(code: number, reason: string): void
}

/** A connection whose hello has come. */
export interface SessionPeer {
  /** Takes over the way to the receiver. */
  open(events: OutletEvents): Outlet
  receiver: string
  /** The receiver's address, for people. */
  address: string
  /** What the receiver says of its node; null: nothing. */
  node: string | null
  compress: boolean
  /** Whether it speaks a version in which small changes may overtake a changeset. */
  overtakes: boolean
  /** Whether it speaks a version with summaries. */
  summaries: boolean
  now: Date
}

export interface SessionFeed {
  root: Pick<RootThread, 'ask'>
  hub: Hub
  sent: SentBytes
  log: Logger
  /** How far a session may be led by itself, where every change is a round; null: as far as the root lets it. */
  limit(): number | null
}

const SUMMARIES = { summaries: true } as const
/** Of the sentence in a welcome. */
const MOST_CLASH = 400

export class Session implements ResyncLine {
  readonly receiver: string
  readonly connectedAt: Date
  /** Its end of the line. */
  readonly from: Pick<SessionPeer, 'address' | 'node' | 'summaries'>
  readonly state = new SessionState()
  readonly #socket: Outlet
  readonly #feed: SessionFeed
  readonly #events: SessionEvents
  #head = 0
  /** Encoded announcements, sent when no segment is being sent. */
  readonly #announcements: string[] = []
  readonly #sender: ChangesetSender
  readonly #rounds: RoundPart
  /** Whether a changeset by itself, or an answer, has begun and not ended. */
  #isBusy = false

  constructor(peer: SessionPeer, feed: SessionFeed, events: SessionEvents) {
    this.receiver = peer.receiver
    this.connectedAt = peer.now
    this.from = { address: peer.address, node: peer.node, summaries: peer.summaries }
    this.#feed = feed
    this.#events = events
    this.#socket = peer.open({
      message: (data, isBinary) => this.#receive(data, isBinary),
      sent: (bytes) => this.#sent(bytes),
      closed: (code, reason) => {
        events.changed()
        events.closed(code, reason)
      },
    })
    const parts = { socket: this.#socket, hub: feed.hub, state: this.state, limit: feed.limit }
    const line = { compress: peer.compress, isSpoken: peer.overtakes, head: () => this.#head }
    this.#sender = new ChangesetSender({ ...parts, ...line, frameBytes: () => feed.sent.frameBytes })
    this.#rounds = new RoundPart({ ...parts, receiver: peer.receiver, sender: this.#sender })
  }

  /** Takes over after the hello; resolves at the end, and never rejects. `clash`: another node has used its token. */
  async run(hello: Hello, head: number, clash: string | null = null): Promise<void> {
    this.#head = head
    try {
      checkHello(hello)
      const answer = await this.#feed.root.ask('greet', { hello, receiver: this.receiver })
      const othersCurrent = this.#events.areOthersCurrent()
      const welcome: Welcome = { ...answer.welcome, othersCurrent, clash: clash?.slice(0, MOST_CLASH) ?? null }
      this.#sender.begin(hello)
      this.state.greeted(welcome, hello, answer)
      this.#events.welcomed(hello.epoch === welcome.epoch ? hello.sequence : 0)
      await this.#socket.send(encodeMessage(welcome))
      this.#events.changed()
      await this.#sendAll()
    } catch (error) {
      this.#fail(error)
    }
  }

  get lastSeenAt(): Date {
    return this.#socket.lastHeardAt
  }

  /** How much of all that was missing has been sent, from 0 to 1; null before it is known what is missing. */
  get sentShare(): number | null {
    return this.state.shareAt(this.#sender.reach ?? this.state.cursor, this.#head)
  }

  /** The index has reached `head`. */
  advanced(head: number): void {
    this.#head = head
    this.#sender.overtaker.look()
    this.#socket.wakeUp()
  }

  /** Whether the receiver has caught up and no resync is running. */
  get isResyncFree(): boolean {
    return !this.#socket.isClosed && this.state.resync === null && this.state.hasCaughtUp
  }

  /** Whether the receiver stands at `sequence`, and a round may begin with it at once. */
  isAtRest(sequence: number): boolean {
    return !this.#isBusy && this.#rounds.isFree && !this.#socket.isClosed && this.state.isAtRest(sequence)
  }

  /** The receiver is a member of a round; its session is at rest. */
  enter(round: SessionRound): void {
    this.#rounds.enter(round)
  }

  /** Others go on to `to` without it. */
  leave(to: number): void {
    this.state.leave(to)
    this.#sender.leave(to)
  }

  get isClosed(): boolean {
    return this.#socket.isClosed
  }

  wakeUp(): void {
    this.#socket.wakeUp()
  }

  get committed(): number {
    return this.state.committed
  }

  /** Whether something was being sent, or was sent and not confirmed. */
  get isAmidChangeset(): boolean {
    return this.#isAmid || this.state.unconfirmed.length > 0
  }

  get #isAmid(): boolean {
    return this.#isBusy || this.#rounds.isAmid
  }

  startResync(id: number, { paths, check, dryRun }: ResyncOrder): void {
    this.state.resync = id
    this.#announce({ type: 'resync', id, within: paths, check, dryRun, ...(this.from.summaries ? SUMMARIES : {}) })
  }

  cancelResync(id: number): void {
    if (this.state.resync === id) this.#announce({ type: 'cancel-resync', id })
  }

  close(error: ProtocolError): void {
    this.#socket.close(error)
  }

  /** @returns milliseconds to rest */
  #sent(bytes: number): number {
    const isUrgent = this.#sender.isSmall && bytes <= BOUNDS.urgentBytes
    return this.#feed.sent.sent(this.receiver, bytes, isUrgent)
  }

  #announce(message: ToReceiver): void {
    this.#announcements.push(encodeMessage(message))
    this.#socket.wakeUp()
  }

  async #sendAll(): Promise<void> {
    let hasJustFed = false
    while (!this.#socket.isClosed) {
      await this.#sendAnnouncements()
      const round = this.#rounds.take()
      if (round !== null) {
        await this.#rounds.send(round)
        continue
      }
      const next = this.state.next(this.#head, hasJustFed)
      const [request] = this.state.requests.waiting
      if (next === 'wait') await this.#socket.sleep()
      else if (next === 'feed') await this.#sendNext()
      else if (next === 'finish') await this.#rounds.finish()
      else if (request?.type === 'want') await this.#answerWant(request)
      else if (request !== undefined) await this.#answerList(request)
      hasJustFed = next === 'feed'
    }
  }

  async #sendAnnouncements(): Promise<void> {
    for (const announcement of this.#announcements.splice(0)) await this.#socket.send(announcement)
  }

  /**
   * The request stays queued when the index has moved on: first the changes, then the listing. They come when the gate
   * lets them pass, which wakes this session.
   */
  async #answerList(list: Exclude<ReceiverRequest, Want>): Promise<void> {
    const at = this.state.phase === 'feeding' ? this.state.cursor : null
    const answer = await this.#rounds.unlessRound(this.#feed.root.ask('list', { list, at }))
    if (answer === null) return
    if (answer.listing === null) return this.#head <= this.state.cursor ? await this.#socket.sleep() : undefined
    this.state.requests.waiting.shift()
    await this.#socket.send(answer.listing)
  }

  /** The request stays queued when a round comes first. */
  async #answerWant({ request, paths }: Want): Promise<void> {
    const { hub } = this.#feed
    const planned = hub.repair(request, paths)
    const plan = await this.#rounds.unlessRound(planned)
    if (plan === null) return void planned.then((late) => hub.dismiss(late), ignore)
    try {
      await this.#sendPlan(plan, 'bulk')
    } finally {
      this.#isBusy = false
      hub.dismiss(plan)
    }
  }

  async #sendNext(): Promise<void> {
    // The urgency depends on how much is to come: sessions that share the plan are equally near, and a receiver that
    // fell far behind delays no other.
    const { cursor, whole, isFrail } = this.state
    const place = { from: cursor, base: cursor, whole: whole.sent, to: null }
    const { hub, limit } = this.#feed
    const order = { ...place, isRest: false, isFrail, shown: this.#sender.overtaker.shown, limit: limit() }
    const urgency = this.#head - cursor <= BOUNDS.liveChanges ? 'live' : 'bulk'
    const joined = hub.join(order, urgency)
    const plan = await this.#rounds.unlessRound(joined)
    if (plan === null) return void joined.then((late) => hub.leave(late), ignore)
    try {
      await this.#sendPlan(plan, urgency)
    } finally {
      this.#isBusy = false
      hub.leave(plan)
    }
  }

  /** Until its first segment is there nothing is under way, and a round may come before it. */
  async #sendPlan(plan: PlanSummary, urgency: Urgency): Promise<void> {
    const { request, to, isWhole } = plan
    const begin = () => {
      this.#isBusy = true
      if (request === null) return
      this.state.requests.waiting.shift()
      this.state.requests.sentRepair(request)
    }
    if (plan.segments.length === 0) begin()
    const isSent = await this.#sender.send(plan, urgency, async (packed) => {
      const first = await this.#rounds.unlessRound(packed)
      if (first !== null) begin()
      return first
    })
    if (!isSent || this.#socket.isClosed) return
    if (request === null) this.state.sentChangeset(to, isWhole)
    await this.#socket.send(encodeMessage({ type: 'commit', to }))
  }

  #receive(data: Buffer, isBinary: boolean): void {
    try {
      if (isBinary) throw new ProtocolError('unexpected-message', 'a receiver sends no binary frames')
      const message = decodeToAgent(data)
      if (message.type === 'hello') throw new ProtocolError('unexpected-message', 'a second hello')
      this.state.receive(message)
      if (message.type === 'resync-progress') this.#events.resync(message)
      if (message.type === 'overtaken') this.#sender.overtaker.visible(message.sequence)
      if (message.type === 'committed') this.#events.committed(message.sequence)
      if (message.type !== 'credit') this.#events.changed()
      this.#socket.wakeUp()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    const { receiver } = this
    const reason = reasonOf(error, (err) => this.#feed.log.error({ err, receiver }, 'a session failed'))
    if (!this.#socket.isClosed) this.close(reason)
  }
}

/** @param unforeseen logs what is neither an answer nor a breach of the protocol */
function reasonOf(error: unknown, unforeseen: (error: unknown) => void): ProtocolError {
  if (error instanceof ProtocolError) return error
  if (error instanceof Refusal) return new ProtocolError('root-unavailable', error.message, { cause: error })
  unforeseen(error)
  return new ProtocolError('internal-error', errorMessage(error), { cause: error })
}

/** The connection that asked has its answer already. */
function ignore(): void {
  return
}
