/**
 * Runs the rounds of a root, one at a time: who is a member, what the round decides, and telling the sessions.
 *
 *   begin ─▶ sessions stage ─▶ round.ts: leave, decide ─▶ the root's thread writes it down ─▶ sessions commit ─▶ over
 *
 * INVARIANT: no session is let go before the decision is on the disk. A round whose decision cannot be written is void,
 * and the root stays held. Reports of the last rounds are kept for operators.
 */
import assert from 'node:assert'
import { randomBytes } from 'node:crypto'
import { LIMITS } from '@rootferry/protocol'
import { Occasion } from './occasion.ts'
import type { RollingOrder } from './rolling.ts'
import { beginRound, dueAt, type Member, type Round, type RoundEvent, type RoundStep, step } from './round.ts'
import { outcomeOf, type RoundReport } from './round-report.ts'
import type { Session } from './session.ts'

export interface RoundsParts {
  sessions: ReadonlyMap<string, Session>
  /** Writes down that the round goes, or that it does not. Rejects when the thread cannot */
  end(to: number, goes: boolean): Promise<unknown>
  /** A round has begun, is at its next state, or is over. */
  told(report: RoundReport): void
  /** The end of the round could not be written. */
  failed(error: unknown): void
  /** Readers of the log that had not staged the round that ends there in time. */
  lateReaders(to: number): readonly string[]
}

/** What a session knows of its round. */
export interface SessionRound {
  readonly to: number
  outcome: 'go' | 'void' | null
  /** In a rolling release, those whose turn it is, or was. */
  readonly turns: Set<string>
  /** Members wait for their turns for long, and nobody has gone on without them: they are not in doubt so soon. */
  readonly isRolling: boolean
  readonly isStep: boolean
  /** Happens when the round does not go. */
  readonly isVoid: Occasion
  /** The number of changesets, as far as a session knows. */
  changesets: number
}

/** How a release is to go. */
export interface RoundWay {
  patienceMs: number
  /** Null: all commit at once. */
  rolling: RollingOrder | null
  /** A change where every change is a round: who keeps up is a member, whatever else its session does. */
  isStep: boolean
}

/** A receiver that was left behind is no member for this long. */
const PROBATION_MS = 30_000
/** So many reports are kept. */
const MOST_REPORTS = 50

interface Running {
  id: string
  from: number
  isStep: boolean
  began: Date
  round: Round
  /** Its members when it began. */
  entered: ReadonlySet<string>
  /** What the members' sessions look at. */
  told: SessionRound
  /** Of the receivers that the round knows: a later session of one is another. */
  sessions: Map<string, Session>
  over: PromiseWithResolvers<RoundReport>
}

export class Rounds {
  readonly #parts: RoundsParts
  /** By receiver: until when it is no member. */
  readonly #probation = new Map<string, number>()
  /** Sessions that were told to leave and did not answer, with what they had left before: nobody waits for them again. */
  readonly #silent = new WeakMap<Session, number>()
  readonly #reports: RoundReport[] = []
  #running: Running | null = null
  #timer: NodeJS.Timeout | null = null

  constructor(parts: RoundsParts) {
    this.#parts = parts
  }

  /** Everything within (from, to] becomes visible together. */
  begin(from: number, to: number, { patienceMs, rolling, isStep }: RoundWay): void {
    assert(this.#running === null, 'a round begins while another runs')
    const now = performance.now()
    const kind = { isRolling: rolling !== null, isStep, isVoid: new Occasion() }
    const told: SessionRound = { to, outcome: null, turns: new Set(), ...kind, changesets: 0 }
    const done: string[] = []
    const members: string[] = []
    const aside: string[] = []
    const silent: string[] = []
    const known = new Map<string, Session>()
    for (const [name, session] of this.#parts.sessions) {
      if (session.state.phase === 'greeting' || session.isClosed) continue
      if (session.committed >= to) done.push(name)
      else if (this.#isMember(session, { from, to }, isStep)) members.push(name)
      else (this.#silent.get(session) === session.state.rounds.left ? silent : aside).push(name)
      known.set(name, session)
    }
    const begun = beginRound({ to, members, done, aside, silent, patienceMs, rolling }, now)
    const { round } = begun
    const id = randomBytes(6).toString('hex')
    const [entered, over] = [new Set(members), Promise.withResolvers<RoundReport>()]
    this.#running = { id, from, isStep, began: new Date(), round, entered, told, sessions: known, over }
    this.#tell(this.#running)
    for (const name of members) this.#parts.sessions.get(name)?.enter(told)
    // Told again, for this end, and not waited for.
    for (const name of silent) this.#parts.sessions.get(name)?.leave(to)
    this.#carryOut(begun)
  }

  /** Whether a round of a change would have members. */
  wouldHaveMembers(from: number): boolean {
    return [...this.#parts.sessions.values()].some((session) => this.#isMember(session, { from, to: from }, true))
  }

  #isMember(session: Session, { from, to }: { from: number; to: number }, isStep: boolean): boolean {
    if (performance.now() < (this.#probation.get(session.receiver) ?? 0)) return false
    const { keepsUp, cursor } = session.state
    if (isStep) return keepsUp && cursor === from && !session.isClosed
    // What it has not shown yet comes with the round, and receivers bound what they stage.
    const fits = cursor >= from || to - cursor <= LIMITS.seriesChanges
    return fits && session.isAtRest(from)
  }

  /** The round that runs; `ended` resolves when it is over. */
  get running(): { id: string; ended: Promise<RoundReport> } | null {
    return this.#running === null ? null : { id: this.#running.id, ended: this.#running.over.promise }
  }

  /** The last rounds, newest first. */
  get reports(): RoundReport[] {
    const running = this.#running === null ? [] : [this.#reportOf(this.#running, null)]
    return [...running, ...this.#reports]
  }

  /** A session has come, has gone, or has said something. */
  look(): void {
    const running = this.#running
    if (running === null) return
    const { sessions } = this.#parts
    for (const [name, { standing, isFailing, isReady }] of running.round.members) {
      const session = sessions.get(name)
      if (session === undefined || session.isClosed || session !== running.sessions.get(name)) {
        if (standing !== 'gone') this.#happened({ type: 'gone', name })
        continue
      }
      const { state } = session
      if ((state.said.failing !== null) !== isFailing)
        this.#happened({ type: 'failing', name, isFailing: state.said.failing !== null })
      const { to } = running.round
      const saysReady = state.said.isReady === true
      if (isReady !== saysReady) this.#happened({ type: 'ready', name, isReady: saysReady })
      if (standing === 'staging' && state.rounds.staged >= to) this.#happened({ type: 'staged', name })
      if (standing === 'leaving' && state.rounds.left >= to) this.#happened({ type: 'left', name })
      if (standing !== 'committed' && state.committed >= to)
        this.#happened({ type: 'committed', name, burstMs: state.rounds.burstMs })
    }
    for (const [name, session] of sessions) {
      const isHere = session.state.phase !== 'greeting' && !session.isClosed
      if (!isHere || !isAway(running.round.members.get(name))) continue
      running.sessions.set(name, session)
      this.#happened({ type: 'joined', name })
    }
  }

  /**
   * The root is held, and what a step has not staged cannot be packed: it comes with the release. When some were told to
   * leave already, the others go, so that nobody has left for nothing.
   */
  abortStep(): void {
    const running = this.#running
    if (running?.isStep === true && running.round.at === 'collect') void this.#end(running, false)
  }

  /** Nothing goes any more: the root was closed, or its thread is down. A decision that is being written down stands. */
  abort(): void {
    const running = this.#running
    if (running === null || running.told.outcome !== null || running.round.at === 'decide') return
    void this.#interrupt(running)
  }

  close(): void {
    this.abort()
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #happened(event: RoundEvent): void {
    const running = this.#running
    if (running === null) return
    this.#carryOut(step(running.round, event, performance.now()))
  }

  #carryOut({ round, effects }: RoundStep): void {
    const running = this.#running
    if (running === null) return
    const isNews = running.round.at !== round.at
    running.round = round
    if (isNews && round.at !== 'over' && round.at !== 'void') this.#tell(running)
    for (const effect of effects) {
      switch (effect.do) {
        case 'leave':
          for (const name of effect.names) {
            // Those aside go on to where they were: a round after another would keep them there.
            if (running.entered.has(name)) this.#probation.set(name, performance.now() + PROBATION_MS)
            this.#parts.sessions.get(name)?.leave(round.to)
          }
          break
        case 'drain':
          this.#parts.sessions.get(effect.name)?.leave(round.to)
          break
        case 'commit':
          running.told.turns.add(effect.name)
          this.#wake()
          break
        case 'decide':
          void this.#decide(running)
          break
        case 'go':
          running.told.outcome = 'go'
          this.#wake()
          break
        case 'void':
          void this.#end(running, false)
          break
        case 'over':
          void this.#end(running, true)
      }
    }
    this.#await(round)
  }

  #await(round: Round): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    const due = dueAt(round)
    if (due === null || this.#running === null) return
    this.#timer = setTimeout(() => this.#happened({ type: 'time' }), Math.max(0, due - performance.now()) + 1)
  }

  async #decide(running: Running): Promise<void> {
    try {
      await this.#parts.end(running.round.to, true)
    } catch (error) {
      this.#parts.failed(error)
      return await this.#interrupt(running)
    }
    if (this.#running === running) this.#happened({ type: 'decided' })
  }

  /** In a rolling release some may have changed already. */
  #interrupt(running: Running): Promise<void> {
    const { rolling } = running.round
    if (rolling !== null) running.round = { ...running.round, rolling: { ...rolling, stopped: 'it was interrupted' } }
    return this.#end(running, false)
  }

  async #end(running: Running, goes: boolean): Promise<void> {
    if (this.#running !== running) return
    this.#running = null
    if (this.#timer !== null) clearTimeout(this.#timer)
    running.round = { ...running.round, at: goes ? 'over' : 'void' }
    if (!goes) {
      running.told.outcome = 'void'
      running.told.isVoid.happen()
      this.#wake()
      await this.#parts.end(running.round.to, false).catch((error: unknown) => this.#parts.failed(error))
    }
    for (const [name, { standing }] of running.round.members) {
      const session = this.#parts.sessions.get(name)
      if (standing !== 'unfenced' || session === undefined) continue
      // It may have answered since the others were let go.
      const { left } = session.state.rounds
      if (left < running.round.to) this.#silent.set(session, left)
    }
    const report = this.#reportOf(running, new Date())
    if (!running.isStep || outcomeOf(report) !== 'all') this.#reports.unshift(report)
    this.#reports.splice(MOST_REPORTS)
    this.#parts.told(report)
    running.over.resolve(report)
  }

  #tell(running: Running): void {
    this.#parts.told(this.#reportOf(running, null))
  }

  #reportOf({ id, from, isStep, began, round, told }: Running, ended: Date | null): RoundReport {
    const { at, to, members, rolling } = round
    return {
      ...{ id, at, from, to, isStep, began, ended, members },
      stopped: rolling?.stopped ?? null,
      changesets: told.changesets,
      lateReaders: this.#parts.lateReaders(to),
    }
  }

  #wake(): void {
    for (const session of this.#parts.sessions.values()) session.wakeUp()
  }
}

function isAway(member: Member | undefined): boolean {
  return member === undefined || member.standing === 'gone'
}
