/**
 * Reads and sets mode, owner and mtime of one filesystem object, never of the target of a symlink.
 *
 * Files and directories are changed through an O_PATH descriptor: it needs no read permission, opens a FIFO without
 * waiting, and pins the object, so that an object swapped in meanwhile is not touched.
 */
import type { Buffer } from 'node:buffer'
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  lchownSync,
  lutimesSync,
  openSync,
  type Stats,
  utimesSync,
} from 'node:fs'
import { inodeNumber, kindOf, lookAt, milliseconds, O_PATH, type Status } from '@rootferry/host/machine'
import { microseconds } from '@rootferry/protocol'
import type { ExtendedRefused } from './disk-errors.ts'
import type { AttributeChange, DiskObject } from './disk-object.ts'
import { type ExtendedAttributes, NO_EXTENDED } from './extended.ts'
import { LEAVE } from './staged-change.ts'

const MODE_BITS = 0o7777

/**
 * A time in the form that the `utimes` family accepts, in seconds. Node replaces a negative number by the present time,
 * but not a negative number as a string.
 */
export function utimesSeconds(mtime: number): number | string {
  return mtime < 0 ? String(mtime / 1e6) : mtime / 1e6
}

/**
 * @param extended reads what the root preserves besides attributes, unless that is nothing
 * @returns null when nothing is there. @throws the system error when the status cannot be read
 */
export function readObject(location: string | Buffer, extended = NO_EXTENDED): DiskObject | null {
  const status = statusOf(location)
  if (status === null) return null
  const object = diskObject(status)
  const found = object.kind === 'other' ? null : extended.readAt(location)
  return found === null ? object : { ...object, extended: found }
}

/** @returns null when nothing is there. @throws the system error */
export function statusOf(location: string | Buffer): Stats | null {
  return lookAt(location)
}

export function diskObject(status: Stats): DiskObject {
  return {
    kind: kindOf(status),
    size: status.size,
    mode: status.mode & MODE_BITS,
    uid: status.uid,
    gid: status.gid,
    mtime: microseconds(status.mtimeMs),
    device: status.dev,
    inode: status.ino,
    links: status.nlink,
  }
}

/** The same of a status of SystemCalls. */
export function objectOfStatus(status: Status): DiskObject {
  const { kind, size, mode, uid, gid, links, device } = status
  return {
    kind: kind === 'file' || kind === 'directory' || kind === 'symlink' ? kind : 'other',
    ...{ size, mode, uid, gid },
    mtime: microseconds(milliseconds(status.mtimeSeconds, status.mtimeNanoseconds)),
    device,
    inode: inodeNumber(status.inode),
    links,
  }
}

/**
 * @param extended sets what the root preserves besides, where the change says so
 * @throws the system error; an object that is not of `kind` any more throws ENOENT; ExtendedRefused when everything else is set
 */
export function setAttributes(
  location: string | Buffer,
  kind: 'file' | 'directory' | 'symlink',
  change: AttributeChange,
  extended: ExtendedAttributes = NO_EXTENDED,
): void {
  if (kind === 'symlink') {
    if (change.uid !== LEAVE || change.gid !== LEAVE) lchownSync(location, change.uid, change.gid)
    if (change.extended !== undefined) extended.applyAt(location, change.extended)
    if (change.mtime !== null) lutimesSync(location, utimesSeconds(change.mtime), utimesSeconds(change.mtime))
    return
  }
  let refused: ExtendedRefused | null = null
  const descriptor = openSync(location, O_PATH | constants.O_NOFOLLOW)
  try {
    if (kindOf(fstatSync(descriptor)) !== kind) throw replacedError(location)
    const pinned = `/proc/self/fd/${descriptor}`
    // The kernel clears setuid, setgid and capabilities on chown, so they come after it.
    if (change.uid !== LEAVE || change.gid !== LEAVE) chownSync(pinned, change.uid, change.gid)
    // An ACL changes the mode, and the mode an ACL: they agree afterwards.
    if (change.extended !== undefined) refused = extended.attempt(descriptor, change.extended)
    if (change.mode !== null) chmodSync(pinned, change.mode)
    if (change.mtime !== null) utimesSync(pinned, utimesSeconds(change.mtime), utimesSeconds(change.mtime))
    if (refused !== null) throw refused
  } finally {
    closeSync(descriptor)
  }
}

function replacedError(location: string | Buffer): Error {
  return Object.assign(new Error(`ENOENT: was replaced by an object of another kind, '${String(location)}'`), {
    code: 'ENOENT',
    syscall: 'open',
  })
}
