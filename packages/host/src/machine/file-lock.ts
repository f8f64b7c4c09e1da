/**
 * A lock for commands that change a file: read, change and write, one command at a time. It is held for moments, not
 * for the life of a daemon.
 *
 * The lock is a symlink alongside the file, which only one process can create, and its target is the number of that
 * process. A lock that a crash left behind names a process that is gone, or is older than any holder keeps it, and is
 * removed.
 */
import { existsSync, lstatSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { EXIT, errorCode, errorMessage, Failure } from './failure.ts'

const PATIENCE_MS = 10_000
const STALE_MS = 30_000
const PAUSE_MS = 20

/** @throws Failure when the lock cannot be taken within ten seconds, or not at all */
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
  const endMs = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      symlinkSync(readlinkSync('/proc/self'), lock)
      return
    } catch (error) {
      if (errorCode(error) !== 'EEXIST')
        throw new Failure(EXIT.failed, `${lock}: ${errorMessage(error)}`, { cause: error })
    }
    if (isLeftBehind(lock)) rmSync(lock, { force: true })
    else if (performance.now() > endMs) throw new Failure(EXIT.failed, `${lock}: held by another command`)
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS)
  }
}

/**
 * RACE: two processes that find the lock left behind at the same moment may both remove it, and the second one then
 * removes the first one's new lock.
 */
function isLeftBehind(lock: string): boolean {
  const found = lstatSync(lock, { throwIfNoEntry: false })
  if (found === undefined) return false
  return Date.now() - found.mtimeMs > STALE_MS || (found.isSymbolicLink() && !existsSync(`/proc/${readLink(lock)}`))
}

/** @returns the number of this process, which is alive, when the lock has just gone */
function readLink(lock: string): string {
  try {
    return readlinkSync(lock)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'self'
    throw error
  }
}
