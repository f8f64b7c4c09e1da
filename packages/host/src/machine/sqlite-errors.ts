/** SQLite's errors by their result codes (sqlite.org/rescode.html). Their texts are for people, and decide nothing. */

const BUSY = 5
const LOCKED = 6
const CORRUPT = 11
const NOT_A_DATABASE = 26
/** The bits above these describe the error in more detail. */
const PRIMARY_BITS = 0xff

/** @returns the primary result code, or null for an error that is not SQLite's */
export function sqliteCode(error: unknown): number | null {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return null
  return typeof error.errcode === 'number' ? error.errcode & PRIMARY_BITS : null
}

/** Another process holds the database. */
export function isDatabaseHeld(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === BUSY || code === LOCKED
}

/** The file is damaged, or is not a database. */
export function isDatabaseDamaged(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === CORRUPT || code === NOT_A_DATABASE
}

/** The error that SQLite would throw for a database in which a check has found damage. */
export function databaseDamage(found: string): Error {
  return Object.assign(new Error(found), { code: 'ERR_SQLITE_ERROR', errcode: CORRUPT })
}
