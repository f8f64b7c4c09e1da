/**
 * Which hooks a commit concerns, by the patterns of their configuration, and the paths for each. Knows no processes.
 */
import { PathFilter } from '@rootferry/protocol'
import type { StagedChange } from './staged-change.ts'

export class HookMatches {
  readonly #filters: readonly PathFilter[]

  /** @param patterns the gitignore lines of each hook */
  constructor(patterns: readonly (readonly string[])[]) {
    this.#filters = patterns.map((lines) => new PathFilter(lines))
  }

  /** For each hook that at least one change concerns: its number and these paths. */
  of(changes: readonly StagedChange[]): { hook: number; paths: string[] }[] {
    return this.#filters.flatMap((filter, hook) => {
      const concerned = changes.filter(({ path, kind }) => filter.excludesWithParents(path, kind))
      return concerned.length === 0 ? [] : [{ hook, paths: concerned.map(({ path }) => path) }]
    })
  }
}
