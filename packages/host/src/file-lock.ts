/**
 * A lock for commands that change a file: read, change, write, one at a time. For moments, not for daemons.
 *
 * The lock is a file beside it that only one process can create. One that was left behind by a crash is older than any
 * honest holder keeps it, and is taken away.
 */
import { closeSync, openSync, rmSync, statSync } from 'node:fs'
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
      closeSync(openSync(lock, 'wx', 0o600))
      return
    } catch (error) {
      if (errorCode(error) !== 'EEXIST')
        throw new Failure(EXIT.failed, `${lock}: ${errorMessage(error)}`, { cause: error })
    }
    const heldMs = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
    if (heldMs > STALE_MS) rmSync(lock, { force: true })
    else if (Date.now() > end) throw new Failure(EXIT.failed, `${lock}: held by another command`)
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS)
  }
}
