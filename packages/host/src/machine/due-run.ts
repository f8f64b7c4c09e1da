/**
 * Runs of hooks that are due, as any thread knows them: why, up to where, and of which paths a command is told. Knows
 * no processes and no patterns.
 */

/** Paths that wait for one hook; it is told how many more there were. */
export const MOST_HOOK_PATHS = 10_000

/** Why a hook runs. A run for several reasons names the one that comes first here. */
export const HOOK_REASONS = ['first-sync', 'resync', 'replay', 'change'] as const
export type HookReason = (typeof HOOK_REASONS)[number]

/** A run that has become necessary. */
export interface DueRun {
  /** The hook's place in the configuration. */
  hook: number
  /** When the command ended well, everything up to here is done. */
  stamp: number
  reason: HookReason
  paths: string[]
  /** Further paths that found no room. */
  omitted: number
}

/**
 * A name for each hook, the same as long as it is about the same paths: a run that is due outlives changes of the
 * configuration, which change the hook's place, and another command in place of one that failed.
 */
export function hookKeys(hooks: readonly { match: readonly string[] }[]): string[] {
  const seen = new Map<string, number>()
  return hooks.map(({ match }) => {
    const about = JSON.stringify(match)
    const earlier = seen.get(about) ?? 0
    seen.set(about, earlier + 1)
    return `${about}${earlier === 0 ? '' : `#${earlier}`}`
  })
}
