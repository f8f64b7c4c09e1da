/** What a resync has found and done so far, and which of its first differences were not reported yet. Pure. */
import { LIMITS, type ResyncProgress } from '@rootferry/protocol'

export type ResyncDifference = ResyncProgress['differences'][number]

/** Of one resync; the rest is counted only. */
const MOST_NAMED = 1_000
/** Bound of the report's text. */
const MOST_MESSAGE = 1_000

export class Findings {
  checked = 0
  missing = 0
  changed = 0
  extraneous = 0
  /** Content of what is missing. */
  missingBytes = 0
  /** What goes away, with all below it; only a first look counts it. */
  leaving = 0
  repaired = 0
  /** Of content received. */
  bytes = 0
  #unrepaired = 0
  #firstFailure: string | null = null
  #named = 0
  #unreported: ResyncDifference[] = []

  note(path: string, kind: ResyncDifference['kind']): void {
    this[kind] += 1
    if (this.#named >= MOST_NAMED) return
    this.#named += 1
    this.#unreported.push({ path, kind })
  }

  /** Something could not be put right, or not be looked at. */
  fail(path: string, why: string): void {
    this.#unrepaired += 1
    this.#firstFailure ??= `${path}: ${why}`
  }

  get hasFailed(): boolean {
    return this.#unrepaired > 0
  }

  get hasUnreported(): boolean {
    return this.#unreported.length > LIMITS.reportedDifferences
  }

  /** Everything but the differences that a report holds; those it returns are reported with it. */
  report(): Omit<ResyncProgress, 'type' | 'id' | 'state'> {
    const { checked, missing, changed, extraneous, repaired, bytes } = this
    const differences = this.#unreported.splice(0, LIMITS.reportedDifferences)
    const others = this.#unrepaired > 1 ? ` (and ${this.#unrepaired - 1} more)` : ''
    const error =
      this.#firstFailure === null ? null : this.#firstFailure.slice(0, MOST_MESSAGE - others.length) + others
    return { checked, missing, changed, extraneous, repaired, bytes, differences, error }
  }
}
