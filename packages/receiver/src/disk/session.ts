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

import assert from 'node:assert/strict'
import { type HookReason, printable } from '@rootferry/host/machine'
import {
  type Changeset,
  type Commit,
  decodeToReceiver,
  type Listing,
  ProtocolError,
  type ToAgent,
  type Welcome,
} from '@rootferry/protocol'
import type { DiskEvent, Phase } from '../root-messages.ts'
import { commitIntent } from './commit/commit.ts'
import type { Durability } from './commit/durability.ts'
import type { Findings } from './compare/findings.ts'
import { JoinQuestion } from './compare/join-question.ts'
import { FIRST_LOOK, isLook, NEW_INDEX, Resync, type ResyncOrder, WHOLE_TARGET } from './compare/resync.ts'
import type { Problems } from './debts/problems.ts'
import { Repairs } from './debts/repairs.ts'
import { dueDebts, settlement, withUnfit } from './debts/settlement.ts'
import type { DiskSteps } from './files/disk-retry.ts'
import { setLocalModes } from './files/local-modes.ts'
import type { Plan } from './ledger/operation.ts'
import type { Incoming } from './stage/incoming.ts'
import { Intake } from './stage/intake.ts'
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

/** The content of the hello, with which the welcome is compared. */
export interface Greeting {
  epoch: string | null
  sequence: number
  target: 'empty' | 'populated'
}

export class Session {
  readonly #parts: SessionParts
  readonly #greeting: Greeting
  readonly #intake: Intake
  readonly #repairs: Repairs
  readonly #join: JoinQuestion
  #welcome: Welcome | null = null
  #resync: Resync | null = null
  /** Where the next changeset must begin; null during an automatic resync. */
  #cursor: number | null = null
  #head = 0
  #isLive = false

  constructor(parts: SessionParts, greeting: Greeting) {
    this.#parts = parts
    this.#greeting = greeting
    this.#intake = new Intake({ ...parts, disk: parts.target })
    const { ledger, untouchable, room } = parts.target
    const mayFit = (path: string) => room.mayFit(path)
    this.#join = new JoinQuestion({ ...parts.target, ...parts })
    this.#repairs = new Repairs({ ...parts, ledger, untouchable, mayFit })
  }

  /** Whether the welcome has come: before it only the hello may be sent. */
  get isWelcome(): boolean {
    return this.#welcome !== null
  }

  /** @throws ProtocolError when the agent broke the protocol */
  async text(frame: Uint8Array): Promise<void> {
    this.#intake.refuseMessages()
    const message = decodeToReceiver(frame)
    setLocalModes(message, this.#parts.target.modeOf)
    if (this.#welcome === null) {
      if (message.type !== 'welcome') throw new ProtocolError('unexpected-message', `${message.type} before welcome`)
      await this.#begin(message)
      return
    }
    switch (message.type) {
      case 'welcome':
        throw new ProtocolError('unexpected-message', 'a second welcome')
      case 'changeset':
        this.#beginChangeset(message, this.#welcome)
        return
      case 'segment':
        await this.#intake.segment(message)
        return
      case 'commit':
        await this.#commit(message, this.#welcome)
        return
      case 'listing':
        await this.#listing(message, this.#welcome)
        return
      case 'resync': {
        const { id, within: paths, check, dryRun } = message
        this.#beginResync({ id, paths, check, dryRun, extraneous: 'trash' })
        return
      }
      case 'cancel-resync':
        if (this.#resync?.order.id === message.id) await this.#resync.cancel()
    }
  }

  /** @throws ProtocolError when the agent broke the protocol */
  async bytes(frame: Uint8Array): Promise<void> {
    await this.#intake.frame(frame)
  }

  /** The connection ended: unfinished work is dropped, but slices stay. */
  async end(): Promise<void> {
    const { target, steps } = this.#parts
    this.#intake.end()
    this.#resync?.end()
    target.partials.interrupt()
    target.confined.release()
    // Objects that an unfinished burst has staged are still needed.
    if (!target.ledger.hasIntent) await steps.untilDone(() => target.area.tidy(target.partials.stagedNames()))
  }

  async #begin(welcome: Welcome): Promise<void> {
    const { target, problems, steps } = this.#parts
    const { ledger, untouchable, partials } = target
    const { epoch, term, sequence, head, filter, start } = welcome
    if (head < sequence) throw new ProtocolError('unexpected-message', 'a welcome beyond the head')
    if (start === 'replay') checkReplay(welcome, this.#greeting)
    this.#welcome = welcome
    this.#head = head
    await steps.whileConnected(() => {
      ledger.setFilter(filter)
      partials.beginEpoch(epoch)
      if (start === 'replay' && ledger.position?.epoch === epoch) return
      // Debts belong to the former target; a comparison, or a copy from nothing, finds them out anew.
      ledger.forgetPosition()
      ledger.debts.clear()
      problems.clear()
      if (start === 'replay') ledger.setPosition({ epoch, term, sequence })
    })
    untouchable.setExcluded(filter)
    this.#parts.welcomed()
    this.#parts.event(standingOf(welcome, this.#greeting))
    const details = { start, sequence, head: welcome.head, reason: welcome.reason }
    this.#parts.event({ type: 'log', level: 'info', message: 'welcomed by the agent', details })
    if (start === 'resync') {
      this.#phase('resyncing')
      this.#resync = this.#startResync(firstOrder(this.#greeting.epoch, epoch, target.extraneous))
      return
    }
    this.#cursor = sequence
    this.#phase('replaying')
    this.#repairs.askForOwed()
    await this.#checkLive()
  }

  #beginChangeset(header: Changeset, { epoch }: Welcome): void {
    if (this.#intake.changeset !== null) throw new ProtocolError('unexpected-message', 'a changeset within another')
    if (header.request === null ? header.from !== this.#cursor : !this.#repairs.isOpen(header.request)) {
      throw new ProtocolError('unexpected-message', `a changeset from ${header.from} that was not due`)
    }
    if (header.to < header.from) throw new ProtocolError('unexpected-message', 'a changeset that goes back')
    this.#head = Math.max(this.#head, header.head)
    this.#parts.event({ type: 'head', head: this.#head })
    this.#intake.begin(header, epoch)
  }

  async #commit(commit: Commit, { epoch, term }: Welcome): Promise<void> {
    const { target, problems, steps, event } = this.#parts
    const { changeset } = this.#intake
    if (changeset === null) throw new ProtocolError('unexpected-message', 'a commit without a changeset')
    const { request, from, to } = changeset.header
    assert.ok(request !== null || from === this.#cursor, 'a changeset that does not begin where the connection is')
    await steps.whileConnected(changeset.completer(commit))
    target.confined.release()
    const { staged, unfit } = changeset
    const owed = [...changeset.owed, ...unfit.map(({ path }) => path)]
    const paths = [...changeset.paths]
    const arrival = { paths, staged, owed, asked: request === null ? null : this.#repairs.answered(request) }
    const due = dueDebts(arrival, target.ledger.debts.count > 0)
    const position = request === null ? { epoch, term, sequence: to } : null
    const keepsReplaced = request !== null && this.#resync !== null
    const intent = { changes: staged, before: [], position, keepsReplaced, ...due }
    const { area, partials } = target
    const parts = { ...target, steps, reason: this.#reason(request) }
    const outcome = withUnfit(await commitIntent(parts, intent, paths), unfit)
    this.#intake.end()
    if (request === null) this.#cursor = to
    tellCommitted(this.#parts, changeset, outcome.tally, this.#intake.startedAt)
    await steps.untilDone(() => area.tidy(partials.stagedNames()))
    for (const run of outcome.due) event({ type: 'due', ...run })
    problems.burstEnded(outcome)
    const { right, answered } = settlement(arrival, due, outcome)
    problems.mended(right)
    this.#repairs.burstEnded(outcome, request !== null)
    this.#resync?.committed(paths, answered)
    await this.#resync?.proceed()
    await this.#checkLive()
  }

  /** Why a commit happens. @param request the want that it answers */
  #reason(request: number | null): HookReason {
    if (!this.#parts.target.ledger.isComplete) return 'first-sync'
    if (this.#cursor === null || (request !== null && this.#resync !== null)) return 'resync'
    return this.#isLive ? 'change' : 'replay'
  }

  async #listing(listing: Listing, welcome: Welcome): Promise<void> {
    if (this.#intake.changeset !== null) throw new ProtocolError('unexpected-message', 'a listing within a changeset')
    if (this.#resync === null) throw new ProtocolError('unexpected-message', 'a listing without a resync')
    if (this.#cursor !== null && listing.sequence > this.#cursor) {
      throw new ProtocolError('unexpected-message', 'a listing ahead of the changes that lead to it')
    }
    this.#head = Math.max(this.#head, listing.sequence, welcome.head)
    await this.#resync.listing(listing)
    await this.#checkLive()
  }

  #beginResync(order: ResyncOrder): void {
    if (this.#cursor === null || this.#resync !== null || this.#intake.changeset !== null) {
      throw new ProtocolError('unexpected-message', 'a resync during something else')
    }
    this.#resync = this.#startResync(order)
  }

  #startResync(order: ResyncOrder): Resync {
    const { confined, removal, creation, owners, untouchable } = this.#parts.target
    const over = (findings: Findings) => {
      if (isLook(order)) return this.#endLook(order, findings)
      return order.id === null ? this.#endAutomatic() : this.#endOrdered(order)
    }
    const disk = { confined, removal, creation, owners, untouchable }
    return new Resync({ ...this.#parts, ...disk, repairs: this.#repairs, over }, order)
  }

  /** An operator has accepted the first join. */
  accepted(): void {
    const order = this.#join.accepted()
    if (order !== null) this.#resync = this.#startResync(order)
  }

  async #endLook(look: ResyncOrder, findings: Findings): Promise<void> {
    const order = this.#join.decide(look, findings)
    this.#resync = order === null ? null : this.#startResync(order)
  }

  async #endAutomatic(): Promise<void> {
    const { target, steps, durability, send, event } = this.#parts
    if (this.#welcome === null) return
    const { epoch, term, sequence } = this.#welcome
    const position = { epoch, term, sequence }
    await this.#tidy()
    await steps.whileConnected(() => {
      target.ledger.setPosition(position)
      target.acceptance.settle()
    })
    this.#resync = null
    this.#cursor = sequence
    send({ type: 'resynced', sequence })
    event({ type: 'standing', sequence, head: this.#head, isBehind: false })
    durability.committedMuch(position)
    this.#phase('replaying')
    await this.#checkLive()
  }

  async #endOrdered({ dryRun }: ResyncOrder): Promise<void> {
    const { target, durability } = this.#parts
    this.#resync = null
    await this.#tidy()
    if (!dryRun && target.ledger.position !== null) durability.committedMuch(target.ledger.position)
  }

  /** Unless something is staged that will be needed. */
  async #tidy(): Promise<void> {
    const { area, partials } = this.#parts.target
    if (this.#intake.changeset === null) await this.#parts.steps.whileConnected(() => area.tidy(partials.stagedNames()))
  }

  async #checkLive(): Promise<void> {
    if (this.#isLive || this.#cursor === null) return
    // A path that cannot be made right does not keep the node out for ever.
    const { target, steps, event } = this.#parts
    if (this.#cursor < this.#head || (target.ledger.debts.count > 0 && !this.#repairs.isSettled)) return
    await steps.whileConnected(() => target.ledger.complete())
    this.#isLive = true
    event({ type: 'complete', isComplete: true })
    this.#phase('live')
  }

  #phase(phase: Phase): void {
    this.#parts.event({ type: 'phase', phase })
  }
}

/** @param known the epoch that the target followed; null: none */
function firstOrder(known: string | null, epoch: string, extraneous: Target['extraneous']): ResyncOrder {
  if (known === null) return FIRST_LOOK
  return known !== epoch && extraneous === 'report' ? NEW_INDEX : WHOLE_TARGET
}

/** A replay must continue at the target's position; into another epoch it must begin from nothing. */
function checkReplay({ epoch, sequence }: Welcome, greeting: Greeting): void {
  const continues =
    epoch === greeting.epoch ? sequence === greeting.sequence : greeting.target === 'empty' && sequence === 0
  const detail = `a replay from ${sequence} does not start at the position of this target`
  if (!continues) throw new ProtocolError('unexpected-message', detail)
}

/** Behind in another epoch are all receivers alike. */
function standingOf({ epoch, sequence, head, start, othersCurrent }: Welcome, greeting: Greeting): DiskEvent {
  const isBehind = othersCurrent && epoch === greeting.epoch && (start === 'resync' || sequence < head)
  return { type: 'standing', sequence: start === 'replay' ? sequence : 0, head, isBehind }
}

/** Paths of a commit that a log line names. */
const MOST_NAMED = 1_000

function tellCommitted(parts: SessionParts, changeset: Incoming, tally: Plan['tally'], startedAt: number): void {
  const { target, durability, send, event, now } = parts
  const { request, to, head } = changeset.header
  if (request === null) send({ type: 'committed', sequence: to })
  else send({ type: 'repaired', request })
  const { bytes, entries } = changeset
  event({
    type: 'committed',
    sequence: to,
    head,
    repair: request !== null,
    ...tally,
    bytes,
    entries,
    ms: now() - startedAt,
  })
  if (target.namesPaths) {
    const paths = [...changeset.paths].slice(0, MOST_NAMED).map(printable)
    event({ type: 'log', level: 'debug', message: 'paths of the commit', details: { sequence: to, paths } })
  }
  durability.committed(changeset.paths, target.ledger.position)
}
