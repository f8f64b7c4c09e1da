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
  lstatSync,
  lutimesSync,
  openSync,
  type Stats,
  utimesSync,
} from 'node:fs'
import { kindOf, O_PATH } from '@rootferry/host/machine'
import { microseconds } from '@rootferry/protocol'
import type { AttributeChange, DiskObject } from './disk-object.ts'
import { LEAVE } from './staged-change.ts'

const MODE_BITS = 0o7777

/**
 * A time in the form that the `utimes` family accepts, in seconds. Node replaces a negative number by the present time,
 * but not a negative number as a string.
 */
export function utimesSeconds(mtime: number): number | string {
  return mtime < 0 ? String(mtime / 1e6) : mtime / 1e6
}

/** @returns null when nothing is there. @throws the system error when the status cannot be read */
export function readObject(location: string | Buffer): DiskObject | null {
  const status = lstatSync(location, { throwIfNoEntry: false })
  return status === undefined ? null : diskObject(status)
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
  }
}

/** @throws the system error; an object that is not of `kind` any more throws ENOENT */
export function setAttributes(
  location: string | Buffer,
  kind: 'file' | 'directory' | 'symlink',
  change: AttributeChange,
): void {
  if (kind === 'symlink') {
    if (change.uid !== LEAVE || change.gid !== LEAVE) lchownSync(location, change.uid, change.gid)
    if (change.mtime !== null) lutimesSync(location, utimesSeconds(change.mtime), utimesSeconds(change.mtime))
    return
  }
  const descriptor = openSync(location, O_PATH | constants.O_NOFOLLOW)
  try {
    if (kindOf(fstatSync(descriptor)) !== kind) throw replacedError(location)
    const pinned = `/proc/self/fd/${descriptor}`
    // The kernel clears setuid and setgid on chown, so the mode comes after it.
    if (change.uid !== LEAVE || change.gid !== LEAVE) chownSync(pinned, change.uid, change.gid)
    if (change.mode !== null) chmodSync(pinned, change.mode)
    if (change.mtime !== null) utimesSync(pinned, utimesSeconds(change.mtime), utimesSeconds(change.mtime))
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
