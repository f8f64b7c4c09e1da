/**
 * The symlinks that a scan has found to point elsewhere, or in the place of something else, and which of them it leaves
 * out. Pure bookkeeping.
 */
import type { Finding, KnownEntry, Observation } from '../index/indexed-entry.ts'

export type Found = Extract<Finding, { observation: Observation }>
/** Whether such a symlink may be recorded now. */
type MaySwap = (path: string, observation: Observation) => boolean

/** What must not be recorded before something else: see swap-order.ts. */
export interface RecordOrder {
  maySwap: MaySwap
  /** Whether what is gone may be recorded so. @param gone paths @param isRecorded whether a swap is recorded before it */
  mayRemove: (gone: Iterable<string>, isRecorded: (path: string) => boolean) => boolean
  /** At the path nothing is new, or nothing is there. */
  settled: (path: string) => void
}

export const ANY_ORDER: RecordOrder = { maySwap: () => true, mayRemove: () => true, settled: () => undefined }

export class Swaps {
  readonly #paths = new Set<string>()
  readonly #left: Found[] = []
  #order = ANY_ORDER

  begin(order: RecordOrder): void {
    this.#order = order
    this.#left.length = 0
  }

  get size(): number {
    return this.#paths.size
  }

  has(path: string): boolean {
    return this.#paths.has(path)
  }

  found(path: string, before: KnownEntry | null, { kind }: Observation): void {
    if (kind === 'symlink' && before !== null) this.#paths.add(path)
    else if (this.#paths.size > 0) this.#paths.delete(path)
  }

  forget(path: string): void {
    this.#paths.delete(path)
  }

  clear(): void {
    this.#paths.clear()
  }

  /** Nothing is new at the path, or nothing is there. */
  settled(path: string): void {
    this.#order.settled(path)
  }

  /** Whether what is gone may be recorded, behind these findings. */
  mayRemove(gone: ReadonlyMap<string, unknown>, findings: readonly Found[]): boolean {
    if (gone.size === 0) return true
    const { maySwap, mayRemove } = this.#order
    const isHeld = ({ path, observation }: Found) => this.#paths.has(path) && !maySwap(path, observation)
    return !findings.some(isHeld) && mayRemove(gone.keys(), (path) => this.#paths.has(path))
  }

  /** @returns those of the findings that are swaps and may be recorded now */
  allowed(findings: readonly Found[]): Found[] {
    return this.#allowed(findings, this.#order.maySwap)
  }

  /** None of them may be recorded now. */
  none(findings: readonly Found[]): Found[] {
    return this.#allowed(findings, () => false)
  }

  #allowed(findings: readonly Found[], maySwap: MaySwap): Found[] {
    if (this.#paths.size === 0) return []
    const swaps = findings.filter(({ path }) => this.#paths.has(path))
    const may = new Set(swaps.filter(({ path, observation }) => maySwap(path, observation)))
    this.#left.push(...swaps.filter((swap) => !may.has(swap)))
    return [...may]
  }

  /** Those that were left out. */
  takeLeft(): Found[] {
    return this.#left.splice(0)
  }
}
