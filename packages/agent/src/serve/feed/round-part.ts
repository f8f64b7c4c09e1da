/**
 * The part of one session in rounds: it sends a series, and its commit when the round goes.
 *
 *   enter ─▶ changeset, prepare … prepare ─▶ again every 2 s ─▶ the round goes: commit
 *
 * A receiver that comes back with a series that it has prepared is sent the rest of it, and the commit. INVARIANT: nothing
 * that was begun is left without its end: after a round that does not go, too, it is prepared, and the next builds on it.
 */
import { encodeMessage, LIMITS } from '@rootferry/protocol'
import type { PlanSummary } from '../../root-messages.ts'
import type { ChangesetSender } from './changeset-sender.ts'
import type { Hub, PlanOrder, Urgency } from './hub.ts'
import { Occasion } from './occasion.ts'
import type { Outlet } from './outlet.ts'
import type { SessionRound } from './rounds.ts'
import type { SessionState } from './session-state.ts'

/** A prepared receiver hears of its round this often, and is in doubt when it does not for that long. */
const PREPARE_AGAIN_MS = 2_000
const DOUBT_MS = 6_000
const ROLLING_DOUBT_MS = LIMITS.doubtMs

export interface RoundPartParts {
  receiver: string
  socket: Outlet
  hub: Hub
  state: SessionState
  sender: ChangesetSender
  /** See SessionFeed. */
  limit(): number | null
}

interface Staged {
  changesets: number
  isWhole: boolean
}

export class RoundPart {
  readonly #parts: RoundPartParts
  #round: SessionRound | null = null
  #entered = new Occasion()
  /** Whether a changeset has begun, and neither its prepare nor its commit was sent. */
  #isAmid = false
  /** The round of which it is. */
  #sending: SessionRound | null = null

  constructor(parts: RoundPartParts) {
    this.#parts = parts
  }

  /** The receiver is a member of a round; its session is at rest. */
  enter(round: SessionRound): void {
    this.#round = round
    this.#entered.happen()
    this.#entered = new Occasion()
    this.#parts.socket.wakeUp()
  }

  /** The round that was entered, once. */
  take(): SessionRound | null {
    const round = this.#round
    this.#round = null
    return round
  }

  get isAmid(): boolean {
    return this.#isAmid
  }

  /** Whether a further round can begin: nothing is being sent, or what ends with a prepare, on which that builds. */
  get isFree(): boolean {
    return !this.#isAmid || this.#sending?.outcome === 'void'
  }

  /** @returns null when a round begins first: of a held root the answer may wait for that round */
  unlessRound<Answer>(answer: Promise<Answer>): Promise<Answer | null> {
    return this.#entered.before(answer)
  }

  /** Everything up to the round's end, and the commit when it goes. */
  async send(round: SessionRound): Promise<void> {
    this.#sending = round
    await this.#send(round)
    this.#sending = null
  }

  async #send(round: SessionRound): Promise<void> {
    const { socket, receiver } = this.#parts
    const doubtMs = round.isRolling ? ROLLING_DOUBT_MS : DOUBT_MS
    const isWaiting = () => round.outcome === null && !round.turns.has(receiver)
    // The changes of a step are packed among all others: of a held root they wait for its release.
    const staged = await this.#stage(round.to, round.isStep ? 'live' : 'round', round.isVoid)
    if (staged === null) return
    round.changesets = Math.max(round.changesets, staged.changesets)
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
    if (socket.isClosed) return
    if (round.outcome !== 'void') await this.#sendCommit(round.to, staged.isWhole)
    // What comes next builds on it.
    else if (this.#isAmid) await this.#sendPrepare(round.to, doubtMs)
  }

  /**
   * What an earlier connection or round has staged is completed, to the end of its round if it is of one, and committed;
   * unless a round comes first.
   */
  async finish(): Promise<void> {
    const { state, socket, sender, limit } = this.#parts
    const { isFrail } = state
    const { prepared, completesTo } = state.rounds
    const off = this.#entered
    if (prepared !== null && completesTo !== null && prepared <= completesTo) {
      const staged = await this.#stage(completesTo, 'bulk', off)
      if (staged !== null && !socket.isClosed) await this.#sendCommit(completesTo, staged.isWhole)
      return
    }
    const place = {
      from: prepared ?? state.cursor,
      base: state.cursor,
      whole: state.whole.sent,
      shown: sender.overtaker.shown,
    }
    const order = { ...place, to: null, isRest: true, isFrail, limit: limit() }
    const plan = await this.#sendPart(order, 'bulk', off)
    if (plan !== null && !socket.isClosed) await this.#sendCommit(plan.to, plan.isWhole)
  }

  /**
   * A series up to `to`, each changeset with a prepare, but for the last.
   * @returns the number of changesets, and whether they lead to everything that the index holds; null: `off` came first
   */
  async #stage(to: number, urgency: Urgency, off: Occasion): Promise<Staged | null> {
    const { state, socket, sender } = this.#parts
    const place = {
      base: state.cursor,
      whole: state.whole.sent,
      isFrail: false,
      shown: sender.overtaker.shown,
      limit: null,
    }
    let changesets = 0
    let isWhole = false
    // What an earlier connection has staged may end within a changeset.
    let isRest = state.rounds.prepared !== null
    for (let from = state.rounds.prepared ?? place.base; (from < to || isRest) && !socket.isClosed; ) {
      const plan = await this.#sendPart({ ...place, from, to, isRest }, urgency, off)
      if (plan === null) return null
      isRest = false
      from = plan.to
      state.rounds.prepared = from
      changesets += 1
      isWhole = plan.isWhole
      if (from < to) await this.#sendPrepare(from)
    }
    return { changesets, isWhole }
  }

  /** @returns null when `off` came before its first segment */
  async #sendPart(order: PlanOrder, urgency: Urgency, off: Occasion): Promise<PlanSummary | null> {
    const { hub, sender } = this.#parts
    const joined = hub.join(order, urgency)
    const plan = await off.before(joined)
    if (plan === null) {
      joined.then((late) => hub.leave(late), ignore)
      return null
    }
    this.#isAmid = plan.segments.length === 0
    try {
      const isSent = await sender.send(plan, urgency, async (packed) => {
        const first = await off.before(packed)
        this.#isAmid = first !== null
        return first
      })
      return isSent ? plan : null
    } finally {
      hub.leave(plan)
    }
  }

  #sendPrepare(to: number, doubtMs = DOUBT_MS): Promise<void> {
    this.#isAmid = false
    return this.#parts.socket.send(encodeMessage({ type: 'prepare', to, doubtMs }))
  }

  #sendCommit(to: number, isWhole: boolean): Promise<void> {
    this.#isAmid = false
    this.#parts.state.sentChangeset(to, isWhole)
    return this.#parts.socket.send(encodeMessage({ type: 'commit', to }))
  }
}

/** The connection is closed, or its round is over, and with it the wait. */
function ignore(): void {
  return
}
