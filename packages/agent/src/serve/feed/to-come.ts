/**
 * How much content a receiver has not committed. The root's thread counts it, at most once a second, where little is
 * missing; where much is missing, it is the share of the tree that the missing sequences are.
 *
 * INVARIANT: the thread reads at most MOST_COUNTED rows for it at a time.
 */
import type { Logger } from '@rootferry/host/daemon'
import { Refusal } from '@rootferry/host/machine'
import type { Totals } from '../../root-messages.ts'
import type { RootThread } from '../root-thread.ts'
import type { Watermarks } from './watermarks.ts'

const MOST_COUNTED = 20_000
const PAUSE_MS = 900

export class ToCome {
  readonly #thread: Pick<RootThread, 'ask'>
  readonly #log: Logger
  readonly #watermarks: Pick<Watermarks, 'head'>
  readonly #totals: () => Totals | null
  /** By the sequence that a receiver has committed: bytes above it. */
  #counted = new Map<number, number>()
  #countedTo = 0
  readonly #wanted = new Set<number>()
  #nextMs = 0

  constructor(
    thread: Pick<RootThread, 'ask'>,
    log: Logger,
    watermarks: Pick<Watermarks, 'head'>,
    totals: () => Totals | null,
  ) {
    this.#thread = thread
    this.#log = log
    this.#watermarks = watermarks
    this.#totals = totals
  }

  /** An estimate at first; who asks again a second later gets what was counted meanwhile. */
  bytesAfter(sequence: number): number {
    const { head } = this.#watermarks
    const missing = head - sequence
    if (missing <= 0) return 0
    const counted = this.#counted.get(sequence)
    if (missing <= MOST_COUNTED && (counted === undefined || this.#countedTo !== head)) this.#want(sequence)
    if (counted !== undefined) return counted
    const totals = this.#totals()
    if (totals === null) return 0
    const entries = Math.max(1, totals.files + totals.directories + totals.symlinks)
    return Math.round(totals.bytes * Math.min(1, missing / entries))
  }

  #want(sequence: number): void {
    this.#wanted.add(sequence)
    if (performance.now() < this.#nextMs) return
    // Not before the answer to this one.
    this.#nextMs = Number.POSITIVE_INFINITY
    setImmediate(() => void this.#count())
  }

  async #count(): Promise<void> {
    const { head } = this.#watermarks
    const after = [...this.#wanted].toSorted((one, other) => one - other)
    this.#wanted.clear()
    try {
      const { bytes } = await this.#thread.ask('weigh', { after, to: head })
      this.#counted = new Map(after.map((sequence, at) => [sequence, bytes[at] ?? 0]))
      this.#countedTo = head
    } catch (error) {
      // A root that is not available has no receivers that get anything.
      if (!(error instanceof Refusal)) this.#log.error({ err: error }, 'what is to come cannot be counted')
    } finally {
      this.#nextMs = performance.now() + PAUSE_MS
    }
  }
}
