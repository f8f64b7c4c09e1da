/**
 * Sends the segments of plans over one connection, as far as credit and the socket allow.
 *
 * INVARIANT: no message comes between the frames of a segment. A receiver that is to leave a round is told as soon as
 * that allows, also amid a changeset.
 */
import { encodeMessage, type Hello, type Partial } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { PlanSummary } from '../../root-messages.ts'
import type { Hub, SegmentLease, Urgency } from './hub.ts'
import { Overtaker, type OvertakerParts } from './overtaker.ts'

type Begins = (first: Promise<SegmentLease>) => Promise<SegmentLease | null>

export interface SenderParts extends OvertakerParts {
  hub: Hub
  /** Whether the agent compresses for this receiver. */
  compress: boolean
  /** The most bytes of a frame now. */
  frameBytes: () => number
}

export class ChangesetSender {
  readonly #parts: SenderParts
  #compress = false
  #partials: readonly Partial[] = []
  /** A receiver is to leave the round that ends there, and was not told yet. */
  #leaveTo: number | null = null
  #isInSegment = false
  /** What is being sent goes ahead of the changeset. */
  #isOvertaking = false
  /** Of the changeset that is being sent. */
  #sending: { from: number; to: number; bytes: number; sent: number; segments: number } | null = null

  /** What goes ahead of the changeset that is being sent. */
  readonly overtaker: Overtaker

  constructor(parts: SenderParts) {
    this.#parts = parts
    this.overtaker = new Overtaker(parts)
  }

  begin({ encodings, partials }: Pick<Hello, 'encodings' | 'partials'>): void {
    this.#compress = this.#parts.compress && encodings.includes('zstd')
    this.#partials = partials
  }

  /** Where the receiver stands when the part of the present changeset that was sent counts; null: none is being sent. */
  get reach(): number | null {
    if (this.#sending === null) return null
    const { from, to, sent, segments } = this.#sending
    return from + ((to - from) * sent) / Math.max(1, segments)
  }

  /** Whether nothing large is being sent. */
  get isSmall(): boolean {
    return this.#sending === null || this.#isOvertaking || this.#sending.bytes <= BOUNDS.urgentBytes
  }

  /** Others go on to `to` without the receiver. */
  leave(to: number): void {
    this.#leaveTo = Math.max(this.#leaveTo ?? to, to)
    // The session may wait for an answer, or for a release, and then sends nothing by itself.
    if (!this.#isInSegment) void this.#sendLeave()
  }

  /**
   * A changeset without its end, which is a commit or a prepare.
   * @param begins waits for its first segment; null: something else comes first
   * @returns whether it was sent, or the connection ended
   */
  async send(plan: PlanSummary, urgency: Urgency, begins: Begins = (first) => first): Promise<boolean> {
    const { hub, socket, state } = this.#parts
    const isBegun = !plan.isLaidOut
    if (isBegun) await this.#begin(plan)
    const laidOut = isBegun ? await this.#laidOut(plan) : plan
    const positions = this.#positionsOf(laidOut)
    const leases: Promise<SegmentLease>[] = []
    const leaseNext = () => {
      const position = positions.shift()
      if (position === undefined) return
      const lease = hub.segment(plan, position, this.#compress, urgency)
      lease.catch(() => socket.wakeUp())
      leases.push(lease)
    }
    for (let ahead = 0; ahead <= BOUNDS.segmentsAhead; ahead += 1) leaseNext()
    // The changeset begins when its first segment is packed, so that a small change leaves in one piece.
    if (!isBegun && leases[0] !== undefined && (await begins(leases[0])) === null) {
      for (const lease of leases) void lease.then(({ release }) => release(), ignore)
      return false
    }
    if (!isBegun) await this.#begin(plan)
    if (!laidOut.mayBeOvertaken) this.overtaker.end()
    const sending = this.#sends(laidOut)
    for (let lease = await leases.shift(); lease !== undefined; lease = await leases.shift()) {
      leaseNext()
      while (state.credit <= 0 && !socket.isClosed) await socket.sleep()
      await this.#sendOvertake(this.overtaker.take())
      await this.#sendSegment(lease)
      sending.sent += 1
      if (socket.isClosed) break
    }
    this.overtaker.end()
    if (!socket.isClosed) this.#sending = null
    return true
  }

  async #begin(plan: PlanSummary): Promise<void> {
    const { base, from, to, head, request, changes, bytes } = plan
    this.#sends(plan)
    this.overtaker.begin(plan, this.#compress)
    await this.#parts.socket.send(encodeMessage({ type: 'changeset', base, from, to, head, request, changes, bytes }))
  }

  #sends({ from, to, bytes, segments }: PlanSummary) {
    const sending = { from, to, bytes, sent: 0, segments: segments.length }
    this.#sending = sending
    return sending
  }

  /** Small changes go ahead while its files are read. @throws Refusal when the root cannot be read any more */
  async #laidOut(plan: PlanSummary): Promise<PlanSummary> {
    const { hub, socket } = this.#parts
    let isOver = false
    const asked = hub.layOut(plan).finally(() => {
      isOver = true
      socket.wakeUp()
    })
    asked.catch(ignore)
    while (!isOver && !socket.isClosed) {
      const ahead = this.overtaker.take()
      await (ahead === null ? socket.sleep() : this.#sendOvertake(ahead))
    }
    return socket.isClosed ? { ...plan, segments: [] } : await asked
  }

  async #sendOvertake(ahead: ReturnType<Overtaker['take']>): Promise<void> {
    if (ahead === null) return
    this.#isOvertaking = true
    await this.#sendSegment({ ...ahead, release: ignore })
    this.#isOvertaking = false
  }

  /**
   * The lease ends when the last byte was handed to the kernel. When the connection breaks, the lease is never
   * returned, and its memory is left to the garbage collector.
   */
  async #sendSegment({ header, payload, release }: Omit<SegmentLease, 'isAsPlanned'>): Promise<void> {
    const { socket, state } = this.#parts
    this.#isInSegment = payload.byteLength > 0
    await socket.send(header)
    state.credit -= payload.byteLength
    if (payload.byteLength === 0) release()
    const frameBytes = this.#parts.frameBytes()
    for (let at = 0; at < payload.byteLength; at += frameBytes) {
      const isLast = at + frameBytes >= payload.byteLength
      const sent = socket.send(payload.subarray(at, at + frameBytes), isLast ? release : null)
      if (isLast) {
        this.#isInSegment = false
        void this.#sendLeave()
      }
      await sent
    }
  }

  async #sendLeave(): Promise<void> {
    const to = this.#leaveTo
    this.#leaveTo = null
    if (to !== null) await this.#parts.socket.send(encodeMessage({ type: 'leave', to }))
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
}

/** The sender of a lease that failed has its answer already; what goes ahead is leased by nobody. */
function ignore(): void {
  return
}
