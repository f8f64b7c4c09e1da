/**
 * What a failed file-system or ledger call means: trouble of all, a race with another program that changes the tree at
 * the same moment, or a problem of one path.
 *
 * A filesystem that is mounted below the root has troubles of its own: they are problems of the paths on it, and hold up
 * nothing else.
 */
import { errorCode, sqliteCode } from '@rootferry/host/machine'

/** This process is short of something, whatever filesystem it works on. */
const PROCESS_TROUBLE = new Set(['EMFILE', 'ENFILE', 'ENOMEM'])
/** A filesystem takes nothing, or does not answer: the whole step is tried again later. */
const FILESYSTEM_TROUBLE = new Set([
  'ENOSPC',
  'EDQUOT',
  'EROFS',
  'EIO',
  'ESTALE',
  'ENODEV',
  'ENXIO',
  'ENOTCONN',
  'ESHUTDOWN',
  'ETIMEDOUT',
  'EHOSTDOWN',
  'EHOSTUNREACH',
])
/** The tree has changed since the plan was made. */
const RACE = new Set(['ENOENT', 'ENOTDIR', 'EEXIST', 'ENOTEMPTY', 'EISDIR', 'ELOOP'])
/** SQLite's primary codes for: no memory, read-only, I/O error, full, cannot open. */
const LEDGER_TROUBLE = new Set([7, 8, 10, 13, 14])

/** The root's directory itself is gone: nothing can be committed until the root is opened anew. */
export class RootGone extends Error {
  override name = 'RootGone'
}

/** A filesystem that is known to be mounted at the path is not: nothing is written there until it is back. */
export class VolumeMissing extends Error {
  override name = 'VolumeMissing'
  readonly syscall = 'open'
  readonly code = 'unmounted'

  constructor() {
    super('the filesystem that was mounted here is not: mount it, or remove the directory to have it filled without')
  }
}

/** Tells of a path whether it lies on a filesystem that is mounted below the root. */
export interface BorderView {
  isAcrossBorder(path: string): boolean
}

/** An ACL or attribute of one object was refused: the object is right otherwise. */
export class ExtendedRefused extends Error {
  override name = 'ExtendedRefused'
  readonly syscall = 'setxattr'
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/**
 * Whether the refusal of an attribute concerns its object alone: a filesystem without attributes, or without room for
 * this one, accepts everything else.
 */
export function isOfOneObject(error: unknown): boolean {
  const code = errorCode(error)
  return code === 'ENOSPC' || code === 'EDQUOT' || (!isRace(error) && !isDiskTrouble(error))
}

/** Whether an error that turned up on the root's own filesystem concerns more than one path. */
export function isDiskTrouble(error: unknown): boolean {
  if (error instanceof ExtendedRefused || isQuotaOfOwner(error)) return false
  const code = errorCode(error)
  return isProcessTrouble(error) || (code !== null && FILESYSTEM_TROUBLE.has(code))
}

/** The same for an error that turned up at a path. */
export function isTroubleOfAll(error: unknown, path: string, borders: BorderView): boolean {
  return isProcessTrouble(error) || (isDiskTrouble(error) && !borders.isAcrossBorder(path))
}

/** Whether the filesystem is in trouble on which the path lies: everything on it meets the same. */
export function isBorderTrouble(error: unknown, path: string, borders: BorderView): boolean {
  return isDiskTrouble(error) && !isTroubleOfAll(error, path, borders)
}

export function isRace(error: unknown): boolean {
  const code = errorCode(error)
  return code !== null && RACE.has(code)
}

/** A call of the operating system or of SQLite failed, as opposed to a fault of this program. */
export function isOperatingError(error: unknown): boolean {
  return isSystemError(error) || isLedgerTrouble(error)
}

export function isSystemError(error: unknown): error is Error & { syscall: string } {
  return error instanceof Error && 'syscall' in error && typeof error.syscall === 'string' && errorCode(error) !== null
}

/** Of a user to whom a file is given that is there: only those of that user meet it. */
function isQuotaOfOwner(error: unknown): boolean {
  return isSystemError(error) && errorCode(error) === 'EDQUOT' && error.syscall.includes('chown')
}

function isProcessTrouble(error: unknown): boolean {
  const code = errorCode(error)
  return (code !== null && PROCESS_TROUBLE.has(code)) || isLedgerTrouble(error)
}

function isLedgerTrouble(error: unknown): boolean {
  const code = sqliteCode(error)
  return code !== null && LEDGER_TROUBLE.has(code)
}
