/**
 * Holds, releases and rounds of a root, as its feed does them: gives the orders to the root's thread, and leads sessions
 * as far as the gate lets pass.
 *
 *   head ─▶ gate: not beyond a hold ─▶ lockstep: not beyond what all have staged, where every change is a round ─▶ sessions
 *
 * One round at a time. A release of several parts is a round after another.
 */
import type { Logger } from '@rootferry/host/daemon'
import { Refusal } from '@rootferry/host/machine'
import type { HoldAnswer, ReleaseAnswer, RootGate, RootRequests, Together } from '../../root-messages.ts'
import type { RootThread } from '../root-thread.ts'
import { Arrivals } from './arrivals.ts'
import { Gate, type Reach } from './gate.ts'
import { Lockstep } from './lockstep.ts'
import type { LogReaders } from './log-readers.ts'
import type { Member } from './round.ts'
import { hasGone, leftBehind, outcomeOf, type RoundReport } from './round-report.ts'
import { Rounds, type RoundWay } from './rounds.ts'
import type { Session } from './session.ts'
import type { Watermarks } from './watermarks.ts'

/** Receivers that are slower than this, and than twice the half of the others, are left behind. */
export const PATIENCE_MS = 5_000

/** The way of a round that nobody has ordered. */
const BY_ITSELF: RoundWay = { patienceMs: PATIENCE_MS, rolling: null, isStep: false }

export interface FeedHoldParts {
  thread: Pick<RootThread, 'ask' | 'tell'>
  sessions: ReadonlyMap<string, Session>
  /** Receivers that read the root's log: they are members of no round, and arrive like others. */
  readers: Pick<LogReaders, 'of' | 'lateAt'>
  watermarks: Pick<Watermarks, 'headReached'>
  log: Logger
  together: Together
  /** A round has begun, is at its next state, or is over. */
  told(report: RoundReport): void
}

/** A release that an operator has ordered. */
interface Release {
  way: RoundWay
  over: PromiseWithResolvers<RoundReport>
}

export class FeedHold {
  readonly #parts: FeedHoldParts
  readonly #gate = new Gate()
  readonly #lockstep: Lockstep
  readonly #arrivals = new Arrivals()
  readonly #rounds: Rounds
  #release: Release | null = null
  /** The round that is decided is not the last of its release. */
  #isPart = false
  /** A release waits for the round that runs. */
  #isDue = false
  /** How the gate stands. When it is shut, nothing of the present tree is packed. */
  #door: { limit: number | null; isShut: boolean } = { limit: null, isShut: false }

  constructor(parts: FeedHoldParts) {
    this.#parts = parts
    const { thread, sessions, log } = parts
    this.#lockstep = new Lockstep(parts.together === 'always')
    this.#rounds = new Rounds({
      sessions,
      end: async (to, goes) => {
        this.#isPart = (await thread.ask('end-round', { to, goes })).isPart
      },
      failed: (error) => log.error({ err: error }, 'the end of a round could not be recorded'),
      told: (report) => this.#told(report),
      lateReaders: (to) => parts.readers.lateAt(to),
    })
  }

  configure(together: Together): void {
    this.#lead(this.#lockstep.configure(together === 'always'))
  }

  /** Nothing above the present state leaves the root. Resolves when receivers had their time to reach that. */
  async hold(order: RootRequests['hold']['takes']): Promise<{ answer: HoldAnswer; behind: string[] }> {
    const answer = await this.#parts.thread.ask('hold', order)
    if (answer.outcome === 'was-held') return { answer, behind: [] }
    return { answer, behind: await this.#shut(answer.hold.sequence, order.waitMs) }
  }

  /**
   * Resolves when the release was judged, and its round has begun. `ended` resolves when that is over, or the last one
   * of a release in parts. A dry run is in the way of no release.
   */
  async release(
    order: RootRequests['end-hold']['takes'],
    way = BY_ITSELF,
  ): Promise<{ answer: ReleaseAnswer; round: { id: string; ended: Promise<RoundReport> } | null }> {
    const { thread } = this.#parts
    if (order.dryRun) return { answer: await thread.ask('end-hold', order), round: null }
    if (this.#release !== null) throw new Refusal('it is being released')
    const release = { way, over: Promise.withResolvers<RoundReport>() }
    this.#release = release
    let isRound = false
    try {
      const answer = await thread.ask('end-hold', order)
      isRound = answer.outcome === 'released' && answer.isRound
      // It begins after a step that runs.
      if (isRound && this.#isDue) await this.#rounds.running?.ended
      const id = this.#rounds.running?.id ?? this.#rounds.reports[0]?.id ?? ''
      return { answer, round: isRound ? { id, ended: release.over.promise } : null }
    } finally {
      if (!isRound && this.#release === release) this.#release = null
    }
  }

  /** See Lockstep. */
  get limit(): number | null {
    return this.#lockstep.limit
  }

  /** The last rounds, newest first. */
  get rounds(): RoundReport[] {
    return this.#rounds.reports
  }

  /** A release was judged, or its next part is due. */
  roundBegins(from: number, to: number): void {
    const way = this.#release?.way ?? BY_ITSELF
    this.#rounds.abortStep()
    const { running } = this.#rounds
    this.#isDue = running !== null
    if (running === null) this.#rounds.begin(from, to, way)
    // No step begins in between.
    else void running.ended.then(() => this.roundBegins(from, to))
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
    return this.#parts.sessions.has(receiver) || this.#parts.readers.of(receiver, performance.now()) !== null
  }

  isAt(receiver: string, sequence: number): boolean {
    const { sessions, readers } = this.#parts
    const read = readers.of(receiver, performance.now())?.ack.committed
    return (sessions.get(receiver)?.committed ?? read ?? -1) >= sequence
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
    this.#door = { limit, isShut: limit !== null && waitMs === null }
    if (this.#door.isShut) this.#rounds.abortStep()
    this.#reach(this.#gate.limited(limit, Date.now()))
    if (limit !== null && waitMs !== null) void this.#shut(limit, waitMs)
  }

  #reach(reach: Reach | null): void {
    if (reach === null) return
    this.#lead(this.#lockstep.reached(reach))
    this.#nextStep()
  }

  #lead(reach: Reach | null): void {
    if (reach === null) return
    this.#parts.watermarks.headReached(reach.head, reach.seenMs)
    for (const session of this.#parts.sessions.values()) session.advanced(reach.head)
  }

  /** Where every change is a round, the next one begins when none runs. */
  #nextStep(): void {
    if (this.#rounds.running !== null || this.#isDue) return
    const step = this.#lockstep.next()
    if (step === null) return
    // Alone, or without anybody who could be a member, nothing has to be together; and while a root is shut nothing comes.
    const isStep = !this.#door.isShut && this.#rounds.wouldHaveMembers(step.from)
    if (isStep) this.#rounds.begin(step.from, step.to, { ...BY_ITSELF, isStep: true })
    else this.#lead(this.#lockstep.stand(step.head))
  }

  #told(report: RoundReport): void {
    const { told, log } = this.#parts
    if (!report.isStep || report.ended !== null) told(report)
    // Those that were left behind follow by themselves.
    if (report.at === 'go') this.#lead(this.#lockstep.stand(report.to))
    if (report.ended === null) return
    const isGone = hasGone(report)
    if (!report.isStep || outcomeOf(report) !== 'all')
      log.info(reportLine(report), isGone ? 'a round is over' : 'a round did not go')
    if (report.isStep) {
      // Nobody could stage it: then each gets it by itself.
      if (!isGone) this.#lead(this.#lockstep.stand(report.to))
    } else if (!isGone || !this.#isPart) {
      this.#release?.over.resolve(report)
      this.#release = null
    }
    queueMicrotask(() => this.#nextStep())
  }

  /**
   * Receivers that keep up may still reach the sequence of a hold. Those that did not will not before the release: they
   * leave the load balancer, if the others show what they miss.
   * @returns those that did not
   */
  async #shut(sequence: number, waitMs: number): Promise<string[]> {
    const { sessions, thread } = this.#parts
    const live = [...sessions.values()].filter(({ state }) => state.keepsUp).map(({ receiver }) => receiver)
    await this.awaitAll(live, sequence, waitMs)
    thread.tell({ type: 'shut', sequence })
    if (this.#door.limit === sequence) {
      this.#door.isShut = true
      this.#rounds.abortStep()
    }
    const late = live.filter((receiver) => !this.isAt(receiver, sequence))
    if (2 * late.length <= live.length) for (const receiver of late) sessions.get(receiver)?.leave(sequence)
    return late
  }
}
function reportLine(report: RoundReport) {
  const { id, to, members } = report
  const names = (isWanted: (member: Member) => boolean) =>
    [...members].filter(([, member]) => isWanted(member)).map(([name]) => name)
  return {
    round: id,
    to,
    committed: names(({ standing, isLate }) => standing === 'committed' && !isLate).length,
    leftBehind: leftBehind(report),
    unfenced: names(({ standing }) => standing === 'unfenced'),
    gone: names(({ standing }) => standing === 'gone'),
  }
}
