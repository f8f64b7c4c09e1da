/**
 * Pure bookkeeping of one receiver's session: what may be sent, what the receiver has confirmed, and what breaks the
 * protocol.
 *
 *   greeting ──hello, start replay──▶ feeding ──committed = head──▶ feeding (live)
 *       └──────hello, start resync──▶ comparing ──resynced──▶ feeding
 *
 * Only the hello has a place before the welcome; `list` and `want` are answered at any time after it. No clock, no
 * socket: `session.ts` drives it.
 */
import {
  type Hello,
  LIMITS,
  type Owed,
  ProtocolError,
  type ToAgent,
  type TrashReport,
  type Welcome,
} from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import { OpenRequests } from './open-requests.ts'

/** What a receiver tells of itself. */
export interface Said {
  owed: Pick<Owed, 'count' | 'paths'>
  /** null: it has not said. */
  isReady: boolean | null
  failing: { code: string; message: string } | null
  /** null: it has not said. */
  trash: Pick<TrashReport, 'batches' | 'bytes' | 'oldest'> | null
}

export const NOTHING_SAID: Said = { owed: { count: 0, paths: [] }, isReady: null, failing: null, trash: null }

export type Phase = 'greeting' | 'comparing' | 'feeding'

/** A receiver that is further behind than this is not live, whatever it was before. */
export const LIVE_LAG_SECONDS = 10

/** The code by which a receiver says that its first join waits for an operator there. */
const AWAITING_ACCEPT = 'awaiting-accept'

export type ReceiverWord = 'resyncing' | 'replaying' | 'left-behind' | 'live' | 'failed' | typeof AWAITING_ACCEPT

export class SessionState {
  phase: Phase = 'greeting'
  /** Everything up to here was sent, or the receiver already had it. */
  cursor = 0
  committed = 0
  durable = 0
  /**
   * The last sequence at which the receiver had everything that the index held then, as far as was sent and as far as
   * it has committed; 0: never.
   */
  readonly whole = { sent: 0, committed: 0 }
  /** Segment bytes that may still be sent; a segment may begin while it is positive. */
  credit = 0
  /** Ends of the changesets on their way, oldest first. */
  readonly unconfirmed: number[] = []
  /**
   * `prepared`: everything from the cursor up to there was sent to be staged; null: nothing. The end of a round that the
   * receiver says it has staged, or has left; and that up to which what it came with is completed. `burstMs`: of the last commit,
   * from its first to its last call.
   */
  readonly rounds = {
    prepared: null as number | null,
    staged: -1,
    left: -1,
    completesTo: null as number | null,
    burstMs: 0,
  }
  readonly requests = new OpenRequests()
  /**
   * The sequence of the welcome: where the receiver stood, or what it compares itself with. `left-behind`: others have
   * what it missed, or a round went without it; it says so in its own status too. `isFrail`: the receiver's last line
   * broke within a changeset.
   */
  readonly #start = { sequence: 0, isFrail: false, standing: 'behind' as 'behind' | 'left-behind' | 'caught-up' }
  /** Id of the resync that was ordered and has not reported its end. */
  resync: number | null = null
  /** By the receiver's own word. */
  said: Said = NOTHING_SAID

  greeted(
    welcome: Welcome,
    hello: Pick<Hello, 'durable' | 'credit' | 'epoch' | 'sequence'>,
    { whole, round }: { whole: number; round: number | null } = { whole: 0, round: null },
  ): void {
    this.credit = hello.credit
    const { start, sequence, head, othersCurrent, epoch, released } = welcome
    const isAlone = othersCurrent && (start === 'resync' || sequence < head)
    // Behind in another epoch are all receivers alike.
    const isLeft = epoch === hello.epoch && (isAlone || hello.sequence < released)
    this.#start.standing = isLeft ? 'left-behind' : 'behind'
    this.#start.sequence = welcome.sequence
    this.phase = welcome.start === 'replay' ? 'feeding' : 'comparing'
    this.rounds.completesTo = round
    if (welcome.start === 'resync') return
    this.rounds.prepared = welcome.prepared
    Object.assign(this.whole, { sent: whole, committed: whole })
    this.cursor = welcome.sequence
    this.committed = welcome.sequence
    this.durable = Math.min(hello.durable, welcome.sequence)
  }

  /** The receiver's last line broke within a changeset. */
  frail(): void {
    this.#start.isFrail = true
  }

  /** Until it has caught up, segments are small: over a line that breaks again and again each connection brings some. */
  get isFrail(): boolean {
    return this.#start.isFrail && !this.hasCaughtUp
  }

  /** The receiver is told that a round goes without it. */
  leave(to: number): void {
    if (this.committed < to) this.#start.standing = 'left-behind'
  }

  /** @throws ProtocolError when the message has no place in this phase */
  receive(message: Exclude<ToAgent, { type: 'hello' }>): void {
    if (this.phase === 'greeting') throw unexpected(`${message.type} before welcome`)
    switch (message.type) {
      case 'credit':
        if (this.credit + message.bytes > LIMITS.creditBytes)
          throw new ProtocolError('limit-exceeded', `${this.credit + message.bytes} bytes of credit`)
        this.credit += message.bytes
        return
      case 'committed':
        this.rounds.burstMs = message.burstMicros / 1000
        return this.#confirm(message.sequence)
      case 'staged':
        if (message.sequence > Math.max(this.rounds.prepared ?? 0, this.cursor))
          throw unexpected(`staged ${message.sequence}, which was not sent`)
        this.rounds.staged = message.sequence
        return
      case 'overtaken':
        // See Overtaker.
        return
      case 'left':
        this.rounds.left = Math.max(this.rounds.left, message.sequence)
        return
      case 'durable':
        if (message.sequence > this.committed) throw unexpected('durable beyond committed')
        this.durable = Math.max(this.durable, message.sequence)
        return
      case 'list':
      case 'summarize':
      case 'expand':
      case 'want':
        return this.requests.take(message)
      case 'repaired':
        if (!this.requests.repaired(message.request)) throw unexpected(`repaired ${message.request} was not under way`)
        return
      case 'resynced':
        return this.#resynced(message.sequence)
      case 'failing':
        this.said = { ...this.said, failing: message.error }
        return
      case 'owed':
        this.said = { ...this.said, owed: { count: message.count, paths: message.paths } }
        return
      case 'ready':
        this.said = { ...this.said, isReady: message.ready }
        return
      case 'trash':
        this.said = { ...this.said, trash: message }
        return
      case 'resync-progress':
        if (message.id !== this.resync) throw unexpected(`progress of resync ${message.id}, which is not under way`)
        if (message.state !== 'running') this.resync = null
        return
    }
  }

  /** @param isWhole it leads to everything that the index held */
  sentChangeset(to: number, isWhole = false): void {
    if (isWhole) this.whole.sent = to
    this.rounds.prepared = null
    this.cursor = to
    this.unconfirmed.push(to)
  }

  /**
   * Nothing is under way, and everything up to there is committed, or more (after a rolling release that was stopped), or
   * less: a file holds the root at once, and the last changes before it may not have come.
   */
  isAtRest(sequence: number): boolean {
    const isIdle = this.unconfirmed.length === 0 && this.requests.areRepaired && this.said.failing === null
    const isThere = this.committed === this.cursor && (this.cursor >= sequence || this.hasCaughtUp)
    return this.phase === 'feeding' && isIdle && isThere
  }

  /**
   * What is sent next: live changes and answers take turns. A listing must be of the sequence at which the receiver
   * stands when it arrives, so while changes flow it waits until no change is due.
   */
  next(head: number, hasJustFed: boolean): 'answer' | 'feed' | 'finish' | 'wait' {
    const [request] = this.requests.waiting
    // What an earlier connection has staged comes first; no answer comes within it.
    if (this.rounds.prepared !== null) return this.rounds.prepared <= head ? 'finish' : 'wait'
    const isDue = this.mayFeed(head)
    if (request === undefined) return isDue ? 'feed' : 'wait'
    if (request.type !== 'want' && this.phase === 'feeding' && head > this.cursor) return isDue ? 'feed' : 'wait'
    return isDue && !hasJustFed ? 'feed' : 'answer'
  }

  /** Whether a changeset may begin now, when there are changes above the cursor. */
  mayFeed(head: number): boolean {
    return this.phase === 'feeding' && head > this.cursor && this.unconfirmed.length < BOUNDS.unconfirmedChangesets
  }

  /** How much of all that the receiver missed is done when it is at `reach`, from 0 to 1; null before that is known. */
  shareAt(reach: number, head: number): number | null {
    const missing = head - this.#start.sequence
    if (this.phase !== 'feeding' || missing <= 0) return null
    return Math.max(0, Math.min(1, (reach - this.#start.sequence) / missing))
  }

  /** Whether the receiver has caught up on this connection, and can commit. */
  get keepsUp(): boolean {
    return this.phase === 'feeding' && this.hasCaughtUp && this.said.failing === null
  }

  /** The receiver had everything once on this connection, and so waits for changes as they come. */
  get hasCaughtUp(): boolean {
    return this.#start.standing === 'caught-up'
  }

  /** The receiver has confirmed something: it may have everything up to the head. */
  confirmedAt(head: number): void {
    if (this.phase === 'feeding' && this.committed >= head) this.#start.standing = 'caught-up'
  }

  /**
   * Status word. @param behindSeconds age of the oldest change that the receiver has not committed, 0 where there is
   * none
   */
  statusAt(behindSeconds: number): ReceiverWord {
    if (this.said.failing !== null) return this.said.failing.code === AWAITING_ACCEPT ? AWAITING_ACCEPT : 'failed'
    if (this.#start.standing === 'left-behind') return 'left-behind'
    if (this.phase !== 'feeding') return 'resyncing'
    return this.hasCaughtUp && behindSeconds <= LIVE_LAG_SECONDS ? 'live' : 'replaying'
  }

  #confirm(sequence: number): void {
    if (this.unconfirmed[0] !== sequence)
      throw unexpected(`committed ${sequence}, expected ${this.unconfirmed[0] ?? 'none'}`)
    this.unconfirmed.shift()
    this.committed = sequence
    if (sequence === this.whole.sent) this.whole.committed = sequence
  }

  #resynced(sequence: number): void {
    if (this.phase !== 'comparing' || sequence !== this.#start.sequence) throw unexpected(`resynced ${sequence}`)
    this.phase = 'feeding'
    this.#start.standing = 'behind'
    this.cursor = sequence
    this.committed = sequence
  }
}

function unexpected(detail: string): ProtocolError {
  return new ProtocolError('unexpected-message', detail)
}
