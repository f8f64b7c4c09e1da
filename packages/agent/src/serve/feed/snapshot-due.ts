/**
 * When the next snapshot of a root is due. Pure.
 *
 * A snapshot is of use while the log has everything since: so a log is never left without one that it leads on from, and
 * an empty target reads at most about half of the tree again behind it.
 */
export interface SnapshotAge {
  /** The log has every message that builds on it. */
  isReachable: boolean
  /** What the log has got since. */
  bytesSince: number
  ageMs: number
}

export interface DueLimits {
  /** Bytes of the tree. */
  tree: number
  /** What the log keeps. */
  maxBytes: number
  maxAgeMs: number
}

/** Small trees change by half of themselves all the time. */
const LEAST_BYTES = 64 * 1024 * 1024

/** @param newest null: there is none of the present index */
export function isSnapshotDue(newest: SnapshotAge | null, { tree, maxBytes, maxAgeMs }: DueLimits): boolean {
  if (newest === null || !newest.isReachable) return true
  const { bytesSince, ageMs } = newest
  if (bytesSince === 0) return false
  return bytesSince > Math.min(Math.max(tree / 2, LEAST_BYTES), maxBytes / 2) || ageMs > maxAgeMs / 2
}
