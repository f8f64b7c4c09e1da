/**
 * Removing a file or a directory with all in it, with errors that say which one they are: what Node 26's own `rmSync`
 * throws has an empty code unless it is one of the few that it knows, and a full or read-only disk is none of them.
 */
import { rmSync } from 'node:fs'
import { errorCode, errorMessage } from './failure.ts'

/** The words of the C library, in English whatever the locale: nobody sets one here. */
const CODES: [string, string][] = [
  ['Read-only file system', 'EROFS'],
  ['Input/output error', 'EIO'],
  ['No space left on device', 'ENOSPC'],
  ['Disk quota exceeded', 'EDQUOT'],
  ['Too many open files', 'EMFILE'],
  ['Cannot allocate memory', 'ENOMEM'],
  ['Stale file handle', 'ESTALE'],
]

/** Nothing there is fine. Symlinks are removed, not followed. @throws the system error */
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
