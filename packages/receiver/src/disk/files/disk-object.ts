/** The facts about one object on disk, and the attributes that must be set to make it what it should be. Pure. */
import { type DiskKind, OWNER_ACCESS, PERMISSIONS } from '@rootferry/host/machine'
import { isOther, type LocalExtended } from './extended.ts'
import { LEAVE, type LocalAttributes } from './staged-change.ts'

export interface DiskObject {
  kind: DiskKind
  size: number
  mode: number
  uid: number
  gid: number
  /** Microseconds since 1970. */
  mtime: number
  /** Number of its filesystem. */
  device?: number
  /** With the device, which file it is. */
  inode?: number
  /** How many names it has. */
  links?: number
  /** Of what the root preserves besides; absent: it was not read. */
  extended?: LocalExtended
}

/** Attributes to be set; null and LEAVE leave a field as it is. */
export interface AttributeChange {
  mode: number | null
  uid: number
  gid: number
  mtime: number | null
  /** All that the object is to have of what the root preserves; absent: nothing is said about that. */
  extended?: LocalExtended
}

/**
 * The properties of a new file of this process: its owner, and whether its mode is exactly the requested one (umask 0).
 */
export interface Creation {
  uid: number
  gid: number
  exactModes: boolean
  /** The process may give files away and is not stopped by permissions. */
  privileged: boolean
}

/** The mode with which a directory is made: its owner can work in it until the commit sets the final mode. */
export function creationMode(mode: number): number {
  return (mode & PERMISSIONS) | OWNER_ACCESS
}

/** The attributes that must be set to turn one into the other, or null when there are none. */
export function attributeDifference(found: DiskObject, wanted: LocalAttributes): AttributeChange | null {
  const uid = wanted.uid === found.uid ? LEAVE : wanted.uid
  const gid = wanted.gid === found.gid ? LEAVE : wanted.gid
  const changesOwner = uid !== LEAVE || gid !== LEAVE
  // A change of owner may clear bits of the mode.
  const mode = wanted.mode === found.mode && !changesOwner ? null : wanted.mode
  const mtime = wanted.mtime === found.mtime ? null : wanted.mtime
  if (isOtherExtended(found, wanted)) return { mode, uid, gid, mtime, ...extendedOf(wanted) }
  return mode === null && !changesOwner && mtime === null ? null : { mode, uid, gid, mtime }
}

/** What was not read may be anything. */
function isOtherExtended(found: DiskObject, wanted: LocalAttributes): boolean {
  if (wanted.extended === undefined) return false
  return found.extended === undefined || isOther(found.extended, wanted.extended)
}

/** The field, where it is said. */
export function extendedOf({ extended }: Pick<LocalAttributes, 'extended'>): { extended?: LocalExtended } {
  return extended === undefined ? {} : { extended }
}
