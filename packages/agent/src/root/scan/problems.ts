/** Paths that cannot be synchronized, and why: collected per path and shown, never thrown. Bounded. */

import { BOUNDS } from '../../bounds.ts'
import type { Problem } from '../../root-messages.ts'

export class Problems {
  #byPath = new Map<string, Problem>()
  /** As of the scan before: what is found again is no news. */
  #before = new Map<string, Problem>()
  #dropped = 0

  /** @returns whether it is news: the path had no problem, or another one */
  add(problem: Problem): boolean {
    const known = this.#byPath.get(problem.path)
    if (known?.code === problem.code) return false
    if (known === undefined && this.#byPath.size >= BOUNDS.namedProblems) {
      this.#dropped += 1
      return false
    }
    this.#byPath.set(problem.path, problem)
    return this.#before.get(problem.path)?.code !== problem.code
  }

  clear(path: string): void {
    // Asked for every path of a scan, and V8 interns a string to look it up.
    if (this.#byPath.size > 0) this.#byPath.delete(path)
  }

  /** A directory is gone, and its problems with it. */
  clearBelow(directory: string): void {
    const prefix = `${directory}/`
    for (const path of this.#byPath.keys()) if (path.startsWith(prefix)) this.#byPath.delete(path)
  }

  /** A full scan begins: it will find again what still holds. */
  clearAll(): void {
    this.#before = this.#byPath
    this.#byPath = new Map()
    this.#dropped = 0
  }

  get count(): number {
    return this.#byPath.size + this.#dropped
  }

  list(): Problem[] {
    return [...this.#byPath.values()]
  }
}
