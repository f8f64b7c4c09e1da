/** One receiver's part of a resync, for one root: what is to be done, and the figures it has reported so far. Pure. */
import type { ResyncReceiver } from './resyncs.ts'

/** What is the same for all receivers. */
export interface ResyncScope {
  /** None lies below another one. */
  paths: string[]
  check: 'metadata' | 'content'
  dryRun: boolean
}

export interface ResyncJob {
  readonly root: string
  readonly receiver: string
  readonly order: ResyncScope
  figures: ResyncReceiver
  /** To be called whenever the figures have changed. */
  onChange(): void
}

/** Of a job that has not begun. */
export function noFigures(): ResyncReceiver {
  const counts = { checked: 0, missing: 0, changed: 0, extraneous: 0, repaired: 0, bytes: 0 }
  return { state: 'pending', ...counts, differences: [], error: null }
}

export const MOST_DIFFERENCES = 1_000

export function isOver({ figures }: ResyncJob): boolean {
  return figures.state !== 'pending' && figures.state !== 'running'
}

/** Its figures with its root named wherever a path is: beside those of other roots they would say nothing. */
export function named({ root, figures }: ResyncJob): ResyncReceiver {
  const { differences, error } = figures
  return {
    ...figures,
    differences: differences.map(({ path, kind }) => ({ root, path, kind })),
    error: error === null ? null : `${root}: ${error}`,
  }
}

/** The figures of one receiver over several roots. */
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

/** Pending until one begins, running until the last one ends, and then the worst of what they ended with. */
function stateOf(states: readonly ResyncReceiver['state'][]): ResyncReceiver['state'] {
  if (states.every((state) => state === 'pending')) return 'pending'
  if (states.some((state) => state === 'pending' || state === 'running')) return 'running'
  if (states.includes('failed')) return 'failed'
  return states.includes('cancelled') ? 'cancelled' : 'done'
}
