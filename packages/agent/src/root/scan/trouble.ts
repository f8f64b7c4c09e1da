/**
 * Errors that say nothing about the path at which they turned up: the process is short of something, or a filesystem
 * does not answer. They pass by themselves, so the path is looked at again by time.
 */
import { errorCode } from '@rootferry/host/machine'

export type Trouble = 'process' | 'filesystem'

const OF_PROCESS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN'])
const OF_FILESYSTEM: ReadonlySet<string> = new Set(['EIO', 'ESTALE', 'ETIMEDOUT', 'ENOTCONN', 'EHOSTDOWN'])

/** Null for an error of the path itself. */
export function troubleOf(error: unknown): Trouble | null {
  const code = errorCode(error)
  if (code === null) return null
  if (OF_PROCESS.has(code)) return 'process'
  return OF_FILESYSTEM.has(code) ? 'filesystem' : null
}
