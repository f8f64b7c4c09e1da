/** The kernel's limits on watching, and the advice for an operator who meets one. */
import { readFileSync } from 'node:fs'

/**
 * Codes of a directory that cannot be watched: the owner's listing of the same directory fails in the same way, and the
 * owner reports that.
 */
export const OWNER_SEES = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP'])

/** The kernel's own default for a queue, for systems where /proc does not tell. */
const USUAL_QUEUE = 16_384

/** Events that one watcher's queue in the kernel holds before it drops some. */
export function inotifyQueueLimit(): number {
  return readLimit('max_queued_events') ?? USUAL_QUEUE
}

/** Whether a system error means that a limit on watches or on watching processes was reached. */
export function isWatchLimit(code: string | null): boolean {
  return code === 'ENOSPC' || code === 'EMFILE'
}

/** @param unwatched directories that are not watched because of the limit, so far */
export function watchLimitReason(code: string | null, unwatched: number): string {
  const name = code === 'EMFILE' ? 'max_user_instances' : 'max_user_watches'
  const limit = readLimit(name)
  const current = limit === null ? '' : ` (now ${limit})`
  const raised = limit === null ? 'N' : String(limit * 2)
  const directories = unwatched === 1 ? '1 directory is' : `${unwatched} directories are`
  return (
    `${directories} not watched: the limit fs.inotify.${name}${current} is reached, ` +
    `raise it with 'sysctl fs.inotify.${name}=${raised}'; meanwhile changes are found by scanning only`
  )
}

function readLimit(name: string): number | null {
  try {
    const limit = Number.parseInt(readFileSync(`/proc/sys/fs/inotify/${name}`, 'latin1'), 10)
    return Number.isNaN(limit) ? null : limit
  } catch {
    // A container may hide /proc/sys: then the sentence is only less exact.
    return null
  }
}
