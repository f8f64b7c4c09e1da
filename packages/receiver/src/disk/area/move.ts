/**
 * Moves an object with everything below it, also to another filesystem. Never follows a symlink, not even a moved one.
 */
import { Buffer } from 'node:buffer'
import {
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import { errorCode } from '@rootferry/host/machine'

/** @throws the system error; on another filesystem a part may have been moved by then */
export function move(from: string | Buffer, to: string | Buffer): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if (errorCode(error) !== 'EXDEV') throw error
    moveAcross(from, to)
  }
}

/** Errors that say that one object cannot be linked there. */
const NOT_LINKED = new Set(['EXDEV', 'EPERM', 'EMLINK', 'EACCES', 'EOPNOTSUPP', 'ENOSYS'])

/**
 * Puts a file or symlink in another place too: by a hard link, else by a copy, else it is moved.
 * @throws the system error
 */
export function keepObject(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (error) {
    if (!NOT_LINKED.has(errorCode(error) ?? '')) throw error
    if (!copied(from, to)) move(from, to)
  }
}

/** @returns false when it cannot be read */
function copied(from: string, to: string): boolean {
  const status = lstatSync(from)
  if (status.isSymbolicLink()) symlinkSync(readlinkSync(from), to)
  if (!status.isFile()) return true
  try {
    pinned(from, constants.O_NONBLOCK, (file) => copyFileSync(file, to, constants.COPYFILE_EXCL))
    return true
  } catch (error) {
    if (errorCode(error) === 'EACCES') return false
    throw error
  }
}

/**
 * For objects on a filesystem of their own, or in a lower layer of an overlay: moves piece by piece, without following
 * links.
 */
function moveAcross(from: string | Buffer, to: string | Buffer): void {
  const status = lstatSync(from)
  if (status.isDirectory()) {
    mkdirSync(to, { mode: 0o700 })
    pinned(from, constants.O_DIRECTORY, (directory) => {
      pinned(to, constants.O_DIRECTORY, (place) => {
        for (const name of readdirSync(directory, { encoding: 'buffer' })) {
          move(below(directory, name), below(place, name))
        }
      })
    })
    rmdirSync(from)
    return
  }
  if (status.isSymbolicLink()) symlinkSync(readlinkSync(from), to)
  else if (status.isFile())
    pinned(from, constants.O_NONBLOCK, (file) => copyFileSync(file, to, constants.COPYFILE_EXCL))
  unlinkSync(from)
}

/** @param work gets a path that leads to this very object, whatever takes its name meanwhile */
function pinned(location: string | Buffer, flag: number, work: (path: string) => void): void {
  const descriptor = openSync(location, constants.O_RDONLY | constants.O_NOFOLLOW | flag)
  try {
    if (flag === constants.O_NONBLOCK && !fstatSync(descriptor).isFile()) return
    work(`/proc/self/fd/${descriptor}`)
  } finally {
    closeSync(descriptor)
  }
}

function below(directory: string | Buffer, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(directory), Buffer.from('/'), name])
}
