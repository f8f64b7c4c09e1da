/**
 * Drives one resync amid a session: has listings compared in turns with what else comes in, and reports how far it is
 * to whoever asked for it.
 *
 * Knows when, and leaves what to Resync. Every method is called in its turn among the agent's messages.
 */

import { errorCode, plainMessage, printable } from '@rootferry/host/machine'
import type { Listing, ToAgent } from '@rootferry/protocol'
import type { DiskEvent } from '../../root-messages.ts'
import type { Problems } from '../debts/problems.ts'
import type { Repairs } from '../debts/repairs.ts'
import type { DiskSteps } from '../files/disk-retry.ts'
import type { Target } from '../target.ts'
import type { Findings } from './findings.ts'
import { type Answered, FIRST_LOOK, Resync, type ResyncScope } from './resync.ts'

/** Long enough to get on with it, short enough to be no delay for a change. */
const STEP_MS = 15
const REPORT_MS = 250

export interface ResyncRunParts {
  target: Target
  repairs: Repairs
  problems: Problems
  steps: DiskSteps
  now(): number
  send(message: ToAgent): void
  event(event: DiskEvent): void
  /** Has `act` called in its turn after what has come in meanwhile, unless the connection has ended by then. */
  soon(act: () => Promise<void>): void
  /** Everything is compared and repaired, or cancelled. */
  over(findings: Findings): Promise<void>
}

export class ResyncRun {
  readonly scope: ResyncScope
  readonly #parts: ResyncRunParts
  readonly #resync: Resync
  readonly #told = { missing: 0, changed: 0, extraneous: 0 }
  readonly #settleProblems: () => void
  #isComparing = false
  #isOver = false
  #reportedAt: number

  constructor(parts: ResyncRunParts, scope: ResyncScope) {
    this.#parts = parts
    this.scope = scope
    this.#reportedAt = parts.now()
    this.#settleProblems = parts.problems.compare(scope.within)
    const out = {
      send: parts.send,
      problem: (path: string, error: unknown) => {
        // The comparison that follows a first look meets it again.
        if (scope === FIRST_LOOK) return
        parts.problems.note({ path, code: errorCode(error) ?? 'unknown', message: plainMessage(error) }, 'comparison')
      },
    }
    this.#resync = new Resync(parts.target, parts.repairs, out, scope)
  }

  /** @throws ProtocolError when it was not asked for */
  async listing(listing: Listing): Promise<void> {
    this.#resync.take(listing)
    await this.proceed()
  }

  /** A changeset, or the answer to a want, is visible. */
  committed(paths: Iterable<string>, answered: Answered | null): void {
    this.#resync.touch(paths)
    if (answered !== null) this.#resync.answered(answered)
  }

  async cancel(): Promise<void> {
    this.#resync.cancel()
    await this.proceed()
  }

  /** The connection has ended. */
  end(): void {
    this.#isOver = true
    this.#resync.end()
  }

  /** Goes on as far as it can. */
  async proceed(): Promise<void> {
    if (this.#isOver) return
    const isDone = this.#resync.advance()
    if (this.#resync.hasWork && !this.#isComparing) {
      this.#isComparing = true
      this.#parts.soon(() => this.#compare())
    }
    if (!isDone) return this.#reportSometimes()
    this.#isOver = true
    if (this.scope !== FIRST_LOOK) this.#close()
    await this.#parts.over(this.#resync.findings)
  }

  #close(): void {
    this.#report(true)
    const { findings, outcome } = this.#resync
    if (outcome !== 'cancelled') this.#settleProblems()
    const { differences: _, error, ...counts } = findings.report()
    const { check, isDryRun } = this.scope
    const details = { outcome, check, isDryRun, ...counts, error: error === null ? null : printable(error) }
    this.#parts.event({ type: 'log', level: 'info', message: 'resync is over', details })
  }

  async #compare(): Promise<void> {
    this.#isComparing = false
    if (this.#isOver) return
    const { target, steps, now } = this.#parts
    await steps.whileConnected(() => {
      const began = now()
      this.#resync.step(() => now() - began > STEP_MS)
      target.confined.release()
    })
    await this.proceed()
  }

  #reportSometimes(): void {
    if (this.scope === FIRST_LOOK) return
    if (this.#parts.now() - this.#reportedAt >= REPORT_MS || this.#resync.findings.hasUnreported) this.#report(false)
  }

  #report(isLast: boolean): void {
    const { findings } = this.#resync
    const { missing, changed, extraneous } = findings
    const told = this.#told
    if (missing + changed + extraneous > told.missing + told.changed + told.extraneous) {
      const news = {
        missing: missing - told.missing,
        changed: changed - told.changed,
        extraneous: extraneous - told.extraneous,
      }
      this.#parts.event({ type: 'differences', ...news })
      Object.assign(told, { missing, changed, extraneous })
    }
    this.#reportedAt = this.#parts.now()
    const { id } = this.scope
    if (id === null) return
    const say = (state: 'running' | 'done' | 'failed' | 'cancelled') =>
      this.#parts.send({ type: 'resync-progress', id, state, ...findings.report() })
    while (findings.hasUnreported) say('running')
    say(isLast ? this.#resync.outcome : 'running')
  }
}
