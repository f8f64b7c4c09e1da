/**
 * The symlinks that a scan has found to point elsewhere, or in the place of something else, and which of them it leaves
 * out. Pure bookkeeping.
 */
import type { Finding, KnownEntry, Observation } from '../index/indexed-entry.ts'

export type Found = Extract<Finding, { observation: Observation }>
/** Whether such a symlink may be recorded now. */
export type MaySwap = (path: string, observation: Observation) => boolean

export class Swaps {
  readonly #paths = new Set<string>()
  readonly #left: Found[] = []
  #maySwap: MaySwap = () => true

  begin(maySwap: MaySwap): void {
    this.#maySwap = maySwap
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

  mayAllGo(findings: readonly Found[]): boolean {
    if (this.#paths.size === 0) return true
    return findings.every(({ path, observation }) => !this.#paths.has(path) || this.#maySwap(path, observation))
  }

  /** @returns those of the findings that are swaps and may be recorded now */
  allowed(findings: readonly Found[]): Found[] {
    return this.#allowed(findings, this.#maySwap)
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
