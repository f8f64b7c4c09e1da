/**
 * One receiver's part of a resync for one root: its order, and the numbers that the receiver has reported so far. Pure.
 */
import type { ResyncReceiver } from './resyncs.ts'

/** The part of the order that is the same for all receivers. */
export interface ResyncScope {
  /** No path lies below another one. */
  paths: string[]
  check: 'metadata' | 'content'
  dryRun: boolean
}

export interface ResyncJob {
  readonly root: string
  readonly receiver: string
  readonly order: ResyncScope
  figures: ResyncReceiver
  /** Call it whenever the numbers have changed. */
  onChange(): void
}

/** The numbers of a job that has not begun. */
export function noFigures(): ResyncReceiver {
  const counts = { checked: 0, missing: 0, changed: 0, extraneous: 0, repaired: 0, bytes: 0 }
  return { state: 'pending', ...counts, differences: [], error: null }
}

export const MOST_DIFFERENCES = 1_000

export function isOver({ figures }: ResyncJob): boolean {
  return figures.state !== 'pending' && figures.state !== 'running'
}

/**
 * The job's numbers, with the root named at every path: next to those of other roots a path alone would be ambiguous.
 */
export function named({ root, figures }: ResyncJob): ResyncReceiver {
  const { differences, error } = figures
  return {
    ...figures,
    differences: differences.map(({ path, kind }) => ({ root, path, kind })),
    error: error === null ? null : `${root}: ${error}`,
  }
}

/** The numbers of one receiver over several roots. */
export function summed(parts: readonly ResyncReceiver[]): ResyncReceiver {
  const sum = (of: (part: ResyncReceiver) => number) => parts.reduce((total, part) => total + of(part), 0)
  return {
    state: stateOf(parts.map(({ state }) => state)),
    checked: sum(({ checked }) => checked),
    missing: sum(({ missing }) => missing),
    changed: sum(({ changed }) => changed),
    extraneous: sum(({ extraneous }) => extraneous),
    repaired: sum(({ repaired }) => repaired),
    bytes: sum(({ bytes }) => bytes),
    differences: parts.flatMap(({ differences }) => differences).slice(0, MOST_DIFFERENCES),
    error: parts.find(({ error }) => error !== null)?.error ?? null,
  }
}

/** Pending until one job begins, running until the last one ends, and then the worst of their outcomes. */
function stateOf(states: readonly ResyncReceiver['state'][]): ResyncReceiver['state'] {
  if (states.every((state) => state === 'pending')) return 'pending'
  if (states.some((state) => state === 'pending' || state === 'running')) return 'running'
  if (states.includes('failed')) return 'failed'
  return states.includes('cancelled') ? 'cancelled' : 'done'
}
