/**
 * What has come from the agent and is not visible: a changeset, or a series of changesets that are prepared.
 *
 *   begin ─▶ segments ─▶ commit ─▶ arrived: the changeset, or all of the series with it
 *                     └▶ prepare ─▶ folded into the series, and made ready ─▶ staged
 *
 * INVARIANT: a changeset continues at the cursor, or at the end of the series, which refers to the cursor.
 */
import {
  type Changeset,
  type Commit,
  LIMITS,
  type Overtake,
  type Prepare,
  ProtocolError,
  type Welcome,
} from '@rootferry/protocol'
import type { DiskEvent, PathProblem } from '../root-messages.ts'
import type { Arrival } from './debts/settlement.ts'
import type { DiskSteps } from './files/disk-retry.ts'
import { Dropped } from './files/give-way.ts'
import type { Plan } from './ledger/operation.ts'
import { Intake } from './stage/intake.ts'
import { namesOf, Overtaking } from './stage/overtaking.ts'
import { Series } from './stage/series.ts'
import type { StagedPart } from './stage/staged-so-far.ts'
import type { Target } from './target.ts'

export interface ArrivalsParts {
  target: Target
  steps: DiskSteps
  now(): number
  event(event: DiskEvent): void
}

/** What a commit makes visible. */
export interface Arrived {
  header: Pick<Changeset, 'request' | 'to' | 'head'>
  arrival: Omit<Arrival, 'asked'>
  /** Null: it is yet to be made. */
  plan: Plan | null
  unfit: readonly PathProblem[]
  bytes: number
  isSeries: boolean
}

export class Arrivals {
  readonly #parts: ArrivalsParts
  readonly intake: Intake
  /** What overtakes the changeset that is taken in. */
  readonly overtaking: Overtaking
  #series: Series

  constructor(parts: ArrivalsParts) {
    this.#parts = parts
    this.intake = new Intake({ ...parts, disk: parts.target })
    const event = (event: DiskEvent) => event.type !== 'progress' && parts.event(event)
    this.overtaking = new Overtaking({ ...parts, event, disk: parts.target })
    this.#series = this.#newSeries()
  }

  /** @throws ProtocolError when bytes of a segment are outstanding */
  refuseMessages(): void {
    this.intake.refuseMessages()
    this.overtaking.refuseMessages()
  }

  /** @returns what is staged, if it is whole. @throws ProtocolError when it overtakes nothing */
  overtake(message: Overtake, { epoch }: Welcome): Promise<StagedPart | null> {
    const isSeries = this.#parts.target.ledger.staged.series !== null
    return this.overtaking.begin(message, isSeries ? null : this.intake.changeset, epoch)
  }

  /** A part of a segment. @returns what overtakes, when it is whole; null: nothing does */
  async frame(frame: Uint8Array): Promise<StagedPart | null> {
    if (this.overtaking.isUnderWay) return await this.overtaking.frame(frame)
    await this.intake.frame(frame)
    return null
  }

  /** Names in staging that are needed. */
  stagedNames(): Set<string> {
    const overtaken = namesOf(this.intake.changeset?.whole().staged ?? [])
    return overtaken.union(this.#parts.target.partials.stagedNames())
  }

  /** @throws ProtocolError when it does not continue where the connection is, or the series has no room for it */
  async begin(header: Changeset, cursor: number | null, isAsked: boolean, { epoch }: Welcome): Promise<void> {
    if (this.intake.changeset !== null) throw new ProtocolError('unexpected-message', 'a changeset within another')
    const { series, count } = this.#parts.target.ledger.staged
    const isNext = header.base === cursor && header.from === (series?.to ?? header.base)
    if (header.request === null ? !isNext : !isAsked)
      throw new ProtocolError('unexpected-message', `a changeset from ${header.from} that was not due`)
    if (header.to < header.from) throw new ProtocolError('unexpected-message', 'a changeset that goes back')
    if (count + header.changes > LIMITS.seriesChanges) await this.#beginAnew()
    this.intake.begin(header, epoch)
  }

  /** @returns null when everything is staged, else what does not fit: others need not wait for it */
  async prepare({ to }: Prepare, welcome: Welcome): Promise<PathProblem | null> {
    const { steps, target } = this.#parts
    const { changeset } = this.intake
    if (changeset !== null) {
      if (changeset.header.request !== null) throw new ProtocolError('unexpected-message', 'a prepare of an answer')
      await steps.whileConnected(changeset.completer(to))
      target.confined.release()
      await this.#series.fold(changeset.whole(), welcome, true)
      this.intake.end()
    } else if (this.#series.to !== to) throw new ProtocolError('unexpected-message', `nothing to prepare up to ${to}`)
    await this.#series.ready()
    return this.#series.unfit[0] ?? null
  }

  /** The connection has ended: what is staged of the changeset that was under way is that with which the next begins. */
  async keep(welcome: Welcome | null): Promise<void> {
    const { steps, target } = this.#parts
    const { ledger } = target
    const { changeset } = this.intake
    // A whole changeset more must still fit into the series.
    const hasRoom = ledger.staged.count + LIMITS.changesetChanges * 2 <= LIMITS.seriesChanges
    if (welcome === null || changeset === null || ledger.hasIntent || !hasRoom) return
    try {
      const beginning = await steps.whileConnected(changeset.keeper())
      if (beginning === null) return
      await this.#series.fold(beginning, welcome, false)
      this.#parts.event({ type: 'kept', sequence: beginning.to })
    } catch (error) {
      // The disk is in trouble, or the root is closed.
      if (!(error instanceof Dropped)) throw error
    }
  }

  /** The commit may come much later. */
  delayed(): void {
    this.#series.delayed()
  }

  /** Everything that the commit makes visible. @throws ProtocolError when that is not what has come */
  async arrived(commit: Commit, welcome: Welcome, head: number): Promise<Arrived> {
    const { steps, target } = this.#parts
    const { changeset } = this.intake
    if (changeset !== null) await steps.whileConnected(changeset.completer(commit.to))
    target.confined.release()
    const series = this.#series
    if (changeset !== null && (series.to === null || changeset.header.request !== null)) {
      const { paths, staged, unfit, bytes, ...whole } = changeset.whole()
      const owed = [...whole.owed, ...unfit.map(({ path }) => path)]
      return {
        header: changeset.header,
        arrival: { paths, staged, owed },
        plan: null,
        unfit,
        bytes,
        isSeries: false,
      }
    }
    if (changeset !== null) await series.fold(changeset.whole(), welcome, true)
    if (series.to !== commit.to) throw new ProtocolError('unexpected-message', 'a commit without a changeset')
    this.#series = this.#newSeries()
    const { plan, ...arrival } = series.arrival()
    const { unfit, bytes } = series
    return { header: { request: null, to: commit.to, head }, arrival, plan, unfit, bytes, isSeries: true }
  }

  /**
   * What is staged counts, also what has changed on the agent since, of which only this side knows. What is due fits into
   * a new series. @throws ProtocolError always
   */
  async #beginAnew(): Promise<void> {
    const { steps, target } = this.#parts
    await steps.whileConnected(() => target.ledger.staged.clear())
    throw new ProtocolError('internal-error', 'what is staged leaves no room for more: it is dropped')
  }

  #newSeries(): Series {
    return new Series({ ...this.#parts.target, ...this.#parts })
  }
}
