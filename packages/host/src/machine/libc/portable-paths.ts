/**
 * PathCalls by node:fs through `/proc/self/fd`, for a runtime without node:ffi. They cost about twice as much.
 *
 * Weaker than libc: times are set to the microsecond only, and both or neither; `no-replace` and `exchange` throw
 * ENOSYS; a mount is known by its device only.
 */
import { isUtf8 } from 'node:buffer'
import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  opendirSync,
  openSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import { constants as systemConstants } from 'node:os'
import { kindOfMode } from './libc-status.ts'
import { procPath } from './proc-path.ts'
import type { DirectoryEntry, Filesystem, Instant, Name, PathCalls, Status } from './system-calls.ts'
import { badName, notImplemented, systemError } from './system-error.ts'

const { ENOENT } = systemConstants.errno
/** Linux's O_PATH, which Node does not list. */
const O_PATH = 0o10000000
const MODE_BITS = 0o7777n
const BILLION = 1_000_000_000n
const BYTES = { encoding: 'buffer' } as const
/** Entries of a listing that are read at once. */
const PORTION = 256

export class PortablePaths implements PathCalls {
  open(directory: number, name: Name, flags: number, mode = 0): number {
    return openSync(procPath(directory, name, 'open'), flags, mode)
  }

  close(descriptor: number): void {
    closeSync(descriptor)
  }

  status(directory: number, name: Name): Status {
    return statusOf(lstatSync(procPath(directory, name, 'lstat'), { bigint: true }))
  }

  statusIfAny(directory: number, name: Name): Status | null {
    const status = lstatSync(procPath(directory, name, 'lstat'), { bigint: true, throwIfNoEntry: false })
    return status === undefined ? null : statusOf(status)
  }

  statusOf(descriptor: number): Status {
    return statusOf(fstatSync(descriptor, { bigint: true }))
  }

  *list(directory: number, name: Name): Generator<DirectoryEntry[], void> {
    if (name === '.') return yield* listed(directory, name)
    const flags = constants.O_DIRECTORY | constants.O_NOFOLLOW
    const descriptor = openSync(procPath(directory, name, 'opendir'), flags)
    try {
      yield* listed(descriptor, name)
    } finally {
      closeSync(descriptor)
    }
  }

  makeDirectory(directory: number, name: Name, mode: number): void {
    mkdirSync(procPath(directory, name, 'mkdir'), mode)
  }

  rename(from: number, name: Name, to: number, newName: Name, manner: 'replace' | 'no-replace' | 'exchange'): void {
    const [old, fresh] = [procPath(from, name, 'rename'), procPath(to, newName, 'rename')]
    if (manner !== 'replace') throw notImplemented('renameat2')
    renameSync(old, fresh)
  }

  unlink(directory: number, name: Name): void {
    unlinkSync(procPath(directory, name, 'unlink'))
  }

  removeDirectory(directory: number, name: Name): void {
    rmdirSync(procPath(directory, name, 'rmdir'))
  }

  link(from: number, name: Name, to: number, newName: Name): void {
    linkSync(procPath(from, name, 'link'), procPath(to, newName, 'link'))
  }

  symlink(target: Name, directory: number, name: Name): void {
    const location = procPath(directory, name, 'symlink')
    if (typeof target === 'string' ? target.includes('\0') : target.includes(0)) throw badName('symlink', target)
    symlinkSync(typeof target === 'string' ? target : Buffer.from(target), location)
  }

  readLink(directory: number, name: Name): Name {
    return decoded(readlinkSync(procPath(directory, name, 'readlink'), BYTES))
  }

  setTimes(directory: number, name: Name, atime: Instant | null, mtime: Instant | null): void {
    const location = procPath(directory, name, 'lutime')
    if (atime === null && mtime === null) return
    if (atime === null || mtime === null) throw notImplemented('utimensat')
    lutimesSync(location, utimeSeconds(atime), utimeSeconds(mtime))
  }

  setOwner(directory: number, name: Name, uid: number, gid: number): void {
    lchownSync(procPath(directory, name, 'lchown'), uid, gid)
  }

  setMode(directory: number, name: Name, mode: number): void {
    // The descriptor pins the entry, so that chmod, which follows symlinks, changes it and not the target of a link.
    const descriptor = openSync(procPath(directory, name, 'chmod'), O_PATH | constants.O_NOFOLLOW)
    try {
      chmodSync(`/proc/self/fd/${descriptor}`, mode)
    } finally {
      closeSync(descriptor)
    }
  }

  filesystem(descriptor: number): Filesystem {
    const found = statfsSync(`/proc/self/fd/${descriptor}/.`)
    return {
      type: found.type >>> 0,
      blockBytes: found.bsize,
      blocks: found.blocks,
      availableBlocks: found.bavail,
      inodes: found.files,
      freeInodes: found.ffree,
    }
  }
}

function* listed(descriptor: number, name: Name): Generator<DirectoryEntry[], void> {
  // The declarations know names as text only.
  const how = { encoding: 'buffer' as BufferEncoding, bufferSize: PORTION }
  const directory = opendirSync(`/proc/self/fd/${descriptor}`, how)
  try {
    let entries: DirectoryEntry[] = []
    let isEmpty = true
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      isEmpty = false
      entries.push({ name: decoded((entry as unknown as Dirent<Buffer>).name), kind: kindOfEntry(entry) })
      if (entries.length < PORTION) continue
      yield entries
      entries = []
    }
    if (entries.length > 0) yield entries
    // glibc hides that a directory was removed after it was opened.
    if (isEmpty && fstatSync(descriptor).nlink === 0) throw systemError(ENOENT, 'opendir', name)
  } finally {
    directory.closeSync()
  }
}

function statusOf(stats: BigIntStats): Status {
  const birth = stats.birthtimeNs
  return {
    kind: kindOfMode(Number(stats.mode)),
    mode: Number(stats.mode & MODE_BITS),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: Number(stats.size),
    links: Number(stats.nlink),
    blocks: Number(stats.blocks),
    inode: stats.ino,
    device: Number(stats.dev),
    mountId: null,
    mtimeSeconds: wholeSeconds(stats.mtimeNs),
    mtimeNanoseconds: nanosecondsOf(stats.mtimeNs),
    ctimeSeconds: wholeSeconds(stats.ctimeNs),
    ctimeNanoseconds: nanosecondsOf(stats.ctimeNs),
    birthSeconds: birth === 0n ? null : wholeSeconds(birth),
    birthNanoseconds: nanosecondsOf(birth),
  }
}

function wholeSeconds(nanoseconds: bigint): number {
  return Number((nanoseconds - BigInt(nanosecondsOf(nanoseconds))) / BILLION)
}

function nanosecondsOf(nanoseconds: bigint): number {
  return Number(((nanoseconds % BILLION) + BILLION) % BILLION)
}

/** Node replaces a negative number by the present time, but not a negative number as a string. */
function utimeSeconds({ seconds, nanoseconds }: Instant): number | string {
  const time = seconds + nanoseconds / 1e9
  return time < 0 ? String(time) : time
}

/** A string where the bytes are valid UTF-8. */
function decoded(bytes: Buffer): Name {
  return isUtf8(bytes) ? bytes.toString() : new Uint8Array(bytes)
}

function kindOfEntry(entry: {
  isFile(): boolean
  isDirectory(): boolean
  isSymbolicLink(): boolean
  isFIFO(): boolean
  isSocket(): boolean
  isCharacterDevice(): boolean
  isBlockDevice(): boolean
}): DirectoryEntry['kind'] {
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'directory'
  if (entry.isSymbolicLink()) return 'symlink'
  if (entry.isFIFO()) return 'fifo'
  if (entry.isSocket()) return 'socket'
  if (entry.isCharacterDevice()) return 'character-device'
  return entry.isBlockDevice() ? 'block-device' : null
}
