/** The findings and repairs of a resync so far, and which of its first differences were not reported yet. Pure. */
import { LIMITS, type ResyncProgress } from '@rootferry/protocol'

export type ResyncDifference = ResyncProgress['differences'][number]

/** Differences that one resync names; further ones are only counted. */
const MOST_NAMED = 1_000
/** The bound of the report's text. */
/** Affected paths that a first look names. */
const MOST_AFFECTED = 100
const MOST_MESSAGE = 1_000

export class Look {
  /** Bytes of missing files. */
  missingBytes = 0
  /** Objects that go away, with everything below them. */
  leaving = 0
  /** Files and symlinks whose content is replaced, and how many of them are files of the right size. */
  replaced = 0
  doubtful = 0
  /** The first paths that are replaced or go. */
  readonly affected: { path: string; kind: 'changed' | 'extraneous' }[] = []

  affects(path: string, kind: 'changed' | 'extraneous'): void {
    if (this.affected.length < MOST_AFFECTED) this.affected.push({ path, kind })
  }
}

export class Findings {
  checked = 0
  missing = 0
  changed = 0
  extraneous = 0
  /** What only a look before a first join asks for. */
  readonly look = new Look()
  repaired = 0
  /** Bytes of content received. */
  bytes = 0
  #unrepaired = 0
  #firstFailure: string | null = null
  #unreported: ResyncDifference[] = []
  #told = { missing: 0, changed: 0, extraneous: 0 }

  differs(path: string, kind: ResyncDifference['kind']): void {
    this[kind] += 1
    if (this.missing + this.changed + this.extraneous <= MOST_NAMED) this.#unreported.push({ path, kind })
  }

  /** A path could not be repaired, or not be looked at. */
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

  /** How many differences were found since the last call; null: none. */
  news(): { missing: number; changed: number; extraneous: number } | null {
    const { missing, changed, extraneous } = this
    const told = this.#told
    if (missing === told.missing && changed === told.changed && extraneous === told.extraneous) return null
    this.#told = { missing, changed, extraneous }
    return {
      missing: missing - told.missing,
      changed: changed - told.changed,
      extraneous: extraneous - told.extraneous,
    }
  }

  /** Everything in a report but its state; the differences that it returns count as reported. */
  report(): Omit<ResyncProgress, 'type' | 'id' | 'state'> {
    const { checked, missing, changed, extraneous, repaired, bytes } = this
    const differences = this.#unreported.splice(0, LIMITS.reportedDifferences)
    const others = this.#unrepaired > 1 ? ` (and ${this.#unrepaired - 1} more)` : ''
    const error =
      this.#firstFailure === null ? null : this.#firstFailure.slice(0, MOST_MESSAGE - others.length) + others
    return { checked, missing, changed, extraneous, repaired, bytes, differences, error }
  }
}
