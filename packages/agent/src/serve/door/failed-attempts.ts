/**
 * Pure decision: how connections with a wrong token are answered, and which of them are worth a log line.
 *
 * Each network has a bucket of attempts that fills up again with time. A right token is never counted, nor delayed by
 * wrong tokens from the same address: 256 random bits cannot be found by trying, and a neighbour behind the same
 * gateway must not be able to lock a receiver out. The bounds apply to the cost of wrong tokens: memory, and log lines.
 */
import { DOOR } from './door-limits.ts'

interface NetworkRecord {
  attempts: Bucket
  reports: Bucket
  /** Attempts since the last report. */
  unreported: number
}

interface Bucket {
  left: number
  atMs: number
}

export interface AttemptVerdict {
  /** The network tries too often. */
  isTooMany: boolean
  /** How many attempts a log line speaks for; null: no line is written. */
  report: number | null
}

export class FailedAttempts {
  /** Least recently seen first. */
  readonly #networks = new Map<string, NetworkRecord>()
  readonly #reports: Bucket = { left: DOOR.reports, atMs: 0 }

  /** @param nowMs of a monotonic clock */
  failed(network: string, nowMs: number): AttemptVerdict {
    const record = this.#networks.get(network) ?? {
      attempts: { left: DOOR.attempts, atMs: nowMs },
      reports: { left: 1, atMs: nowMs },
      unreported: 0,
    }
    this.#networks.delete(network)
    this.#networks.set(network, record)
    this.#forgetOldest()
    record.unreported += 1
    const isTooMany = !takeOne(record.attempts, DOOR.attempts, DOOR.attemptMs, nowMs)
    const mayReport =
      takeOne(record.reports, 1, DOOR.networkReportMs, nowMs) &&
      takeOne(this.#reports, DOOR.reports, DOOR.reportMs, nowMs)
    const report = mayReport ? record.unreported : null
    if (mayReport) record.unreported = 0
    return { isTooMany, report }
  }

  get size(): number {
    return this.#networks.size
  }

  #forgetOldest(): void {
    if (this.#networks.size <= DOOR.networks) return
    const [oldest] = this.#networks.keys()
    if (oldest !== undefined) this.#networks.delete(oldest)
  }
}

/** @returns whether the bucket held an attempt to take */
function takeOne(bucket: Bucket, most: number, refillMs: number, nowMs: number): boolean {
  bucket.left = Math.min(most, bucket.left + (nowMs - bucket.atMs) / refillMs)
  bucket.atMs = nowMs
  if (bucket.left < 1) return false
  bucket.left -= 1
  return true
}
