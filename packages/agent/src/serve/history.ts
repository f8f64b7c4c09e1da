/**
 * The last hour, for people who look at it after something happened: how fast changes came to receivers, and how far
 * behind each receiver was. In memory: it begins with the agent. Monitoring remembers longer.
 *
 * INVARIANT: memory is bounded by MOST_LINES, whatever comes and goes; the line that was not noted for longest goes.
 * Times are arguments. Pure.
 */
import { LatencyBuckets } from './latency-buckets.ts'

export const INTERVAL_SECONDS = 10
export const INTERVALS = 360
/** Receivers of roots with a line of their own: 3 kB each. */
const MOST_LINES = 4_000

/** One value for each interval, the newest last; null: nothing is known about it. */
export type Series = (number | null)[]

interface Latency {
  /** Of the interval that is not over. */
  now: LatencyBuckets
  p50: Ring
  p99: Ring
  commits: Ring
}

export class History {
  /** By root. */
  readonly #latencies = new Map<string, Latency>()
  /** By root and receiver. */
  readonly #lags = new Map<string, { seconds: Ring; sequences: Ring }>()

  /** A receiver that follows has committed changes that are so old. */
  propagated(root: string, seconds: readonly number[], nowMs: number): void {
    const latency = this.#latency(root)
    this.#close(latency, nowMs)
    for (const each of seconds) latency.now.add(each)
  }

  /** How far behind a receiver is: of each interval the worst is kept. */
  noted(root: string, receiver: string, lag: { seconds: number; sequences: number }, nowMs: number): void {
    const key = keyOf(root, receiver)
    const line = this.#lags.get(key) ?? { seconds: new Ring(), sequences: new Ring() }
    this.#lags.delete(key)
    this.#lags.set(key, line)
    line.seconds.raise(intervalOf(nowMs), lag.seconds)
    line.sequences.raise(intervalOf(nowMs), lag.sequences)
    const [oldest] = this.#lags.keys()
    if (this.#lags.size > MOST_LINES && oldest !== undefined) this.#lags.delete(oldest)
  }

  /** @returns the last hour of a root; the present interval is left out, because it is not over */
  latency(root: string, nowMs: number): { p50: Series; p99: Series; commits: Series } {
    const latency = this.#latency(root)
    this.#close(latency, nowMs)
    const end = intervalOf(nowMs)
    const { p50, p99, commits } = latency
    return { p50: p50.before(end), p99: p99.before(end), commits: commits.before(end) }
  }

  /** @returns the last hour of a receiver, to the present interval; null when nothing is known about it */
  lag(root: string, receiver: string, nowMs: number): { seconds: Series; sequences: Series } | null {
    const line = this.#lags.get(keyOf(root, receiver))
    if (line === undefined) return null
    const end = intervalOf(nowMs) + 1
    return { seconds: line.seconds.before(end), sequences: line.sequences.before(end) }
  }

  #latency(root: string): Latency {
    const known = this.#latencies.get(root)
    if (known !== undefined) return known
    const latency = { now: new LatencyBuckets(), p50: new Ring(), p99: new Ring(), commits: new Ring() }
    this.#latencies.set(root, latency)
    return latency
  }

  /** Writes down the interval that is over, if it is. */
  #close({ now, p50, p99, commits }: Latency, nowMs: number): void {
    const present = intervalOf(nowMs)
    const counted = commits.newest ?? present
    if (counted < present) {
      if (now.count > 0) {
        p50.raise(counted, now.percentile(0.5) ?? 0)
        p99.raise(counted, now.percentile(0.99) ?? 0)
        commits.raise(counted, now.count)
      }
      now.clear()
    }
    commits.touch(present)
  }
}

/** The values of the newest intervals. */
class Ring {
  readonly #values = new Float32Array(INTERVALS).fill(Number.NaN)
  newest: number | null = null

  /** The interval has come: those before it that had no value have none. */
  touch(interval: number): void {
    const from = this.newest === null ? interval : Math.max(this.newest + 1, interval - INTERVALS + 1)
    for (let each = from; each <= interval; each += 1) this.#values[each % INTERVALS] = Number.NaN
    this.newest = Math.max(this.newest ?? 0, interval)
  }

  raise(interval: number, value: number): void {
    if (this.newest === null || interval > this.newest) this.touch(interval)
    const known = this.#values[interval % INTERVALS] ?? Number.NaN
    this.#values[interval % INTERVALS] = Number.isNaN(known) ? value : Math.max(known, value)
  }

  /** The values of the intervals before one. */
  before(end: number): Series {
    return Array.from({ length: INTERVALS }, (_, at) => {
      const interval = end - INTERVALS + at
      const isKept =
        this.newest !== null && interval >= 0 && interval <= this.newest && interval > this.newest - INTERVALS
      const value = isKept ? this.#values[interval % INTERVALS] : undefined
      return value === undefined || Number.isNaN(value) ? null : Number(value.toPrecision(4))
    })
  }
}

function intervalOf(nowMs: number): number {
  return Math.floor(nowMs / 1_000 / INTERVAL_SECONDS)
}

function keyOf(root: string, receiver: string): string {
  return `${root}/${receiver}`
}
