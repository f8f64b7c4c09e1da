/**
 * Durations counted in buckets, of which each is a fifth wider than the one before: percentiles of any number of
 * durations in the memory of a few. Pure.
 */
const LEAST_SECONDS = 0.001
const FACTOR = 1.2
/** Up to an hour. */
const BUCKETS = 84

export class LatencyBuckets {
  readonly #counts = new Uint32Array(BUCKETS)
  #count = 0

  add(seconds: number): void {
    const at = Math.ceil(Math.log(Math.max(seconds, LEAST_SECONDS) / LEAST_SECONDS) / Math.log(FACTOR))
    const bucket = Math.min(BUCKETS - 1, at)
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#count += 1
  }

  get count(): number {
    return this.#count
  }

  /** The end of the bucket in which that share of all durations is reached; null when there is none. @param share 0 to 1 */
  percentile(share: number): number | null {
    if (this.#count === 0) return null
    let seen = 0
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count
      if (count > 0 && seen >= share * this.#count) return Number((LEAST_SECONDS * FACTOR ** bucket).toPrecision(3))
    }
    return null
  }

  clear(): void {
    this.#counts.fill(0)
    this.#count = 0
  }
}
