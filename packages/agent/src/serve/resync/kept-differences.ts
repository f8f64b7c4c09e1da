/**
 * Bounds the memory of the differences that resyncs have named: all jobs together keep at most MOST_KEPT_CHARACTERS,
 * and beyond that the jobs that reported first lose theirs. The numbers of a job always stay. Pure.
 */
import type { ResyncJob } from './resync-job.ts'
import { MOST_DIFFERENCES } from './resync-status.ts'

export const MOST_KEPT_CHARACTERS = 8 * 1024 * 1024
/** Differences that all receivers of one resync name together. */
const MOST_OF_RESYNC = 20_000
const LEAST_OF_JOB = 10
/** A difference without its path. */
const RECORD_CHARACTERS = 64

/** How many differences each of this many jobs may name. */
export function shareOf(jobs: number): number {
  return Math.min(MOST_DIFFERENCES, Math.max(LEAST_OF_JOB, Math.floor(MOST_OF_RESYNC / Math.max(1, jobs))))
}

export class KeptDifferences {
  /** Characters of each job that has named differences, the job that reported first in front. */
  readonly #characters = new Map<ResyncJob, number>()
  #total = 0

  /** Call it when the numbers of the job have changed. */
  weigh(job: ResyncJob): void {
    const { differences } = job.figures
    this.#count(
      job,
      differences.reduce((sum, { path }) => sum + path.length + RECORD_CHARACTERS, 0),
    )
    for (const oldest of this.#characters.keys()) {
      if (this.#total <= MOST_KEPT_CHARACTERS) return
      oldest.mostDifferences = 0
      oldest.figures = { ...oldest.figures, differences: [] }
      this.#count(oldest, 0)
    }
  }

  forget(jobs: readonly ResyncJob[]): void {
    for (const job of jobs) this.#count(job, 0)
  }

  #count(job: ResyncJob, characters: number): void {
    this.#total += characters - (this.#characters.get(job) ?? 0)
    if (characters === 0) this.#characters.delete(job)
    else this.#characters.set(job, characters)
  }
}
