/**
 * Paths to ask the agent for, and which questions are open. Pure bookkeeping of one connection.
 *
 * INVARIANT: a path waits at most once; at most MOST_OPEN questions of at most LIMITS.wantPaths paths are open.
 */
import { LIMITS } from '@rootferry/protocol'

/** Leaves room among the open requests for listings. */
const MOST_OPEN = 4

export class WantQueue {
  readonly #waiting = new Set<string>()
  readonly #open = new Map<number, string[]>()

  /** Paths not yet asked for. */
  get waiting(): number {
    return this.#waiting.size
  }

  get open(): number {
    return this.#open.size
  }

  get isIdle(): boolean {
    return this.#waiting.size === 0 && this.#open.size === 0
  }

  add(path: string): void {
    this.#waiting.add(path)
  }

  /** The next question, which is open from now on, or null when none is to be asked at present. */
  ask(request: number): string[] | null {
    if (this.#waiting.size === 0 || this.#open.size >= MOST_OPEN) return null
    const paths: string[] = []
    for (const path of this.#waiting) {
      if (paths.length === LIMITS.wantPaths) break
      paths.push(path)
      this.#waiting.delete(path)
    }
    this.#open.set(request, paths)
    return paths
  }

  isOpen(request: number): boolean {
    return this.#open.has(request)
  }

  /** The question was answered. @returns what it had asked for */
  answered(request: number): string[] {
    const paths = this.#open.get(request) ?? []
    this.#open.delete(request)
    return paths
  }
}
