/**
 * Whether a root is held, and what may leave it meanwhile.
 *
 *   open ──an operator holds, or a file of `hold.while` shows itself with `show`──▶ closing ──shut()──▶ shut
 *     ├────a file of `hold.while` appears, without `show`───────────────────────────────────────────────▶ │
 *     ◀──────────────────────────── end(), called when a release has been judged ─────────────────────────┘
 *
 * While closing, receivers are brought to the hold's sequence; when shut, nothing of the present tree leaves the root,
 * because the bytes of that sequence may be gone from the disk. Scans continue, and what they find is above it.
 * INVARIANT: whoever records or packs calls `look` before it. So what is changed after a file of `hold.while` appeared
 * is above the hold's sequence, however late its hint comes. A hold is on the disk before it is told to anybody.
 */
import { randomBytes } from 'node:crypto'
import { parentPath } from '@rootferry/protocol'
import type { GuardLimits, HoldSettings, HoldStatus, RootGate, RootRequest } from '../../root-messages.ts'
import type { EntryIndex } from '../index/entry-index.ts'
import { HoldingFiles } from './holding-files.ts'
import { decodeKeptHold, encodeKeptHold, type Hold, type KeptHold } from './kept-hold.ts'

/** The name of the index's note. */
const NOTE = 'hold'
/** For how long receivers that are slow may delay that a shown file holds the root. */
const SHOWN_WAIT_MS = 5_000
const MOST_STEPS = 16

export interface HoldingParts {
  index: EntryIndex
  options: { path: string; hold: HoldSettings }
  /** Whether the docroot is open, and the index describes it or is about to. */
  isOpen(): boolean
  /** Whether it is still what is at its path. */
  isInPlace(): boolean
  /** Living entries of the index. */
  living(): number
  /** Records a file that appeared, alone and at once. */
  recordShown(path: string): void
  /** Records anew, as the last change, that a file is gone. */
  recordGone(path: string): void
  /** The gate has changed. */
  gated(gate: RootGate): void
  began(hold: Hold): void
  /** The files that held the root are gone. */
  filesGone(): void
}

/** Where a hold begins, and the end of the round that it follows; null or none: it follows none. */
interface Beginning {
  sequence: number
  living: number
  together?: number | null
}

export interface HoldOrder {
  reason: string
  by: string
  forMs: number
  waitMs: number
}

export class Holding {
  readonly #parts: HoldingParts
  #hold: Hold | null
  readonly #files: HoldingFiles
  /** A file that appeared while the root is being released holds it from there on; null: none has. */
  #next: { sequence: number; living: number } | null = null
  #isShut = true
  #released: KeptHold['released']
  /** The round in which receivers stage what waits; null: there is none. Its plans leave the root although it is held. */
  #round: { to: number; plans: Set<number> } | null = null
  /** The last plans of changes that were rounds: receivers may be amid one, which is then the beginning of the release. */
  #steps: number[] = []
  /** Why the root was not released when its files were gone; null: no reason is known. */
  refused: string | null = null
  #waiting = { head: -1, changes: 0, bytes: 0 }

  constructor(parts: HoldingParts) {
    this.#parts = parts
    const { index } = parts
    const { hold, passed, released } = decodeKeptHold(index.memory.note(NOTE))
    this.#hold = hold
    this.#files = new HoldingFiles(parts.options, passed)
    this.#released = released
    // In a new epoch receivers compare, and do that when the root is released.
    if (hold !== null && hold.epoch !== index.epoch) this.#keep({ ...hold, epoch: index.epoch, sequence: index.head })
  }

  get hold(): Readonly<Hold> | null {
    return this.#hold
  }

  /** How far receivers may be brought. */
  get reach(): number {
    const { head } = this.#parts.index
    return this.#hold === null ? head : Math.min(head, this.#hold.sequence)
  }

  get gate(): RootGate {
    return { limit: this.#hold?.sequence ?? null, waitMs: null }
  }

  statusAt(nowMs: number): HoldStatus | null {
    if (this.#hold === null) return null
    const { id, sequence, sinceMs, untilMs, reason, by } = this.#hold
    const { index } = this.#parts
    if (this.#waiting.head !== index.head) this.#waiting = { head: index.head, ...index.sumAfter(sequence) }
    const { changes, bytes } = this.#waiting
    const overdue = nowMs >= untilMs
    return { id, sequence, sinceMs, reason, by, overdue, refused: this.refused, pending: { changes, bytes } }
  }

  /** Whether a request waits for the release. */
  blocks(request: RootRequest): boolean {
    if (this.#hold === null) return false
    // Within the reach a plan is of a change that is a round, while the root closes.
    if (request.type === 'plan' && request.to !== null && request.to > this.reach) return request.to !== this.#round?.to
    if (request.type === 'pack' && this.#round?.plans.has(request.plan) === true) return false
    if (this.#isShut) return true
    if (request.type === 'plan') return request.from >= this.reach
    return request.type !== 'pack' && request.type !== 'lay-out'
  }

  /** Whether a request is of a round that is over, and did not go. */
  isStale(request: RootRequest): boolean {
    return request.type === 'plan' && request.to !== null && request.to > this.reach && this.blocks(request)
  }

  /** A plan of a round was made. */
  planned(plan: number): void {
    if (this.#round !== null) this.#round.plans.add(plan)
    else this.#steps = [...this.#steps.slice(1 - MOST_STEPS), plan]
  }

  get isInRound(): boolean {
    return this.#round !== null
  }

  /** The end of the last round: below it nobody is ready. */
  get released(): number {
    return this.#released?.epoch === this.#parts.index.epoch ? this.#released.sequence : 0
  }

  /** An operator holds the root, which is not held. @returns the sequence */
  begin({ reason, by, forMs, waitMs }: HoldOrder): number {
    return this.#begin({ reason, by, forMs, isByFile: false }, waitMs)
  }

  /** Receivers were given their time to reach the sequence. */
  shut(sequence: number): void {
    if (this.#hold?.sequence === sequence) this.#isShut = true
  }

  /** Looks at the files of `hold.while`. Cheap: called before everything that is recorded or packed. */
  look(): void {
    const { options, isOpen, isInPlace, filesGone } = this.#parts
    const files = options.hold.while
    if (files.length === 0 && this.#hold?.isByFile !== true) return
    if (!isOpen() || !isInPlace()) return
    const { holding, appeared, isNews } = this.#files.look(this.#hold !== null)
    if (isNews) this.#keep(this.#hold)
    if (this.#hold === null) {
      if (holding.length > 0) this.#beginByFiles(holding)
    } else if (this.#round !== null) this.#noteNext(appeared)
    else if (this.#hold.isByFile && holding.length === 0) filesGone()
  }

  /** Whether the root could be released by itself. */
  areFilesGone(): boolean {
    return this.#hold?.isByFile === true && this.#files.look(true).holding.length === 0 && this.#parts.isInPlace()
  }

  /** The guard has refused, by these limits, that the root releases itself. */
  keepRefusal(refusedBy: GuardLimits): void {
    if (this.#hold !== null) this.#keep({ ...this.#hold, refusedBy })
  }

  /** A release was ordered: it goes past the files that are there. */
  passPresent(): void {
    this.#files.passPresent()
  }

  /** Whether a hint of this path may be news about a file of `hold.while`. */
  concerns(path: string): boolean {
    return this.#parts.options.hold.while.some((file) => file === path || parentPath(file) === path)
  }

  /** With `show`, the end of a file that held the root is the last change of its release. */
  recordEnds(): void {
    const { options, recordGone } = this.#parts
    const { show, while: files } = options.hold
    if (this.#hold?.isByFile === true && show) for (const path of files) recordGone(path)
  }

  /** Receivers may stage what waits up to there. */
  beginRound(to: number): void {
    this.#round = { to, plans: new Set(this.#steps) }
  }

  /** Whether the round of a release ends there. */
  isRoundTo(to: number): boolean {
    return this.#round?.to === to
  }

  /** A part of the release goes: the root is held at its end from now on. */
  advance(to: number): void {
    if (this.#hold === null) return
    this.#keepReleased(to, { ...this.#hold, sequence: to })
    this.#round = null
    this.#parts.gated(this.gate)
  }

  /** A change that is a round goes. */
  wentTogether(to: number): void {
    this.#keepReleased(to, this.#hold)
  }

  /** The round does not go: the root stays held. */
  abandonRound(): void {
    this.#files.endPassing(false)
    this.#round = null
    this.#next = null
  }

  /**
   * The root is released. A file that has appeared since that was ordered holds it anew, in the same write.
   * @param together the sequence that receivers commit together; null: each commits by itself
   */
  end(together: number | null): void {
    if (this.#hold === null) return
    this.look()
    const { appeared } = this.#files.look(false)
    if (appeared.length > 0 && this.#next !== null) this.#beginByFiles(appeared, { together, ...this.#next })
    else {
      this.#keepReleased(together, null, this.#files.passedThen)
      this.#parts.gated(this.gate)
    }
    this.refused = null
    this.#files.endPassing(true)
    this.#round = null
    this.#next = null
  }

  /** The root is not served any more, and holds nothing. */
  abandon(): void {
    this.#keep(null)
  }

  /** @param from where it begins; null: here */
  #beginByFiles(files: readonly string[], from: Beginning | null = null): void {
    const { options, recordShown } = this.#parts
    const { show, overdueMinutes } = options.hold
    if (show && from === null) for (const path of files) recordShown(path)
    const reason = `${files.map((path) => `/${path}`).join(', ')} is there`
    this.#begin(
      { reason, by: 'hold.while', forMs: overdueMinutes * 60_000, isByFile: true },
      show ? SHOWN_WAIT_MS : null,
      from ?? this.#here(),
    )
  }

  /** While the root is being released, what a file that appears will hold is known, and not whether it does. */
  #noteNext(appeared: readonly string[]): void {
    const { options, recordShown } = this.#parts
    if (appeared.length === 0) return
    if (options.hold.show) for (const path of appeared) recordShown(path)
    this.#next ??= this.#here()
  }

  #here(): { sequence: number; living: number } {
    return { sequence: this.#parts.index.head, living: this.#parts.living() }
  }

  #begin(
    order: Pick<Hold, 'reason' | 'by' | 'isByFile'> & { forMs: number },
    waitMs: number | null,
    { sequence, living, together = null }: Beginning = this.#here(),
  ): number {
    const { index, gated, began } = this.#parts
    const { reason, by, isByFile, forMs } = order
    const sinceMs = Date.now()
    const id = randomBytes(6).toString('hex')
    const hold = { id, sequence, epoch: index.epoch, living, sinceMs, untilMs: sinceMs + forMs, reason, by, isByFile }
    this.#keepReleased(together, hold, this.#files.passedThen)
    this.#isShut = waitMs === null
    gated({ limit: sequence, waitMs })
    began(hold)
    return sequence
  }

  /** One write: whoever finds no hold, or a later one, finds how far it was released. */
  #keepReleased(together: number | null, hold: Hold | null, passed = this.#files.passed): void {
    const before = this.#released
    if (together !== null) this.#released = { sequence: together, epoch: this.#parts.index.epoch }
    try {
      this.#keep(hold, passed)
    } catch (error) {
      this.#released = before
      throw error
    }
  }

  #keep(hold: Hold | null, passed = this.#files.passed): void {
    const released = this.#released
    const kept = { hold, passed, ...(released === undefined ? {} : { released }) }
    this.#parts.index.memory.keepNote(NOTE, encodeKeptHold(kept))
    // Not before it is written: a full disk changes nothing.
    this.#hold = hold
    this.#waiting.head = -1
  }
}
