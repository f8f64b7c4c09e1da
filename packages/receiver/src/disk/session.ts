/**
 * The receiver's side of one root's conversation, from welcome to disconnect, one message at a time and in order.
 *
 *   waiting ─ welcome(replay) ─▶ replaying ─ committed ≥ head, nothing owed ─▶ live
 *      └───── welcome(resync) ─▶ resyncing ─ all compared and repaired ─▶ replaying
 *
 * Every method waits until its step is done, which can take long on a full disk. INVARIANT: `committed` is sent after
 * the ledger has recorded the commit, and the cursor of a connection moves only by changesets that begin where it
 * stands.
 */

import type { HookReason } from '@rootferry/host/machine'
import {
  type Changeset,
  type Commit,
  decodeToReceiver,
  type Leave,
  type Listing,
  NOTHING_PRESERVED,
  type Prepare,
  ProtocolError,
  type Summary,
  type ToAgent,
  type Welcome,
} from '@rootferry/protocol'
import type { DiskEvent } from '../root-messages.ts'
import { commitAhead } from './ahead.ts'
import { Arrivals } from './arrivals.ts'
import { commitIntent } from './commit/commit.ts'
import type { Durability } from './commit/durability.ts'
import { Comparisons, followProtect } from './compare/comparisons.ts'
import { FIRST_LOOK, NEW_INDEX, type ResyncOrder, WHOLE_TARGET } from './compare/resync.ts'
import type { Problems } from './debts/problems.ts'
import { Repairs } from './debts/repairs.ts'
import { dueDebts, settlement, withUnfit } from './debts/settlement.ts'
import type { DiskSteps } from './files/disk-retry.ts'
import { setLocalModes } from './files/local-modes.ts'
import {
  type Greeting,
  NOT_PREPARED,
  standingOf,
  tellCommitted,
  tellWelcomed,
  unfitFailure,
} from './session-reports.ts'
import { checkPrepared } from './stage/series.ts'
import type { StagedPart } from './stage/staged-so-far.ts'
import type { Target } from './target.ts'

export interface SessionParts {
  target: Target
  durability: Durability
  problems: Problems
  steps: DiskSteps
  /** Milliseconds, for durations only. */
  now(): number
  send(message: ToAgent): void
  /** From now on messages may be sent to the agent. */
  welcomed(): void
  event(event: DiskEvent): void
  /** Calls `act` in its turn among the messages, unless the connection has ended by then. */
  later(ms: number, act: () => void): void
  /** The same at once, after the messages that have come meanwhile. */
  soon(act: () => Promise<void>): void
}

/** Of a commit that has not begun, and overtakes nothing. */
const FRESH = { before: [], ahead: null }

export class Session {
  readonly #parts: SessionParts
  readonly #greeting: Greeting
  readonly #arrivals: Arrivals
  readonly #repairs: Repairs
  readonly #comparisons: Comparisons
  #welcome: Welcome | null = null
  /** Where the next changeset must begin; null during an automatic resync. */
  #cursor: number | null = null
  #head = 0
  #isLive = false

  constructor(parts: SessionParts, greeting: Greeting) {
    this.#parts = parts
    this.#greeting = greeting
    this.#arrivals = new Arrivals(parts)
    const { ledger, untouchable, wantSize, room, area, partials } = parts.target
    const repairs = new Repairs({ ...parts, ledger, untouchable, wantSize, mayFit: (path) => room.mayFit(path) })
    this.#repairs = repairs
    this.#comparisons = new Comparisons({
      ...parts.target,
      ...parts,
      repairs,
      tidy: async () => {
        // Unless something is staged that will be needed.
        if (this.#arrivals.intake.changeset !== null) return
        await parts.steps.whileConnected(() => area.tidy(partials.stagedNames()))
      },
      adopted: () => this.#adopted(),
    })
  }

  /** Whether the welcome has come: before it only the hello may be sent. */
  get isWelcome(): boolean {
    return this.#welcome !== null
  }

  /** @throws ProtocolError when the agent broke the protocol */
  async text(frame: Uint8Array): Promise<void> {
    this.#arrivals.refuseMessages()
    const message = decodeToReceiver(frame)
    setLocalModes(message, this.#parts.target.modeOf)
    if (this.#welcome === null) {
      if (message.type !== 'welcome') throw new ProtocolError('unexpected-message', `${message.type} before welcome`)
      return await this.#begin(message)
    }
    switch (message.type) {
      case 'welcome':
        throw new ProtocolError('unexpected-message', 'a second welcome')
      case 'changeset':
        return await this.#beginChangeset(message, this.#welcome)
      case 'segment':
        return await this.#arrivals.intake.segment(message)
      case 'overtake':
        return await this.#showAhead(await this.#arrivals.overtake(message, this.#welcome))
      case 'commit':
        return await this.#commit(message, this.#welcome)
      case 'prepare':
        return await this.#prepare(message, this.#welcome)
      case 'leave':
        return this.#leave(message)
      case 'listing':
      case 'summary':
        return await this.#listing(message, this.#welcome)
      case 'resync':
        return await this.#obey({ ...message, paths: message.within, extraneous: 'trash' })
      case 'cancel-resync':
        await this.#comparisons.cancel(message.id)
    }
  }

  /** @throws ProtocolError when the agent broke the protocol */
  async bytes(frame: Uint8Array): Promise<void> {
    await this.#showAhead(await this.#arrivals.frame(frame))
  }

  /**
   * The connection ended: unfinished work is dropped, but slices stay.
   * @param keeps what is staged of a changeset is kept for the next connection
   */
  async end(keeps: boolean): Promise<void> {
    const { target, steps } = this.#parts
    if (keeps) await this.#arrivals.keep(this.#welcome)
    this.#arrivals.intake.end()
    this.#arrivals.overtaking.end()
    this.#comparisons.end()
    this.#repairs.end()
    target.partials.interrupt()
    target.confined.release()
    // Objects that an unfinished burst has staged are still needed.
    if (!target.ledger.hasIntent) await steps.untilDone(() => target.area.tidy(target.partials.stagedNames()))
  }

  /** Whether frames that have come before the connection ended are of use. */
  get canWorkOff(): boolean {
    return this.#cursor !== null && !this.#comparisons.isRunning
  }

  async #begin(welcome: Welcome): Promise<void> {
    const { target, problems, steps } = this.#parts
    const { epoch, sequence, head, start } = welcome
    if (head < sequence) throw new ProtocolError('unexpected-message', 'a welcome beyond the head')
    if (start === 'replay') checkReplay(welcome, this.#greeting)
    checkPrepared(welcome, this.#greeting.prepared)
    this.#welcome = welcome
    this.#head = head
    // Before the first step: a disk in trouble must not keep a node ready that others have left behind.
    this.#parts.event(standingOf(welcome, this.#greeting))
    await steps.whileConnected(() => takeUp(target, problems, welcome))
    this.#parts.welcomed()
    tellWelcomed(this.#parts, welcome)
    if (start === 'resync') {
      this.#parts.event({ type: 'phase', phase: 'resyncing' })
      this.#comparisons.begin(firstOrder(target.ledger.followed, epoch, target.extraneous))
      return
    }
    this.#cursor = sequence
    this.#parts.event({ type: 'phase', phase: 'replaying' })
    this.#repairs.askForOwed()
    await this.#checkLive()
  }

  async #beginChangeset(header: Changeset, welcome: Welcome): Promise<void> {
    const isAsked = header.request !== null && this.#repairs.isOpen(header.request)
    await this.#arrivals.begin(header, this.#cursor, isAsked, welcome)
    this.#head = Math.max(this.#head, header.head)
    this.#parts.event({ type: 'head', head: this.#head })
  }

  async #prepare(prepare: Prepare, welcome: Welcome): Promise<void> {
    const { send, event } = this.#parts
    const { to, doubtMs } = prepare
    const lacking = await this.#arrivals.prepare(prepare, welcome)
    // Each time, as the agent takes a step of the disk that works for the end of all trouble.
    if (lacking !== null) return send({ type: 'failing', error: unfitFailure(lacking) })
    this.#parts.target.insistOnPlace()
    event({ type: 'prepared', sequence: to, doubtMs })
    send({ type: 'staged', sequence: to })
  }

  #leave({ to }: Leave): void {
    this.#arrivals.delayed()
    this.#parts.event(NOT_PREPARED)
    if (this.#cursor === null || this.#cursor < to) this.#parts.event({ type: 'leave', to })
    else this.#parts.send({ type: 'left', sequence: to })
  }

  async #commit(commit: Commit, welcome: Welcome): Promise<void> {
    const { target, problems, steps, event } = this.#parts
    const arrived = await this.#arrivals.arrived(commit, welcome, this.#head)
    const { unfit, plan, isSeries } = arrived
    const { request, to } = arrived.header
    const arrival = { ...arrived.arrival, ...this.#repairs.answered(request) }
    const { paths, staged, askedMs } = arrival
    const due = dueDebts(arrival, target.ledger.debts.count > 0, target.ledger.isAfterLoss)
    const position = request === null ? { epoch: welcome.epoch, term: welcome.term, sequence: to } : null
    const keepsReplaced = request !== null && this.#comparisons.repairs
    const intent = { ...FRESH, changes: staged, position, askedMs, keepsReplaced, isSeries, ...due }
    const parts = { ...target, steps, reason: this.#reason(request !== null) }
    const outcome = withUnfit(await commitIntent(parts, intent, paths, plan), unfit)
    target.room.committed(unfit, keepsReplaced, paths)
    this.#arrivals.intake.end()
    if (request === null) this.#cursor = to
    event(NOT_PREPARED)
    tellCommitted(this.#parts, arrived, outcome, this.#arrivals.intake.startedAt)
    if (isSeries && unfit.length > 0) this.#parts.send({ type: 'failing', error: null })
    await steps.untilDone(() => target.area.tidy(target.partials.stagedNames()))
    problems.burstEnded(outcome)
    const { right, answered } = settlement(arrival, due, outcome)
    problems.mended(right)
    this.#repairs.burstEnded(outcome, request !== null)
    await this.#comparisons.committed(paths, answered)
    await this.#checkLive()
  }

  /** @param part what overtakes the changeset that is taken in, if all of it has come */
  async #showAhead(part: StagedPart | null): Promise<void> {
    if (part === null) return
    const ahead = { repairs: this.#repairs, reason: this.#reason(false), head: this.#head, arrivals: this.#arrivals }
    await commitAhead({ ...this.#parts, ...ahead }, part)
    await this.#comparisons.committed(part.paths, null)
  }

  #reason(isAsked: boolean): HookReason {
    if (!this.#parts.target.ledger.isComplete) return 'first-sync'
    if (this.#cursor === null || (isAsked && this.#comparisons.repairs)) return 'resync'
    return this.#isLive ? 'change' : 'replay'
  }

  async #listing(listing: Listing | Summary, welcome: Welcome): Promise<void> {
    if (this.#arrivals.intake.changeset !== null)
      throw new ProtocolError('unexpected-message', `a ${listing.type} within a changeset`)
    if (this.#cursor !== null && listing.sequence > this.#cursor) {
      throw new ProtocolError('unexpected-message', `a ${listing.type} ahead of the changes that lead to it`)
    }
    this.#head = Math.max(this.#head, listing.sequence, welcome.head)
    await this.#comparisons.listing(listing)
    await this.#checkLive()
  }

  async #obey(order: ResyncOrder): Promise<void> {
    if (this.#cursor === null || this.#arrivals.intake.changeset !== null)
      throw new ProtocolError('unexpected-message', 'a resync during something else')
    await this.#comparisons.obey(order)
  }

  /** An operator has accepted the first join. */
  accepted(): void {
    this.#comparisons.accepted()
  }

  /** The target is what the welcome says. */
  async #adopted(): Promise<void> {
    const { target, steps, durability, send, event } = this.#parts
    if (this.#welcome === null) return
    const { epoch, term, sequence } = this.#welcome
    const position = { epoch, term, sequence }
    target.insistOnPlace()
    await steps.whileConnected(() => {
      target.fill.note()
      target.ledger.setPosition(position)
      target.acceptance.settle()
    })
    this.#cursor = sequence
    send({ type: 'resynced', sequence })
    event({ type: 'resynced', sequence, head: this.#head })
    durability.committedMuch(position)
    this.#parts.event({ type: 'phase', phase: 'replaying' })
    await this.#checkLive()
  }

  /** Filesystems are mounted in the target that were missing, or are new. */
  volumesChanged(): void {
    if (this.#cursor !== null) this.#repairs.askForOwed()
    if (this.#isLive) this.#comparisons.follow()
  }

  async #checkLive(): Promise<void> {
    if (this.#isLive || this.#cursor === null) return
    // A path that cannot be made right does not keep the node out for ever.
    const { target, steps, event } = this.#parts
    if (this.#cursor < this.#head || (target.ledger.debts.count > 0 && !this.#repairs.isSettled)) return
    await steps.whileConnected(() => target.ledger.complete())
    this.#isLive = true
    target.untouchable.caughtUp()
    event({ type: 'complete', isComplete: true })
    this.#parts.event({ type: 'phase', phase: 'live' })
    this.#comparisons.follow()
  }
}

/** What the welcome says is recorded before anything else happens. */
function takeUp(target: Target, problems: Problems, welcome: Welcome): void {
  const { ledger, partials, mapping, extended, untouchable } = target
  const { epoch, term, sequence, filter, start, prepared, preserve = NOTHING_PRESERVED } = welcome
  ledger.setFilter(filter)
  untouchable.setExcluded(filter)
  ledger.debts.mapping.preserve(preserve)
  extended.use(preserve)
  partials.beginEpoch(epoch)
  if (prepared === null) ledger.staged.clear()
  const isKnown = ledger.position?.epoch === epoch && ledger.position.sequence <= sequence
  if (start === 'replay' && isKnown) return ledger.debts.takeOverAhead()
  // Debts belong to the former target; a comparison, or a copy from nothing, finds them out anew.
  ledger.forgetPosition()
  ledger.debts.clear()
  ledger.debts.mapping.follow(mapping())
  followProtect(target)
  problems.clear()
  if (start === 'replay') ledger.setPosition({ epoch, term, sequence })
}

/** @param known the epoch that the target followed, before this comparison or one that was broken off; null: none */
function firstOrder(known: string | null, epoch: string, extraneous: Target['extraneous']): ResyncOrder {
  if (known === null) return FIRST_LOOK
  return known !== epoch && extraneous === 'report' ? NEW_INDEX : WHOLE_TARGET
}

/** A replay must continue at the target's position, or begin with an empty target. */
function checkReplay({ epoch, sequence }: Welcome, greeting: Greeting): void {
  const continues = epoch === greeting.epoch && sequence === greeting.sequence
  const begins = greeting.target === 'empty' && sequence === 0
  const detail = `a replay from ${sequence} does not start at the position of this target`
  if (!continues && !begins) throw new ProtocolError('unexpected-message', detail)
}
