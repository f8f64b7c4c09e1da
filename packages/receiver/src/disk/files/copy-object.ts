/**
 * Moves one object, with everything below it, to a place that a rename cannot reach: another filesystem, another mount
 * of the same one, or a directory with a quota of its own. Owners, modes and times are kept; symlinks are not followed.
 *
 * INVARIANT: under its new name there is nothing, the old object, or all of the new one. The new object is completed
 * under a reserved name in the same directory; an interrupted call leaves that name behind, and the next call with the
 * same arguments replaces it.
 */
import {
  constants,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  symlinkSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { removeTree } from '@rootferry/host/machine'
import { PLACING_PREFIX } from '@rootferry/protocol'
import { diskObject, setAttributes } from './attributes.ts'
import { LEAVE } from './staged-change.ts'

/** @param staged leads to a staged object; `location` to a name in the tree, which is replaced. @throws the system error */
export function placeAcross(staged: string, location: string): void {
  const temporary = join(dirname(location), `${PLACING_PREFIX}${basename(staged)}`)
  removeTree(temporary)
  try {
    copyObject(staged, temporary)
    renameSync(temporary, location)
  } catch (error) {
    removeTree(temporary)
    throw error
  }
  removeTree(staged)
}

function copyObject(from: string, to: string): void {
  const status = lstatSync(from)
  const { kind, mode, uid, gid, mtime } = diskObject(status)
  if (kind === 'directory') {
    mkdirSync(to, { mode: 0o700 })
    for (const name of readdirSync(from)) copyObject(join(from, name), join(to, name))
  } else if (kind === 'symlink') symlinkSync(readlinkSync(from), to)
  else if (kind === 'file') copyFileSync(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
  else return
  const made = lstatSync(to)
  const owner = { uid: made.uid === uid ? LEAVE : uid, gid: made.gid === gid ? LEAVE : gid }
  setAttributes(to, kind, { ...owner, mode, mtime })
}
