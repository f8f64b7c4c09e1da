/**
 * The times at which the index reached its heads. They tell the age of the oldest change that a receiver has not
 * committed, be it a minute or a month, also after a restart of the agent.
 *
 * Memory is bounded: beyond MOST_TIMES, neighbours are merged where that changes a time by at most COARSENESS of its
 * age. INVARIANT: heads ascend, and a time is never later than that of the first change it stands for: a lag is
 * reported too long rather than too short. Pure.
 */

export interface HeadTime {
  head: number
  /** Wall clock, of the first hint of a change that led to that head. */
  seenMs: number
}

export const MOST_TIMES = 1_024
export const COARSENESS = 0.1

export class HeadTimes {
  #times: HeadTime[] = []

  /** A known head is ignored; a lower head belongs to another index. */
  reached(head: number, seenMs: number): void {
    const last = this.#times.at(-1)
    if (last !== undefined && head === last.head) return
    if (last !== undefined && head < last.head) this.#times = []
    this.#times.push({ head, seenMs })
    if (this.#times.length > MOST_TIMES) this.#thin(seenMs)
  }

  /** The times of an earlier life of the agent go before those of this life; heads that the index lost are left out. */
  restore(earlier: readonly HeadTime[]): void {
    const last = this.#times.at(-1)
    if (last === undefined) return
    const known = earlier.filter(({ head }) => head <= last.head)
    const upTo = known.at(-1)?.head ?? 0
    this.#times = [...known, ...this.#times.filter(({ head }) => head > upTo)]
  }

  /** When the first change after that sequence was hinted at; null when there is no such change. */
  firstAfter(sequence: number): number | null {
    return this.#times[this.#numberAfter(sequence)]?.seenMs ?? null
  }

  /** Times of the heads above `after` and up to `to`. */
  between(after: number, to: number): number[] {
    return this.#times.slice(this.#numberAfter(after), this.#numberAfter(to)).map(({ seenMs }) => seenMs)
  }

  get all(): readonly HeadTime[] {
    return this.#times
  }

  /** How many heads are not above the sequence. Every commit of every receiver asks for it. */
  #numberAfter(sequence: number): number {
    let [from, to] = [0, this.#times.length]
    while (from < to) {
      const middle = (from + to) >> 1
      if ((this.#times[middle]?.head ?? Infinity) > sequence) to = middle
      else from = middle + 1
    }
    return from
  }

  #thin(nowMs: number): void {
    const kept: HeadTime[] = []
    for (const [at, time] of this.#times.entries()) {
      const before = kept.at(-1)
      // Every change that this time stands for came before the next time.
      const endMs = this.#times[at + 1]?.seenMs ?? nowMs
      const isNear = before !== undefined && endMs - before.seenMs < COARSENESS * (nowMs - endMs)
      if (isNear) before.head = time.head
      else kept.push({ ...time })
    }
    // Only a clock that was set can leave too many.
    while (kept.length > MOST_TIMES) kept.splice(0, 2, merged(kept))
    this.#times = kept
  }
}

function merged([first, second]: readonly HeadTime[]): HeadTime {
  return { head: second?.head ?? 0, seenMs: Math.min(first?.seenMs ?? 0, second?.seenMs ?? 0) }
}

/** The form in which the index keeps them. */
export function encodeHeadTimes(times: readonly HeadTime[]): string {
  return JSON.stringify(times.map(({ head, seenMs }) => [head, seenMs]))
}

/** A text of another form counts as empty. */
export function decodeHeadTimes(text: string | null): HeadTime[] {
  const pairs: unknown = text === null ? [] : parsed(text)
  if (!Array.isArray(pairs)) return []
  return pairs.flatMap((pair: unknown) => {
    const [head, seenMs] = Array.isArray(pair) ? (pair as unknown[]) : []
    return typeof head === 'number' && typeof seenMs === 'number' ? [{ head, seenMs }] : []
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
