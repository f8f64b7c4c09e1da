/**
 * What both ends record about one filesystem object, and the bounds of each field.
 *
 * Times are whole microseconds since 1970, negative before it: `fs.utimes` takes a double of seconds, which is not
 * exact below a microsecond. Far from today a double holds fewer digits still, which is why `sameMtime` exists.
 */
import { Buffer } from 'node:buffer'
import Type, { type Static } from 'typebox'
import { LIMITS } from './limits.ts'
import { pathFault } from './path.ts'

const MAX_ID = 2 ** 32 - 1
/** About ±8,000 years: what tmpfs and XFS can hold, and a little more. */
export const MOST_MTIME_US = 3e17

export const Count = Type.Integer({ minimum: 0, maximum: LIMITS.integer })
export const Sequence = Count
export const EntryPath = Type.Refine(
  Type.String({ minLength: 1, maxLength: LIMITS.pathBytes }),
  (value: string) => pathFault(value) === null,
  () => 'is not an entry path',
)
export const Mode = Type.Integer({ minimum: 0, maximum: 0o7777 })
export const OwnerId = Type.Integer({ minimum: 0, maximum: MAX_ID })
export const MtimeUs = Type.Integer({ minimum: -MOST_MTIME_US, maximum: MOST_MTIME_US })
/** SHA-256 as base64url without padding. */
export const Digest = Type.String({ minLength: 43, maxLength: 43, pattern: '^[A-Za-z0-9_-]{43}$' })
export const LinkTarget = Type.Refine(
  Type.String({ minLength: 1, maxLength: LIMITS.targetBytes }),
  (value: string) => !value.includes('\0') && value.isWellFormed() && Buffer.byteLength(value) <= LIMITS.targetBytes,
  () => 'is not a symlink target',
)

/** Owner and time, which every kind has. `users` and `groups` of the surrounding message may name the numbers. */
export interface Attributes {
  mode: number
  uid: number
  gid: number
  mtime: number
}

export type EntryKind = 'file' | 'directory' | 'symlink'

/** `[id, name]` pairs for the numbers that a message uses, where the agent knows a name. */
export const OwnerNames = Type.Array(
  Type.Tuple([OwnerId, Type.String({ minLength: 1, maxLength: 64, pattern: '^[^\\u0000-\\u0020:]+$' })]),
  { maxItems: 1_000 },
)
export type OwnerNames = Static<typeof OwnerNames>

/** Milliseconds as `fs.Stats` gives them, as whole microseconds. */
export function microseconds(milliseconds: number): number {
  return Math.round(milliseconds * 1000)
}

/** Equal as far as a double of seconds can carry a time; exact to the microsecond until the year 2100 and beyond. */
export function sameMtime(a: number, b: number): boolean {
  return Math.abs(a - b) <= Math.max(1, Math.abs(a) * 2 ** -50)
}
