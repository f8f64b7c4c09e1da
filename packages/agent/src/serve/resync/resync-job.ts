/**
 * One receiver's part of a resync for one root: its order, and the numbers that the receiver has reported so far. Pure.
 */
import type { ResyncReceiver } from '../schemas/resyncs.ts'

/** The part of the order that is the same for all receivers. */
export interface ResyncOrder {
  /** No path lies below another one. */
  paths: string[]
  check: 'metadata' | 'content'
  dryRun: boolean
}

export interface ResyncJob {
  /** Id of the resync. */
  readonly resync: string
  readonly root: string
  readonly receiver: string
  readonly order: ResyncOrder
  /** Differences that are named; all are counted. */
  mostDifferences: number
  figures: ResyncReceiver
}

/** The numbers of a job that has not begun. */
export function noFigures(): ResyncReceiver {
  const counts = { checked: 0, missing: 0, changed: 0, extraneous: 0, repaired: 0, bytes: 0 }
  return { state: 'pending', ...counts, differences: [], error: null }
}

export function isOver({ figures }: ResyncJob): boolean {
  return figures.state !== 'pending' && figures.state !== 'running'
}
