/**
 * flock(2) on an open file or directory. Where libc cannot be called, util-linux's or BusyBox's `flock` locks a
 * descriptor that it inherits, and the lock stays with our descriptor after that command has ended.
 *
 * The kernel keeps such a lock with the inode, so it holds in every namespace and through every mount of the machine.
 * It needs only the permission to read, changes nothing on disk, and is released when the process ends, however it
 * ends.
 */
import { spawnSync } from 'node:child_process'
import { errorCode } from './failure.ts'
import type { LockCalls } from './libc/system-calls.ts'

/** `impossible`: the command is missing, or the filesystem has no such locks. */
export type LockOutcome = 'locked' | 'held' | 'impossible'

const HELD = 1
const PATIENCE_MS = 10_000

/** Does not wait for a lock that another process holds. Takes some milliseconds without libc. */
export function tryLock(descriptor: number, manner: 'shared' | 'exclusive', locks: LockCalls | null): LockOutcome {
  return locks === null ? byCommand(descriptor, manner) : byLibc(descriptor, manner, locks)
}

function byLibc(descriptor: number, manner: 'shared' | 'exclusive', locks: LockCalls): LockOutcome {
  try {
    return locks.tryLock(descriptor, manner) ? 'locked' : 'held'
  } catch (error) {
    if (errorCode(error) === null) throw error
    return 'impossible'
  }
}

function byCommand(descriptor: number, manner: 'shared' | 'exclusive'): LockOutcome {
  const words = ['-n', manner === 'shared' ? '-s' : '-x', '3']
  const { status, stderr } = spawnSync('flock', words, {
    stdio: ['ignore', 'ignore', 'pipe', descriptor],
    timeout: PATIENCE_MS,
  })
  if (status === 0) return 'locked'
  return status === HELD && stderr.length === 0 ? 'held' : 'impossible'
}
