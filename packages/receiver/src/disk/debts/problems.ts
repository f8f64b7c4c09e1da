/**
 * The paths of a root that could not be made right, until they are: reports each problem when it is met, and when it is
 * over.
 *
 * A problem that a commit met is over when a later commit makes its path right, and also when the path is no longer
 * owed. A problem that a comparison met is over when a later comparison of the same place does not meet it. Only the
 * last MOST_KNOWN are remembered.
 */

import { isWithin } from '@rootferry/protocol'
import { type DiskEvent, MOST_KNOWN, type PathProblem } from '../../root-messages.ts'
import { VolumeMissing } from '../files/disk-errors.ts'
import type { BurstOutcome } from '../ledger/operation.ts'

/** Problems of one burst that are reported; further ones are counted. */
const MOST_REPORTED = 100

interface Known {
  by: 'commit' | 'comparison'
  code: string
}

export class Problems {
  readonly #event: (event: DiskEvent) => void
  /** The latest problem comes last. */
  readonly #known = new Map<string, Known>()
  #version = 0

  constructor(event: (event: DiskEvent) => void) {
    this.#event = event
  }

  /** Another number for every change of `list`. */
  get version(): number {
    return this.#version
  }

  get list(): { path: string; code: string }[] {
    return [...this.#known].map(([path, { code }]) => ({ path, code }))
  }

  met(problem: PathProblem, by: Known['by']): void {
    this.#known.delete(problem.path)
    this.#known.set(problem.path, { by, code: problem.code })
    this.#version += 1
    const [oldest] = this.#known.keys()
    if (this.#known.size > MOST_KNOWN && oldest !== undefined) this.#known.delete(oldest)
    this.#event({ type: 'problem', ...problem })
  }

  /** Reports what a burst could not make right; the paths are also owed. */
  burstEnded({ problems, unrestored, bordered }: BurstOutcome): void {
    for (const problem of problems.slice(0, MOST_REPORTED)) this.met(problem, 'commit')
    const unreported = problems.length - MOST_REPORTED
    if (unreported > 0) this.#warn('more paths could not be made right', { unreported })
    this.#warnOf(unrestored, 'directories of other owners keep the time that the commit left them with')
    this.#warnOf(bordered, 'directories that the agent has no more stay, because other filesystems are mounted in them')
  }

  /** These paths are right, or no longer the receiver's concern. */
  mended(paths: Iterable<string>): void {
    if (this.#known.size === 0) return
    const mended: string[] = []
    for (const path of paths) if (this.#known.delete(path)) mended.push(path)
    this.#version += mended.length
    if (mended.length > 0) this.#event({ type: 'mended', paths: mended })
  }

  /** The filesystems that should be mounted at these paths, and at no others, are missing. */
  unmounted(paths: readonly string[]): void {
    const { code, message } = new VolumeMissing()
    const over = [...this.#known].filter(([path, known]) => known.code === code && !paths.includes(path))
    this.mended(over.map(([path]) => path))
    for (const path of paths) if (this.#known.get(path)?.code !== code) this.met({ path, code, message }, 'commit')
  }

  /** All problems are found out anew. */
  clear(): void {
    this.mended([...this.#known.keys()])
  }

  /** A comparison begins. @returns a function to call when it has come to its end */
  compare(within: readonly string[]): () => void {
    const before = [...this.#known].filter(([, { by }]) => by === 'comparison')
    return () => {
      const over = before.filter(([path, known]) => {
        return this.#known.get(path) === known && within.some((top) => isWithin(path, top))
      })
      this.mended(over.map(([path]) => path))
    }
  }

  #warnOf([path, ...others]: readonly string[], message: string): void {
    if (path !== undefined) this.#warn(message, { directories: others.length + 1, path })
  }

  #warn(message: string, details: Record<string, unknown>): void {
    this.#event({ type: 'log', level: 'warn', message, details })
  }
}
