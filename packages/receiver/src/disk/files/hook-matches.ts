/**
 * Which hooks a commit concerns, by the patterns of their configuration, and with which paths. Knows no processes.
 */
import { PathFilter } from '@rootferry/protocol'
import type { StagedChange } from './staged-change.ts'

export class HookMatches {
  readonly #filters: readonly PathFilter[]

  /** @param patterns for each hook its gitignore lines */
  constructor(patterns: readonly (readonly string[])[]) {
    this.#filters = patterns.map((lines) => new PathFilter(lines))
  }

  /** For each hook that at least one change concerns: its number and those paths. */
  of(changes: readonly StagedChange[]): { hook: number; paths: string[] }[] {
    return this.#filters.flatMap((filter, hook) => {
      const concerned = changes.filter(({ path, kind }) => filter.excludesWithParents(path, kind))
      return concerned.length === 0 ? [] : [{ hook, paths: concerned.map(({ path }) => path) }]
    })
  }
}
