/** A resync as the API shows it: the numbers of its jobs, added up for each receiver. Pure. */
import { ROOT_PATH } from '@rootferry/protocol'
import type { ResyncReceiver, ResyncStatus, ResyncSummary } from '../schemas/resyncs.ts'
import type { ResyncJob, ResyncOrder } from './resync-job.ts'

/** Differences that are named for each receiver. */
export const MOST_DIFFERENCES = 1_000

export interface Resync {
  id: string
  /** null: the resync covers several roots. */
  root: string | null
  order: ResyncOrder
  createdAt: Date
  finishedAt: Date | null
  isCancelled: boolean
  jobs: ResyncJob[]
  /** The number of unfinished jobs, which the roots keep. */
  kept: number
}

export function statusOf(resync: Resync): ResyncStatus {
  const parts = new Map<string, ResyncReceiver[]>()
  for (const job of resync.jobs) {
    const known = parts.get(job.receiver) ?? []
    parts.set(job.receiver, known)
    known.push(resync.root === null ? named(job) : job.figures)
  }
  const receivers = Object.fromEntries([...parts].map(([receiver, figures]) => [receiver, summed(figures)]))
  const paths = resync.order.paths.filter((path) => path !== ROOT_PATH)
  return { ...headOf(resync), paths, receivers }
}

/** The status without paths: those that are compared, and those that differ. */
export function summaryOf({ receivers, paths: _, ...head }: ResyncStatus): ResyncSummary {
  const figures = Object.entries(receivers).map(
    ([name, { differences: _differences, ...counts }]) => [name, counts] as const,
  )
  return { ...head, receivers: Object.fromEntries(figures) }
}

function headOf({ id, root, order, createdAt, finishedAt, isCancelled, jobs }: Resync) {
  const hasFailed = jobs.some(({ figures }) => figures.state === 'failed')
  const end = isCancelled ? ('cancelled' as const) : hasFailed ? ('failed' as const) : ('done' as const)
  return {
    id,
    root,
    check: order.check,
    dryRun: order.dryRun,
    state: finishedAt === null ? ('running' as const) : end,
    createdAt: createdAt.toISOString(),
    finishedAt: finishedAt?.toISOString() ?? null,
  }
}

/** The job's numbers, with the root named at every path: next to those of other roots a path alone would be ambiguous. */
function named({ root, figures }: ResyncJob): ResyncReceiver {
  const { differences, error } = figures
  return {
    ...figures,
    differences: differences.map(({ path, kind }) => ({ root, path, kind })),
    error: error === null ? null : `${root}: ${error}`,
  }
}

/** The numbers of one receiver over several roots. */
function summed(parts: readonly ResyncReceiver[]): ResyncReceiver {
  const [only, ...others] = parts
  if (only !== undefined && others.length === 0) return only
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
