/** The person's request, checked against the disk before anything is started. */
import { realpathSync, statSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import { Command } from 'commander'

export interface Request {
  /** Null: no path was named; make a sample. */
  source: string | null
  targets: string[]
  /** Null: a temporary directory, which is removed at the end. */
  stateDir: string | null
  once: boolean
}

/** A mistake in the arguments: exit code 2. */
export class UsageError extends Error {}

/** @throws UsageError with one clear line; CommanderError for unknown options and --help */
export function parseArguments(argv: readonly string[], workingDirectory: string): Request {
  const command = new Command('npm start --')
    .description('Keeps every TARGET identical to SOURCE until Ctrl-C. Without arguments: makes a sample to play with.')
    .argument('[source]', 'the authoritative directory')
    .argument('[targets...]', 'directories to keep identical to it; made when missing')
    .option('--state <dir>', 'keep state here, so that the next run continues where this one ends')
    .option('--once', 'exit when every target is in sync', false)
    .exitOverride()
    .parse([...argv])
  if (command.args.includes(''))
    throw new UsageError('a SOURCE or TARGET is an empty text: a variable that is not set?')
  const [source, ...targets] = command.args.map((path) => resolve(workingDirectory, path))
  const options = command.opts<{ state?: string; once: boolean }>()
  const stateDir = options.state === undefined ? null : resolve(workingDirectory, options.state)
  if (source === undefined) return { source: null, targets: [], stateDir, once: options.once }
  checkSource(source)
  if (targets.length === 0) throw new UsageError('a TARGET is missing: npm start -- SOURCE TARGET [TARGET…]')
  checkTargets(source, targets)
  return { source, targets, stateDir, once: options.once }
}

function checkSource(source: string): void {
  const status = statSync(source, { throwIfNoEntry: false })
  if (status === undefined) throw new UsageError(`SOURCE ${source} does not exist`)
  if (!status.isDirectory()) throw new UsageError(`SOURCE ${source} is not a directory`)
}

function checkTargets(source: string, targets: readonly string[]): void {
  const places = [source, ...targets].map(realPlace)
  places.forEach((place, position) => {
    const status = statSync(place, { throwIfNoEntry: false })
    if (status !== undefined && !status.isDirectory()) throw new UsageError(`TARGET ${place} is not a directory`)
    for (const other of places.slice(0, position)) {
      if (place === other) throw new UsageError(`${place} is named twice`)
      if (isBelow(place, other) || isBelow(other, place)) {
        throw new UsageError(`${place} and ${other}: one lies inside the other`)
      }
    }
  })
}

function isBelow(path: string, other: string): boolean {
  return path.startsWith(other === sep ? sep : other + sep)
}

/** The place that a path leads to with symlinks followed, also when its last parts do not exist yet. */
function realPlace(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    // This part does not exist yet: the existing part above it decides.
    const parent = dirname(path)
    return parent === path ? path : join(realPlace(parent), path.slice(parent.length))
  }
}
