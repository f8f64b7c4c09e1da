/**
 * The programs of the daemons: the bundles, which are published and start in two thirds of the time; or the sources,
 * when a source has changed since the bundles were made.
 */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

export const DAEMONS = ['agent', 'receiver'] as const
type Daemon = (typeof DAEMONS)[number]

const REPOSITORY = join(import.meta.dirname, '..')

/** Paths of the programs. */
export const AGENT = programOf('agent')
export const RECEIVER = programOf('receiver')

function programOf(daemon: Daemon): string {
  return isFresh(daemon) ? join(bundleOf(daemon), 'main.js') : join(sourcesOf(daemon), 'main.ts')
}

export function bundleOf(daemon: Daemon): string {
  return join(REPOSITORY, 'packages', daemon, 'bundle')
}

export function sourcesOf(name: string): string {
  return join(REPOSITORY, 'packages', name, 'src')
}

/** Whether nothing that goes into its bundle is newer than the bundle, other packages' versions included. */
export function isFresh(daemon: Daemon): boolean {
  const sources = ['protocol', 'host', daemon].flatMap((name) => {
    return readdirSync(sourcesOf(name), { recursive: true, encoding: 'utf8' }).map((file) =>
      join(sourcesOf(name), file),
    )
  })
  const newestMs = Math.max(...[...sources, join(REPOSITORY, 'pnpm-lock.yaml')].map(modifiedMs))
  return modifiedMs(join(bundleOf(daemon), 'main.js')) >= newestMs
}

/** 0 when there is no such file. */
function modifiedMs(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
