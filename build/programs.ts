/**
 * The programs of the daemons: the bundles, which are published and start in two thirds of the time; or the sources,
 * when a source has changed since the bundles were made.
 */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

export const DAEMONS = ['agent', 'receiver'] as const
export type DaemonName = (typeof DAEMONS)[number]

export const REPOSITORY = join(import.meta.dirname, '..')

/** They say which version this is, and which versions of others go in. */
const MANIFESTS = ['package.json', 'pnpm-lock.yaml'].map((file) => join(REPOSITORY, file))

/** Packages that go into a bundle, besides those of both daemons. */
const PARTS = { agent: ['agent', 'page'], receiver: ['receiver'] } as const

/** Paths of the programs. */
export const AGENT = programOf('agent')
export const RECEIVER = programOf('receiver')

function programOf(daemon: DaemonName): string {
  return isFresh(daemon) ? join(bundleOf(daemon), 'main.js') : join(sourcesOf(daemon), 'main.ts')
}

export function bundleOf(daemon: DaemonName): string {
  return join(REPOSITORY, 'packages', daemon, 'bundle')
}

export function sourcesOf(name: string): string {
  return join(REPOSITORY, 'packages', name, 'src')
}

/** Whether nothing that goes into its bundle, or makes it, is newer than the bundle; other packages' versions included. */
export function isFresh(daemon: DaemonName): boolean {
  const sources = ['protocol', 'host', 'nats', ...PARTS[daemon]].flatMap((name) => {
    return readdirSync(sourcesOf(name), { recursive: true, encoding: 'utf8' }).map((file) =>
      join(sourcesOf(name), file),
    )
  })
  const makers = readdirSync(import.meta.dirname).map((file) => join(import.meta.dirname, file))
  const newestMs = Math.max(...[...sources, ...makers, ...MANIFESTS].map(modifiedMs))
  return modifiedMs(join(bundleOf(daemon), 'main.js')) >= newestMs
}

/** 0 when there is no such file. */
function modifiedMs(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
