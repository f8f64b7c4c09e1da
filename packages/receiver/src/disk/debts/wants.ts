/**
 * Paths to ask the agent for, and which questions are open. Pure bookkeeping of one connection.
 *
 * INVARIANT: a path waits at most once; at most MOST_OPEN questions are open, of at most LIMITS.wantPaths paths and of
 * little more content than MOST_BYTES, so that an answer does not hold up what comes after it for long.
 */
import { LIMITS, type Want } from '@rootferry/protocol'

/** Leaves room among the open requests for listings. */
const MOST_OPEN = 4
const MOST_BYTES = 16 * 1024 * 1024

interface Waiting {
  digest: string | null
  bytes: number
}

export class WantQueue {
  readonly #waiting = new Map<string, Waiting>()
  readonly #open = new Map<number, string[]>()

  /** Paths not yet asked for. */
  get waiting(): number {
    return this.#waiting.size
  }

  get open(): number {
    return this.#open.size
  }

  /**
   * @param digest of what is there and may be right
   * @param bytes what the answer will probably bring, 0 when that is not known
   */
  want(path: string, digest: string | null = null, bytes = 0): void {
    this.#waiting.set(path, { digest, bytes })
  }

  /** Is not asked for, unless that has happened. */
  drop(path: string): void {
    this.#waiting.delete(path)
  }

  /** The next question, which is open from now on, or null when none is to be asked at present. */
  ask(request: number): Want['paths'] | null {
    if (this.#waiting.size === 0 || this.#open.size >= MOST_OPEN) return null
    const asked: Want['paths'] = []
    let content = 0
    for (const [path, { digest, bytes }] of this.#waiting) {
      if (asked.length === LIMITS.wantPaths || (asked.length > 0 && content + bytes > MOST_BYTES)) break
      asked.push([path, digest])
      content += bytes
      this.#waiting.delete(path)
    }
    this.#open.set(
      request,
      asked.map(([path]) => path),
    )
    return asked
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
