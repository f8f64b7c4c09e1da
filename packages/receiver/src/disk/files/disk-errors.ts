/**
 * What a failed file-system or ledger call means for a changeset: trouble of the whole disk, a race with another
 * program that changes the tree at the same moment, or a problem of one path.
 */
import { errorCode, sqliteCode } from '@rootferry/host/machine'

/** Nothing can be written, or no descriptor is available: the whole step is tried again later. */
const DISK_TROUBLE = new Set([
  'ENOSPC',
  'EDQUOT',
  'EROFS',
  'EIO',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'ESTALE',
  'ENODEV',
  'ENXIO',
])
/** The tree has changed since the plan was made. */
const RACE = new Set(['ENOENT', 'ENOTDIR', 'EEXIST', 'ENOTEMPTY', 'EISDIR', 'ELOOP'])
/** SQLite's primary codes for: no memory, read-only, I/O error, full, cannot open. */
const LEDGER_TROUBLE = new Set([7, 8, 10, 13, 14])

/** The root's directory itself is gone: nothing can be committed until the root is opened anew. */
export class RootGone extends Error {
  override name = 'RootGone'
}

export function isDiskTrouble(error: unknown): boolean {
  const code = errorCode(error)
  return (code !== null && DISK_TROUBLE.has(code)) || isLedgerTrouble(error)
}

export function isRace(error: unknown): boolean {
  const code = errorCode(error)
  return code !== null && RACE.has(code)
}

/** A call of the operating system or of SQLite failed, as opposed to a fault of this program. */
export function isOperatingError(error: unknown): boolean {
  return isSystemError(error) || isLedgerTrouble(error)
}

export function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && errorCode(error) !== null
}

function isLedgerTrouble(error: unknown): boolean {
  const code = sqliteCode(error)
  return code !== null && LEDGER_TROUBLE.has(code)
}
