/**
 * A lock for commands that change a file: read, change, write, one at a time. For moments, not for daemons.
 *
 * The lock is a symlink beside it that only one process can create, and that leads to the number of its process. One
 * that was left behind by a crash names a process that is gone, or is older than any honest holder keeps it, and is
 * taken away.
 */
import { existsSync, lstatSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { EXIT, errorCode, errorMessage, Failure } from './failure.ts'

const PATIENCE_MS = 10_000
const STALE_MS = 30_000
const PAUSE_MS = 20

/** @throws Failure when the lock can not be had within ten seconds, or not at all */
export function withFileLock<Result>(file: string, work: () => Result): Result {
  const lock = `${file}.lock`
  acquire(lock)
  try {
    return work()
  } finally {
    rmSync(lock, { force: true })
  }
}

function acquire(lock: string): void {
  const end = Date.now() + PATIENCE_MS
  for (;;) {
    try {
      symlinkSync(readlinkSync('/proc/self'), lock)
      return
    } catch (error) {
      if (errorCode(error) !== 'EEXIST')
        throw new Failure(EXIT.failed, `${lock}: ${errorMessage(error)}`, { cause: error })
    }
    if (isLeftBehind(lock)) rmSync(lock, { force: true })
    else if (Date.now() > end) throw new Failure(EXIT.failed, `${lock}: held by another command`)
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS)
  }
}

/** RACE: two that find it so at once may both take it away, the second one the first's new lock. */
function isLeftBehind(lock: string): boolean {
  const found = lstatSync(lock, { throwIfNoEntry: false })
  if (found === undefined) return false
  return Date.now() - found.mtimeMs > STALE_MS || (found.isSymbolicLink() && !existsSync(`/proc/${readLink(lock)}`))
}

/** @returns this process, which lives, when the lock has just gone */
function readLink(lock: string): string {
  try {
    return readlinkSync(lock)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'self'
    throw error
  }
}
