/**
 * Asks for what the target owes: paths whose change could not be made from the content that was sent, or not be made at
 * all.
 *
 * A path that only lacked content is asked for at once. A path that met a problem on this disk is asked for again after
 * a while, and less and less often as long as problems last. Shares its requests with a resync. Lives for one
 * connection.
 */
import { backoffMs } from '@rootferry/host/machine'
import { LIMITS, type ToAgent } from '@rootferry/protocol'
import type { Untouchable } from '../files/untouchable.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { BurstOutcome } from '../ledger/operation.ts'
import type { Problems } from './problems.ts'
import type { WantSize } from './want-size.ts'
import { WantQueue } from './wants.ts'

const RETRIES = { firstMs: 10_000, mostMs: 600_000 }

export interface RepairsParts {
  ledger: Ledger
  untouchable: Untouchable
  wantSize: WantSize
  problems: Problems
  /** Whether there is room for a path whose content did not fit. */
  mayFit(path: string): boolean
  send(message: ToAgent): void
  later(ms: number, act: () => void): void
}

export class Repairs {
  readonly #parts: RepairsParts
  readonly #wants: WantQueue
  #requests = 0
  /** Owed paths are read from the ledger in order, a page at a time; null: all were read. */
  #readUpTo: string | null = null
  #isRetryDue = false
  #retries = 0

  constructor(parts: RepairsParts) {
    this.#parts = parts
    this.#wants = new WantQueue(parts.wantSize)
  }

  /** Every owed path was asked for and answered: those that are left cannot be made right for now. */
  get isSettled(): boolean {
    return this.#readUpTo === null && this.#wants.waiting === 0 && this.#wants.open === 0
  }

  get waiting(): number {
    return this.#wants.waiting
  }

  /** A request number that this connection has not used before. */
  nextRequest(): number {
    this.#requests += 1
    return this.#requests
  }

  isOpen(request: number): boolean {
    return this.#wants.isOpen(request)
  }

  /**
   * @param request null: nothing was asked for
   * @returns the paths of the request, and when it was sent
   */
  answered(request: number | null): { asked: string[] | null; askedMs: number | null } {
    const asked = request === null ? null : this.#wants.answered(request)
    return { asked: asked?.paths ?? null, askedMs: asked?.atMs ?? null }
  }

  /** See WantQueue.want. */
  want(path: string, digest: string | null, bytes: number): void {
    this.#wants.want(path, digest, bytes)
  }

  /** The path will not be asked for, unless it has been already. */
  drop(path: string): void {
    this.#wants.drop(path)
  }

  /** Asks for every path that the ledger says is owed. */
  askForOwed(): void {
    this.#readUpTo = ''
    this.ask()
  }

  /** Takes the paths that a burst left owed. Paths that an answer left owed are not asked for again at once. */
  burstEnded(outcome: BurstOutcome, isAnswer: boolean): void {
    if (!isAnswer) for (const path of outcome.owed) this.#wants.want(path)
    if (outcome.failed.length > 0 || (isAnswer && outcome.owed.length > 0)) this.#retryLater()
    if (this.#parts.ledger.debts.count === 0) this.#retries = 0
    this.ask()
  }

  /** Sends as many requests as may be open. */
  ask(): void {
    if (this.#wants.waiting === 0 && this.#readUpTo !== null) this.#readOwed(this.#readUpTo)
    while (this.#wants.waiting > 0) {
      const request = this.#requests + 1
      const paths = this.#wants.ask(request, Date.now())
      if (paths === null) return
      this.#requests = request
      this.#parts.send({ type: 'want', request, paths })
    }
  }

  /** The connection has ended. */
  end(): void {
    this.#wants.end()
  }

  #readOwed(after: string): void {
    const { ledger, untouchable, problems, mayFit } = this.#parts
    const debts = ledger.debts.owed(after, LIMITS.wantPaths)
    const paths = debts.map(({ path }) => path)
    // The filter and the protect list may have changed since the debt was made.
    // A pattern for directories alone leaves a file of that name to the agent.
    const isOurs = (path: string) => !untouchable.isLocal(path, 'file') || !untouchable.isLocal(path, 'directory')
    const dropped = paths.filter((path) => !isOurs(path))
    if (dropped.length > 0) ledger.debts.drop(dropped)
    problems.mended(dropped)
    for (const { path, digest } of debts) {
      if (!isOurs(path)) continue
      if (mayFit(path) && untouchable.missingAbove(path) === null) this.#wants.want(path, digest)
      else this.#lookLater(RETRIES.firstMs)
    }
    this.#readUpTo = paths.length < LIMITS.wantPaths ? null : (paths.at(-1) ?? null)
  }

  #retryLater(): void {
    if (this.#isRetryDue) return
    this.#lookLater(backoffMs(this.#retries, RETRIES))
    this.#retries += 1
  }

  /** To look whether there is room costs little: that need not be rarer and rarer. */
  #lookLater(delayMs: number): void {
    if (this.#isRetryDue) return
    this.#isRetryDue = true
    this.#parts.later(delayMs, () => {
      this.#isRetryDue = false
      this.askForOwed()
    })
  }
}
