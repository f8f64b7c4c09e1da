/**
 * Pure decision: what happens to connections that could not prove who they are, and which of them are worth a log line.
 *
 * Each network has a bucket of attempts that fills up again with time. A token that is right is never counted, nor held
 * up by wrong ones of the same address: 256 random bits are not found by trying, and a neighbour behind the same
 * gateway must not be able to lock a receiver out. What is bounded is what the wrong ones cost: memory, and log lines.
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

export interface Verdict {
  /** The network tries too often. */
  isTooMany: boolean
  /** How many attempts a log line is to speak for; null: none is to be written. */
  report: number | null
}

export class FailedAttempts {
  /** Least recently seen first. */
  readonly #networks = new Map<string, NetworkRecord>()
  readonly #reports: Bucket = { left: DOOR.reports, atMs: 0 }

  /** @param nowMs of a clock that does not go back */
  note(network: string, nowMs: number): Verdict {
    const record = this.#networks.get(network) ?? {
      attempts: { left: DOOR.attempts, atMs: nowMs },
      reports: { left: 1, atMs: nowMs },
      unreported: 0,
    }
    this.#networks.delete(network)
    this.#networks.set(network, record)
    this.#forgetOldest()
    record.unreported += 1
    const isTooMany = !take(record.attempts, DOOR.attempts, DOOR.attemptMs, nowMs)
    const mayReport =
      take(record.reports, 1, DOOR.networkReportMs, nowMs) && take(this.#reports, DOOR.reports, DOOR.reportMs, nowMs)
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

/** @returns whether there was one to take */
function take(bucket: Bucket, most: number, refillMs: number, nowMs: number): boolean {
  bucket.left = Math.min(most, bucket.left + (nowMs - bucket.atMs) / refillMs)
  bucket.atMs = nowMs
  if (bucket.left < 1) return false
  bucket.left -= 1
  return true
}
