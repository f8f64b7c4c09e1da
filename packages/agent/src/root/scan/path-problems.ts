/** Paths that cannot be synchronized, and why: collected per path and shown, never thrown. Bounded. */

import { BOUNDS } from '../../bounds.ts'
import type { PathProblem } from '../../root-messages.ts'

export class PathProblems {
  readonly #report: (problem: PathProblem) => void
  #byPath = new Map<string, PathProblem>()
  /** The problems of the scan before: finding one of them again is not new. */
  #before = new Map<string, PathProblem>()
  #dropped = 0

  /** @param report called for a new problem: the path had none, or a different one */
  constructor(report: (problem: PathProblem) => void) {
    this.#report = report
  }

  found(problem: PathProblem): void {
    const known = this.#byPath.get(problem.path)
    if (known?.code === problem.code) return
    if (known === undefined && this.#byPath.size >= BOUNDS.namedProblems) {
      this.#dropped += 1
      return
    }
    this.#byPath.set(problem.path, problem)
    if (this.#before.get(problem.path)?.code !== problem.code) this.#report(problem)
  }

  clear(path: string): void {
    // Asked for every path of a scan, and V8 interns a string to look it up.
    if (this.#byPath.size > 0) this.#byPath.delete(path)
  }

  has(path: string): boolean {
    return this.#byPath.has(path)
  }

  /** A directory is gone, and so are its problems. */
  clearBelow(directory: string): void {
    const prefix = `${directory}/`
    for (const path of this.#byPath.keys()) if (path.startsWith(prefix)) this.#byPath.delete(path)
  }

  /** A full scan begins: it will find the remaining problems again. */
  clearAll(): void {
    this.#before = this.#byPath
    this.#byPath = new Map()
    this.#dropped = 0
  }

  get count(): number {
    return this.#byPath.size + this.#dropped
  }

  list(): PathProblem[] {
    return [...this.#byPath.values()]
  }
}
