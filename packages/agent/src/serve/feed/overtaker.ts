/**
 * The part of one session in overtaking: while a changeset of large files is under way, small changes that were made
 * later are asked for, and sent before its next segment.
 *
 *   idle ─begin─▶ asking ─▶ ready ─sent─▶ awaited ─overtaken─▶ asking …   end: idle, with `shown` kept
 *
 * INVARIANT: one overtake is under way at a time, so a receiver that is stuck costs the agent no more than that. What
 * was shown is shown once: each begins where the last one ended.
 */
import { ProtocolError } from '@rootferry/protocol'
import type { PackedOvertake, PlanSummary } from '../../root-messages.ts'
import type { Hub } from './hub.ts'
import type { Outlet } from './outlet.ts'
import type { SessionState } from './session-state.ts'

export interface OvertakerParts {
  socket: Outlet
  hub: Pick<Hub, 'overtake'>
  state: SessionState
  /** Whether the receiver knows the message. */
  isSpoken: boolean
  /** How far receivers may be brought. */
  head: () => number
}

type Ready = PackedOvertake & { header: string }

export class Overtaker {
  readonly #parts: OvertakerParts
  /** The changeset that is under way and may be overtaken. */
  #plan: PlanSummary | null = null
  #compress = false
  #isAsking = false
  /** Up to there it was asked in vain, or is known. */
  #asked = 0
  #ready: Ready | null = null
  /** Up to there something went ahead on this connection. */
  #shown = 0
  /** The receiver has yet to say that it is visible. */
  #isAwaited = false

  constructor(parts: OvertakerParts) {
    this.#parts = parts
  }

  begin(plan: PlanSummary, compress: boolean): void {
    if (!this.#parts.isSpoken || !plan.mayBeOvertaken) return
    this.#plan = plan
    this.#compress = compress
    this.#asked = 0
    this.look()
  }

  /** A plan for this receiver is made after that. */
  get shown(): number {
    return this.#shown
  }

  /** The receiver says that it is visible. @throws ProtocolError when that was not sent */
  visible(sequence: number): void {
    if (!this.#isAwaited || sequence !== this.#shown)
      throw new ProtocolError('unexpected-message', `overtaken ${sequence}, which was not sent`)
    this.#isAwaited = false
    this.look()
  }

  end(): void {
    this.#plan = null
    this.#ready = null
  }

  /** The head has moved, or the last overtake is visible. */
  look(): void {
    const { head } = this.#parts
    const isDue = this.#plan !== null && this.#ready === null && !this.#isAsking && !this.#isAwaited
    if (isDue && head() > Math.max(this.#asked, this.#after)) void this.#ask()
  }

  /** What is sent now, before the next segment; null: nothing is. */
  take(): Ready | null {
    const { state } = this.#parts
    const ready = this.#ready
    if (ready === null || state.credit <= 0) return null
    this.#ready = null
    this.#shown = ready.to
    this.#isAwaited = true
    return ready
  }

  get #after(): number {
    return Math.max(this.#plan?.to ?? 0, this.#shown)
  }

  async #ask(): Promise<void> {
    const { hub, head, socket } = this.#parts
    const plan = this.#plan
    if (plan === null) return
    this.#isAsking = true
    const limit = head()
    const order = { plan: plan.id, after: this.#after, limit, compress: this.#compress }
    // The plan may be gone, and the root as well: the changes come in their order.
    const answer = await hub.overtake(order).catch(() => null)
    this.#isAsking = false
    if (this.#plan !== plan) return this.look()
    this.#asked = limit
    if (answer !== null && answer.header !== null) {
      this.#ready = { ...answer, header: answer.header }
      socket.wakeUp()
    }
    this.look()
  }
}
