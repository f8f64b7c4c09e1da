/**
 * Which hooks a commit concerns, by the patterns of their configuration, and the paths for each. Knows no processes.
 */
import type { HookReason } from '@rootferry/host/machine'
import { PathFilter } from '@rootferry/protocol'
import type { HookPatterns } from '../../root-messages.ts'
import { kindOfChange, type StagedChange } from './staged-change.ts'

/** A hook that a commit concerns. */
export interface HookMatch {
  /** Its place in the configuration. */
  hook: number
  key: string
  paths: string[]
}

export class HookMatches {
  readonly #hooks: readonly (HookPatterns & { filter: PathFilter })[]

  constructor(hooks: readonly HookPatterns[]) {
    this.#hooks = hooks.map((hook) => ({ ...hook, filter: new PathFilter(hook.match) }))
  }

  get keys(): string[] {
    return this.#hooks.map(({ key }) => key)
  }

  /** Every hook that at least one change concerns. */
  of(changes: readonly StagedChange[], reason: HookReason): HookMatch[] {
    return this.#hooks.flatMap(({ filter, key, onFirstSync }, hook) => {
      if (reason === 'first-sync' && !onFirstSync) return []
      const concerned = changes.filter((change) => filter.excludesWithParents(change.path, kindOfChange(change)))
      return concerned.length === 0 ? [] : [{ hook, key, paths: concerned.map(({ path }) => path) }]
    })
  }
}
