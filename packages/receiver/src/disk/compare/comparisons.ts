/**
 * The comparisons of one connection, one at a time: the looks before a first join, the automatic resync, those that the
 * agent orders, and the receiver's own: when owners or modes are to be mapped in another way than before, when something is
 * not protected any more, and when another filesystem than before is mounted in the target.
 *
 *   look ─▶ (closer look) ─▶ (accept) ─▶ automatic ─▶ adopted
 *   mapping, protect, volumes ─ an order comes ─▶ cancelled ─▶ ordered ─▶ the same again, from its beginning
 */
import { type Listing, ProtocolError, type Summary } from '@rootferry/protocol'
import type { Durability } from '../commit/durability.ts'
import type { Answered } from '../debts/settlement.ts'
import type { KnownVolumes } from '../files/known-volumes.ts'
import type { Untouchable } from '../files/untouchable.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Findings } from './findings.ts'
import { JoinQuestion, type JoinQuestionParts } from './join-question.ts'
import { isLook, NEW_MAPPING, NOT_PROTECTED, newVolumes, Resync, type ResyncOrder, type ResyncParts } from './resync.ts'

export interface ComparisonsParts extends Omit<ResyncParts, 'over'>, JoinQuestionParts {
  ledger: Ledger
  /** How owners and modes are mapped now. */
  mapping(): string
  volumes: Pick<KnownVolumes, 'due' | 'compared'>
  untouchable: ResyncParts['untouchable'] & Pick<Untouchable, 'lifted'>
  durability: Durability
  /** Removes what is staged, unless it will be needed. */
  tidy(): Promise<void>
  /** The target is what the welcome says. */
  adopted(): Promise<void>
}

/** What was protected is compared, or will be with all the rest. */
export function followProtect({ ledger, untouchable }: Pick<ComparisonsParts, 'ledger' | 'untouchable'>): void {
  ledger.debts.protect.followed()
  untouchable.lifted()
}

export class Comparisons {
  readonly #parts: ComparisonsParts
  readonly #join: JoinQuestion
  #current: Resync | null = null
  /** An order that waits for the end of the receiver's own comparison; `isCancelled`: it need not begin any more. */
  #waiting: { order: ResyncOrder; isCancelled: boolean } | null = null

  constructor(parts: ComparisonsParts) {
    this.#parts = parts
    this.#join = new JoinQuestion(parts)
  }

  /** Whether content may be replaced or removed that is this host's own. */
  get repairs(): boolean {
    return this.#current !== null && this.#current.order.upkeep !== 'mapping'
  }

  get isRunning(): boolean {
    return this.#current !== null
  }

  begin(order: ResyncOrder): void {
    this.#current = this.#start(order)
  }

  /** The agent orders a resync. @throws ProtocolError when another one is under way */
  async obey(order: ResyncOrder): Promise<void> {
    const isOrdered = this.#current !== null && this.#current.order.upkeep === undefined
    if (isOrdered || this.#waiting !== null) throw new ProtocolError('unexpected-message', 'a second resync')
    if (this.#current === null) return this.begin(order)
    this.#waiting = { order, isCancelled: false }
    await this.#current.cancel()
  }

  async cancel(id: number): Promise<void> {
    if (this.#waiting?.order.id === id) this.#waiting.isCancelled = true
    else if (this.#current?.order.id === id) await this.#current.cancel()
  }

  /** @throws ProtocolError when it was not asked for */
  async listing(listing: Listing | Summary): Promise<void> {
    if (this.#current === null) throw new ProtocolError('unexpected-message', 'a listing without a resync')
    await this.#current.listing(listing)
  }

  /** A changeset, or the answer to a want, is visible. */
  async committed(paths: Iterable<string>, answered: Answered | null): Promise<void> {
    this.#current?.committed(paths, answered)
    await this.#current?.proceed()
  }

  /** An operator has accepted the first join. */
  accepted(): void {
    const order = this.#join.accepted()
    if (order !== null) this.begin(order)
  }

  /**
   * The target has everything: what was mapped in another way is mapped anew, and what was protected and volumes that are
   * new are compared, if nothing else is under way.
   */
  follow(): void {
    const { ledger, mapping, volumes } = this.#parts
    if (this.#current !== null) return
    if (ledger.debts.mapping.text !== mapping()) this.begin(NEW_MAPPING)
    else if (ledger.debts.protect.isLifted) this.begin(NOT_PROTECTED)
    else if (volumes.due.length > 0) this.begin(newVolumes(volumes.due))
  }

  end(): void {
    this.#current?.end()
  }

  #start(order: ResyncOrder): Resync {
    return new Resync({ ...this.#parts, over: (findings) => this.#over(order, findings) }, order)
  }

  #over(order: ResyncOrder, findings: Findings): Promise<void> {
    if (isLook(order)) return this.#endLook(order, findings)
    if (order.upkeep !== undefined) return this.#endUpkeep(order)
    return order.id === null ? this.#endAutomatic() : this.#endOrdered(order)
  }

  async #endLook(look: ResyncOrder, findings: Findings): Promise<void> {
    const order = this.#join.decide(look, findings)
    this.#current = order === null ? null : this.#start(order)
  }

  async #endAutomatic(): Promise<void> {
    await this.#parts.tidy()
    this.#current = null
    await this.#parts.adopted()
  }

  async #endOrdered({ dryRun }: ResyncOrder): Promise<void> {
    const { ledger, durability } = this.#parts
    this.#current = null
    await this.#parts.tidy()
    if (!dryRun && ledger.position !== null) durability.committedMuch(ledger.position)
    this.follow()
  }

  async #endUpkeep({ upkeep, paths }: ResyncOrder): Promise<void> {
    const { ledger, mapping, volumes, durability, steps } = this.#parts
    const waiting = this.#waiting
    this.#current = null
    this.#waiting = null
    if (waiting === null) {
      await steps.whileConnected(() => {
        if (upkeep === 'mapping') ledger.debts.mapping.follow(mapping())
        else if (upkeep === 'protect') followProtect(this.#parts)
        else volumes.compared(paths)
      })
      if (ledger.position !== null) durability.committedMuch(ledger.position)
      return this.follow()
    }
    const ordered = this.#start(waiting.order)
    this.#current = ordered
    if (waiting.isCancelled) await ordered.cancel()
  }
}
