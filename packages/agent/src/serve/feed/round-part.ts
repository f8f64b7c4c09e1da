/**
 * The part of one session in rounds: it sends a series, and its commit when the round goes.
 *
 *   enter ─▶ changeset, prepare … prepare ─▶ again every 2 s ─▶ the round goes: commit
 *
 * A receiver that comes back with a series that it has prepared is sent the rest of it, and the commit.
 */
import { encodeMessage, LIMITS } from '@rootferry/protocol'
import type { PlanSummary } from '../../root-messages.ts'
import type { ChangesetSender } from './changeset-sender.ts'
import type { Hub, PlanOrder, Urgency } from './hub.ts'
import type { PacedSocket } from './paced-socket.ts'
import type { SessionRound } from './rounds.ts'
import type { SessionState } from './session-state.ts'

/** A prepared receiver hears of its round this often, and is in doubt when it does not for that long. */
const PREPARE_AGAIN_MS = 2_000
const DOUBT_MS = 6_000
const ROLLING_DOUBT_MS = LIMITS.doubtMs

export interface RoundPartParts {
  receiver: string
  socket: PacedSocket
  hub: Hub
  state: SessionState
  sender: ChangesetSender
}

export class RoundPart {
  readonly #parts: RoundPartParts
  #round: SessionRound | null = null
  #entered = Promise.withResolvers<void>()

  constructor(parts: RoundPartParts) {
    this.#parts = parts
  }

  /** The receiver is a member of a round; its session is at rest. */
  enter(round: SessionRound): void {
    this.#round = round
    this.#entered.resolve()
    this.#entered = Promise.withResolvers()
    this.#parts.socket.wakeUp()
  }

  /** The round that was entered, once. */
  take(): SessionRound | null {
    const round = this.#round
    this.#round = null
    return round
  }

  /** @returns null when a round begins first: of a held root the answer may wait for that round */
  async unlessRound<Answer>(answer: Promise<Answer>): Promise<Answer | null> {
    return await Promise.race([answer, this.#entered.promise.then(() => null)])
  }

  /** Everything up to the round's end, and the commit when it goes. */
  async send(round: SessionRound): Promise<void> {
    const { socket, receiver } = this.#parts
    const doubtMs = round.isRolling ? ROLLING_DOUBT_MS : DOUBT_MS
    const isWaiting = () => round.outcome === null && !round.turns.has(receiver)
    const { changesets, isWhole } = await this.#stage(round.to, 'round')
    round.changesets = Math.max(round.changesets, changesets)
    for (let sentMs = Number.NEGATIVE_INFINITY; isWaiting() && !socket.isClosed; ) {
      if (performance.now() - sentMs >= PREPARE_AGAIN_MS) {
        sentMs = performance.now()
        await this.#sendPrepare(round.to, doubtMs)
        continue
      }
      const timer = setTimeout(() => socket.wakeUp(), PREPARE_AGAIN_MS)
      await socket.sleep()
      clearTimeout(timer)
    }
    if (!socket.isClosed && round.outcome !== 'void') await this.#sendCommit(round.to, isWhole)
  }

  /** What an earlier connection has staged is completed, to the end of its round if it is of one, and committed. */
  async finish(): Promise<void> {
    const { state, socket } = this.#parts
    const { isFrail } = state
    const { prepared, released } = state.rounds
    if (prepared !== null && prepared <= released) {
      const { isWhole } = await this.#stage(released, 'bulk')
      if (!socket.isClosed) await this.#sendCommit(released, isWhole)
      return
    }
    const place = { from: prepared ?? state.cursor, base: state.cursor, whole: state.whole.sent }
    const { to, isWhole } = await this.#sendPart({ ...place, to: null, isRest: true, isFrail }, 'bulk')
    if (!socket.isClosed) await this.#sendCommit(to, isWhole)
  }

  /**
   * A series up to `to`, each changeset with a prepare, but for the last.
   * @returns the number of changesets, and whether they lead to everything that the index holds
   */
  async #stage(to: number, urgency: Urgency): Promise<{ changesets: number; isWhole: boolean }> {
    const { state, socket } = this.#parts
    const place = { base: state.cursor, whole: state.whole.sent, isFrail: false }
    let changesets = 0
    let isWhole = false
    // What an earlier connection has staged may end within a changeset.
    let isRest = state.rounds.prepared !== null
    for (let from = state.rounds.prepared ?? place.base; (from < to || isRest) && !socket.isClosed; ) {
      const plan = await this.#sendPart({ ...place, from, to, isRest }, urgency)
      isRest = false
      from = plan.to
      state.rounds.prepared = from
      changesets += 1
      isWhole = plan.isWhole
      if (from < to) await this.#sendPrepare(from)
    }
    return { changesets, isWhole }
  }

  async #sendPart(order: PlanOrder, urgency: Urgency): Promise<PlanSummary> {
    const { hub, sender } = this.#parts
    const plan = await hub.join(order, urgency)
    try {
      await sender.send(plan, urgency)
    } finally {
      hub.leave(plan)
    }
    return plan
  }

  #sendPrepare(to: number, doubtMs = DOUBT_MS): Promise<void> {
    return this.#parts.socket.send(encodeMessage({ type: 'prepare', to, doubtMs }))
  }

  #sendCommit(to: number, isWhole: boolean): Promise<void> {
    this.#parts.state.sentChangeset(to, isWhole)
    return this.#parts.socket.send(encodeMessage({ type: 'commit', to }))
  }
}
