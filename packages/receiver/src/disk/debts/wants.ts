/**
 * The paths to ask the agent for, and the open requests. Pure bookkeeping of one connection.
 *
 * INVARIANT: a path waits at most once, and not while its content is to come: an answer is newer than all that was sent
 * before it. At most `openWants` requests are open, each of the size that WantSize gives: at most so many paths, and little
 * more content. Their paths encode to `wantPathBytes`, or there is only one.
 */
import { encodedBytes, type Want } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { WantSize } from './want-size.ts'

/** A digest, brackets and commas. */
const LINE_BYTES = 64

/** An open request. */
export interface Asked {
  paths: string[]
  /** Since the epoch. */
  atMs: number
}

interface Waiting {
  digest: string | null
  bytes: number
}

export class WantQueue {
  readonly #size: WantSize
  readonly #waiting = new Map<string, Waiting>()
  readonly #open = new Map<number, Asked>()
  /** By path, the open request that brings its content in any case: it names no digest. */
  readonly #coming = new Map<string, number>()

  constructor(size: WantSize) {
    this.#size = size
  }

  /** Paths not yet asked for. */
  get waiting(): number {
    return this.#waiting.size
  }

  get open(): number {
    return this.#open.size
  }

  /**
   * @param digest of the present file, which may be right
   * @param bytes that the answer will probably bring, 0 when unknown
   */
  want(path: string, digest: string | null = null, bytes = 0): void {
    if (!this.#coming.has(path)) this.#waiting.set(path, { digest, bytes })
  }

  /** The path will not be asked for, unless it has been already. */
  drop(path: string): void {
    this.#waiting.delete(path)
  }

  /** The next request, which is open from now on, or null when none may be sent now. */
  ask(request: number, atMs: number): Want['paths'] | null {
    if (this.#waiting.size === 0 || this.#open.size >= BOUNDS.openWants) return null
    const asked: Want['paths'] = []
    const used = { content: 0, encoded: 0 }
    for (const [path, { digest, bytes }] of this.#waiting) {
      used.content += bytes
      used.encoded += LINE_BYTES + encodedBytes(path)
      const isFull = used.content > this.#size.bytes || used.encoded > BOUNDS.wantPathBytes
      if (asked.length === this.#size.paths || (asked.length > 0 && isFull)) break
      asked.push([path, digest])
      this.#waiting.delete(path)
      if (digest === null) this.#coming.set(path, request)
    }
    this.#open.set(request, { paths: asked.map(([path]) => path), atMs })
    return asked
  }

  isOpen(request: number): boolean {
    return this.#open.has(request)
  }

  /** The request was answered. @returns it, or null when it was not open */
  answered(request: number): Asked | null {
    const asked = this.#open.get(request) ?? null
    if (this.#open.delete(request)) this.#size.came()
    for (const path of asked?.paths ?? []) if (this.#coming.get(path) === request) this.#coming.delete(path)
    return asked
  }

  /** The connection has ended. */
  end(): void {
    if (this.#open.size > 0) this.#size.cut()
  }
}
