/**
 * Removes a file, or a directory with everything in it, with errors that have a code. Node 26's own `rmSync` throws
 * errors with an empty code unless it is one of the few that it knows, and those of a full or read-only disk are not
 * among them.
 */
import { rmSync } from 'node:fs'
import { errorCode, errorMessage } from './failure.ts'

/** The messages of the C library, in English whatever the locale, because a daemon never sets one. */
const CODES: [string, string][] = [
  ['Read-only file system', 'EROFS'],
  ['Input/output error', 'EIO'],
  ['No space left on device', 'ENOSPC'],
  ['Disk quota exceeded', 'EDQUOT'],
  ['Too many open files', 'EMFILE'],
  ['Cannot allocate memory', 'ENOMEM'],
  ['Stale file handle', 'ESTALE'],
]

/** It is no error when nothing is there. Symlinks are removed, not followed. @throws the system error */
export function removeTree(location: string): void {
  try {
    rmSync(location, { recursive: true, force: true })
  } catch (error) {
    if (errorCode(error) !== '') throw error
    const message = errorMessage(error)
    const code = CODES.find(([words]) => message.includes(words))?.[1] ?? 'UNKNOWN'
    throw Object.assign(new Error(`${code}:${message.replace(/^, Unknown error:/, '')}`, { cause: error }), {
      code,
      syscall: 'rm',
    })
  }
}
