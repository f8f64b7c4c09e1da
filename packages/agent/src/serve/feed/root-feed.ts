/**
 * One root as the main thread sees it: its thread, its hub, its sessions, and how far each receiver is.
 *
 * INVARIANT: one session per receiver; a newer connection replaces the older one. The sequence that a receiver
 * confirmed outlives its session and, through the root's index, the agent.
 */

import type { HookStatus, Logger } from '@rootferry/host/daemon'
import { Refusal } from '@rootferry/host/machine'
import { type Hello, ProtocolError } from '@rootferry/protocol'
import type { AfterAllHook } from '../../config/after-all.ts'
import type { RootConfig } from '../../config/agent-yaml.ts'
import type { GuardAnswer, RootGate, RootOptions, RootRequests, RootStatus } from '../../root-messages.ts'
import { decodeKeptResyncs, encodeKeptResyncs, type KeptResync } from '../resync/kept-resyncs.ts'
import type { ResyncJob } from '../resync/resync-job.ts'
import { ResyncQueue } from '../resync/resync-queue.ts'
import type { ResyncRoot } from '../resync/resyncs.ts'
import { RootThread } from '../root-thread.ts'
import { AfterAll } from './after-all.ts'
import { FeedHold } from './feed-hold.ts'
import { Fleet } from './fleet.ts'
import { Hub } from './hub.ts'
import type { LineLimits } from './line-limits.ts'
import type { RoundReport } from './round-report.ts'
import { SentBytes } from './sent-bytes.ts'
import { Session, type SessionPeer } from './session.ts'
import { ToCome } from './to-come.ts'
import { Watermarks } from './watermarks.ts'

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
  /** A round has begun, is at its next state, or is over. */
  round(report: RoundReport): void
  /** The numbers of a resync's job have changed. */
  resync(job: ResyncJob): void
}

export class RootFeed implements ResyncRoot {
  readonly name: string
  /** Resyncs that an earlier life of the agent left unfinished. */
  keptResyncs: readonly KeptResync[] = []
  readonly thread: RootThread
  readonly #log: Logger
  readonly #events: FeedEvents
  readonly #hub: Hub
  /** To be asked about receivers; only the feed changes it. */
  readonly fleet: Fleet
  readonly holds: FeedHold
  readonly #resyncs: ResyncQueue
  readonly #afterAll: AfterAll
  #status: RootStatus | null = null
  readonly #sent: SentBytes

  constructor(options: RootOptions, log: Logger, events: FeedEvents, limits: LineLimits) {
    this.name = options.name
    this.#log = log.child({ root: options.name })
    this.#events = events
    this.#sent = new SentBytes(limits)
    const threadEvents = {
      advanced: (head: number, seenMs: number) => {
        this.#afterAll.opened(head)
        this.holds.advanced(head, seenMs)
        this.#afterAll.look()
      },
      status: (status: RootStatus) => this.#statusChanged(status),
      gate: (gate: RootGate) => this.holds.gated(gate),
      round: (from: number, to: number) => this.holds.roundBegins(from, to),
      scanned: (tookMs: number) => this.#events.scanned(tookMs),
      lost: (why: string) => this.#closeSessions(new ProtocolError('root-unavailable', why)),
      down: (why: string) => {
        if (this.#status !== null) this.#statusChanged({ ...this.#status, state: 'unavailable', reason: why })
        this.#closeSessions(new ProtocolError('root-unavailable', why))
      },
    }
    this.thread = new RootThread(options, threadEvents, this.#log)
    this.#hub = new Hub(this.thread)
    const connected = () => this.fleet.sessions.keys()
    const watermarks = new Watermarks({ tell: (message) => this.thread.tell(message), connected })
    const totals = () => this.#status?.totals ?? null
    this.fleet = new Fleet(this.name, watermarks, new ToCome(this.thread, this.#log, watermarks, totals))
    const told = (report: RoundReport) => events.round(report)
    const shared = { thread: this.thread, log: this.#log, watermarks, readers: this.fleet.readers }
    this.holds = new FeedHold({ ...shared, sessions: this.fleet.sessions, together: options.together, told })
    this.#afterAll = new AfterAll({
      ...shared,
      root: this.name,
      path: options.path,
      head: () => this.head,
      isReady: () => this.#status?.state === 'ready',
      isEverywhere: (head) => this.fleet.hasEverywhere(head),
      areReady: () => this.fleet.areReady,
      committed: () => this.fleet.committed(),
      changed: () => this.#status !== null && this.#events.root(this.#status),
    })
    this.#resyncs = new ResyncQueue({
      lineTo: (receiver) => this.fleet.lineTo(receiver),
      changed: (job) => {
        events.resync(job)
        this.#afterAll.compared(job)
      },
    })
    this.fleet.readers.changed = (receiver) => {
      this.#resyncs.pump(receiver)
      this.#receiversChanged()
    }
  }

  /** @throws Failure when the root's index cannot be opened */
  async start(hooks: readonly AfterAllHook[] = []): Promise<void> {
    await this.thread.started
    const memory = await this.thread.ask('memory', {})
    this.#afterAll.begin(hooks, memory.hooks)
    this.fleet.restore(memory)
    this.keptResyncs = decodeKeptResyncs(memory.resyncs)
  }

  /** The thread sends its status now and then, and its head at once: no receiver is shown to be ahead of the root. */
  get status(): RootStatus | null {
    return this.#status === null ? null : { ...this.#status, sequence: Math.max(this.#status.sequence, this.head) }
  }

  /** How far receivers may be fed: below the index's head while the root is held. */
  get head(): number {
    return this.fleet.watermarks.head
  }

  /** Bytes so far. */
  get traffic(): { sent: number; packed: number } {
    return { sent: this.#sent.total, packed: this.#hub.packedBytes }
  }

  /** Serves a connection whose hello has come; resolves when it has ended. */
  async serve(peer: SessionPeer, hello: Hello): Promise<void> {
    const { receiver } = peer
    const older = this.fleet.sessions.get(receiver)
    const clash = older === undefined ? null : this.#replace(older, peer)
    const session = new Session(
      peer,
      { root: this.thread, hub: this.#hub, sent: this.#sent, log: this.#log, limit: () => this.holds.limit },
      {
        areOthersCurrent: () => this.fleet.areOthersCurrent(receiver),
        welcomed: (committed) => committed > 0 && this.#afterAll.came(receiver, committed),
        changed: () => {
          this.#progressed(receiver, session)
          this.#resyncs.pump(receiver)
        },
        resync: (report) => this.#resyncs.progress(receiver, report),
        committed: (sequence) => this.#committed(receiver, session, sequence),
        closed: (code, reason) => this.#disconnected(receiver, session, { code, reason }),
      },
    )
    this.fleet.connected(session)
    this.#log.info({ receiver, sequence: hello.sequence, target: hello.target }, 'receiver connected')
    await session.run(hello, this.head, clash)
  }

  #disconnected(receiver: string, session: Session, end: { code: number; reason: string }): void {
    this.fleet.disconnected(session, end)
    this.#resyncs.ended(receiver, session)
    this.#events.receiver(receiver)
    this.#receiversChanged()
    this.#log.info({ receiver, ...end }, 'receiver disconnected')
  }

  #replace(older: Session, { address, node }: SessionPeer): string | null {
    const { receiver } = older
    const clash = this.fleet.replaced(older, { address, node })
    if (clash === null) this.#log.info({ receiver, address }, 'a newer connection of the same node replaces one')
    else this.#log.warn({ receiver, addresses: [older.from.address, address] }, clash)
    older.close(new ProtocolError('superseded', `${clash ?? 'the same node'}; the newer connection stays`))
    return clash
  }

  disconnect(receiver: string, error: ProtocolError): void {
    this.fleet.sessions.get(receiver)?.close(error)
  }

  /** The receiver's token is revoked for good: nothing waits for the receiver any more. */
  forget(receiver: string): void {
    this.disconnect(receiver, new ProtocolError('revoked', 'the token was revoked'))
    this.fleet.forget(receiver)
    this.#afterAll.forget(receiver)
    this.#resyncs.forget(receiver)
    this.thread.tell({ type: 'forget', receiver })
  }

  knows(receiver: string): boolean {
    return this.fleet.watermarks.of(receiver) !== null || this.fleet.sessions.has(receiver)
  }

  /** The tree is scanned once for all of the jobs. */
  resync(jobs: readonly ResyncJob[]): void {
    const order = jobs[0]?.order
    if (order === undefined) return
    const looked = this.thread.ask('rescan', { within: order.paths, content: order.check === 'content' })
    looked.catch((error: unknown) => {
      if (!(error instanceof Refusal)) this.#log.error({ err: error }, 'a resync failed')
    })
    this.#resyncs.enqueue(jobs, looked, this.#status?.state !== 'ready')
  }

  /** What was sent, or may be sent now. @throws Refusal */
  async changes(order: Omit<RootRequests['recent']['takes'], 'to'>) {
    const { watermarks } = this.fleet
    const { changes, next } = await this.thread.ask('recent', { ...order, to: watermarks.head })
    const timeOf = (sequence: number) => watermarks.timeOf(sequence)?.toISOString() ?? null
    const timed = changes.map((change) => ({ ...change, time: timeOf(change.sequence) }))
    return { root: this.name, head: watermarks.head, next, changes: timed }
  }

  cancelResync(job: ResyncJob): void {
    this.#resyncs.cancel(job)
  }

  keepResyncs(orders: readonly KeptResync[]): void {
    this.thread.tell({ type: 'remember', key: 'resyncs', text: encodeKeptResyncs(orders) })
  }

  /** The root is not served any more: nothing waits for it. */
  abandon(): void {
    this.#resyncs.abandon('the root was taken out of service')
  }

  /** An operator lets a halted root continue as it is, deletions included. */
  acceptGuard(): Promise<GuardAnswer> {
    return this.thread.ask('accept-guard', {})
  }

  async configure({ exclude, watch, guard, hold, together, preserve, hooks }: RootConfig): Promise<void> {
    this.thread.tell({ type: 'reconfigure', exclude, watch, guard, hold, together, preserve })
    this.holds.configure(together)
    await this.#afterAll.configure(hooks)
  }

  get hooks(): HookStatus[] {
    return this.#afterAll.status
  }

  /** @param forGood the root is not served any more */
  async close(forGood = false): Promise<void> {
    await this.#afterAll.close()
    this.fleet.watermarks.close()
    this.#closeSessions(new ProtocolError('shutting-down', 'the agent is stopping'))
    await this.thread.close(forGood)
  }

  #statusChanged(status: RootStatus): void {
    this.#status = status
    this.#events.root(status)
    if (status.state === 'ready') this.#afterAll.scanned(status.sequence)
    this.#afterAll.look()
  }

  #committed(receiver: string, session: Session, sequence: number): void {
    const before = this.fleet.watermarks.of(receiver)?.committed ?? 0
    // Changes that a receiver missed while it was away, or before its first sync, do not measure how fast changes
    // travel.
    const isFollowing = session.state.hasCaughtUp
    this.#progressed(receiver, session)
    const seconds = isFollowing ? this.fleet.watermarks.agesBetween(before, sequence, new Date()) : []
    this.#events.committed({ receiver, sequence, seconds })
  }

  #progressed(receiver: string, session: Session): void {
    const { state, lastSeenAt } = session
    state.confirmedAt(this.head)
    this.#events.receiver(receiver)
    if (state.phase !== 'greeting') this.fleet.watermarks.recovered(receiver)
    if (this.fleet.sessions.get(receiver) !== session) return
    if (state.phase === 'feeding') {
      this.fleet.watermarks.confirmed(receiver, state, lastSeenAt)
      this.#afterAll.confirmed(receiver, state.committed)
    }
    this.#receiversChanged()
  }

  #receiversChanged(): void {
    this.holds.receiverChanged()
    this.#afterAll.look()
  }

  #closeSessions(error: ProtocolError): void {
    this.holds.abortRound()
    this.fleet.sentAway()
    for (const session of this.fleet.sessions.values()) session.close(error)
  }
}
