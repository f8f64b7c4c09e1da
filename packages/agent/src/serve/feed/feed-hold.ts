/**
 * Holding a root, as its feed does: gives the order to the root's thread, and lets sessions reach what the gate lets
 * pass. Says which receivers have got there.
 */
import type { Logger } from '@rootferry/host/daemon'
import type { HoldAnswer, ReleaseAnswer, RootGate, RootRequests } from '../../root-messages.ts'
import type { RootThread } from '../root-thread.ts'
import { Arrivals } from './arrivals.ts'
import { Gate, type Reach } from './gate.ts'
import type { Member } from './round.ts'
import { hasGone, type RoundReport } from './round-report.ts'
import { Rounds, type RoundWay } from './rounds.ts'
import type { Session } from './session.ts'
import type { Watermarks } from './watermarks.ts'

/** Receivers that are slower than this, and than twice the half of the others, are left behind. */
export const PATIENCE_MS = 5_000

/** The way of a release that nobody has ordered. */
const BY_ITSELF: RoundWay = { patienceMs: PATIENCE_MS, rolling: null }

export interface FeedHoldParts {
  thread: Pick<RootThread, 'ask' | 'tell'>
  sessions: ReadonlyMap<string, Session>
  watermarks: Pick<Watermarks, 'headReached'>
  log: Logger
  /** A round has begun, is at its next state, or is over. */
  told(report: RoundReport): void
}

export class FeedHold {
  readonly #parts: FeedHoldParts
  readonly #gate = new Gate()
  readonly #arrivals = new Arrivals()
  readonly #rounds: Rounds
  /** Of the release that was ordered. */
  #way = BY_ITSELF

  constructor(parts: FeedHoldParts) {
    this.#parts = parts
    const { thread, sessions, log } = parts
    this.#rounds = new Rounds({
      sessions,
      end: (to, goes) => thread.ask('end-round', { to, goes }),
      failed: (error) => log.error({ err: error }, 'the end of a round could not be recorded'),
      told: (report) => {
        parts.told(report)
        if (report.ended === null) return
        log.info(reportLine(report), hasGone(report) ? 'a round is over' : 'a round did not go: the root stays held')
      },
    })
  }

  /** Nothing above the present state leaves the root. Resolves when receivers had their time to reach that. */
  async hold(order: RootRequests['hold']['takes']): Promise<{ answer: HoldAnswer; behind: string[] }> {
    const answer = await this.#parts.thread.ask('hold', order)
    if (answer.outcome === 'was-held') return { answer, behind: [] }
    return { answer, behind: await this.#shut(answer.hold.sequence, order.waitMs) }
  }

  /** Resolves when the release was judged, and its round has begun. `ended` resolves when that is over. */
  async release(
    order: RootRequests['end-hold']['takes'],
    way = BY_ITSELF,
  ): Promise<{ answer: ReleaseAnswer; round: { id: string; ended: Promise<RoundReport> } | null }> {
    this.#way = way
    const answer = await this.#parts.thread.ask('end-hold', order)
    if (answer.outcome !== 'released' || !answer.isRound) return { answer, round: null }
    const [last] = this.#rounds.reports
    const ended = last === undefined ? null : { id: last.id, ended: Promise.resolve(last) }
    return { answer, round: this.#rounds.running ?? ended }
  }

  /** The last rounds, newest first. */
  get rounds(): RoundReport[] {
    return this.#rounds.reports
  }

  /** A release was judged. */
  roundBegins(from: number, to: number): void {
    this.#rounds.begin(from, to, this.#way)
    this.#way = BY_ITSELF
  }

  /** The root's sessions are void, or about to be. */
  abortRound(): void {
    this.#rounds.abort()
  }

  /** Resolves when all of these receivers are at `sequence` or away, or time is over. @param reached is told of each */
  async awaitAll(
    receivers: readonly string[],
    sequence: number,
    mostMs: number,
    reached: (receiver: string) => void = () => undefined,
  ): Promise<void> {
    const missing = new Set(receivers)
    const isOver = () => {
      for (const receiver of missing) {
        if (!this.isAt(receiver, sequence)) continue
        missing.delete(receiver)
        reached(receiver)
      }
      return [...missing].every((receiver) => !this.isConnected(receiver))
    }
    await this.#arrivals.wait(isOver, mostMs)
  }

  isConnected(receiver: string): boolean {
    return this.#parts.sessions.has(receiver)
  }

  isAt(receiver: string, sequence: number): boolean {
    return (this.#parts.sessions.get(receiver)?.committed ?? -1) >= sequence
  }

  /** A receiver has committed, or its connection has come or gone. */
  receiverChanged(): void {
    this.#arrivals.changed()
    this.#rounds.look()
  }

  /** The index is at `head`. */
  advanced(head: number, seenMs: number): void {
    this.#reach(this.#gate.advanced(head, seenMs))
  }

  gated({ limit, waitMs }: RootGate): void {
    this.#reach(this.#gate.limited(limit, Date.now()))
    if (limit !== null && waitMs !== null) void this.#shut(limit, waitMs)
  }

  #reach(reach: Reach | null): void {
    if (reach === null) return
    this.#parts.watermarks.headReached(reach.head, reach.seenMs)
    for (const session of this.#parts.sessions.values()) session.advanced(reach.head)
  }

  /** Receivers that keep up may still reach the sequence of a hold. @returns those that did not */
  async #shut(sequence: number, waitMs: number): Promise<string[]> {
    const { sessions, thread } = this.#parts
    const live = [...sessions.values()].filter(({ state }) => state.keepsUp).map(({ receiver }) => receiver)
    await this.awaitAll(live, sequence, waitMs)
    thread.tell({ type: 'shut', sequence })
    return live.filter((receiver) => !this.isAt(receiver, sequence))
  }
}

function reportLine({ id, to, members }: RoundReport) {
  const names = (isWanted: (member: Member) => boolean) =>
    [...members].filter(([, member]) => isWanted(member)).map(([name]) => name)
  return {
    round: id,
    to,
    committed: names(({ standing, isLate }) => standing === 'committed' && !isLate).length,
    leftBehind: names(({ isLate }) => isLate),
    unfenced: names(({ standing }) => standing === 'unfenced'),
    gone: names(({ standing }) => standing === 'gone'),
  }
}
