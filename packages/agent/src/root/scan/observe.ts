/**
 * One look at a place on disk: the object there, in the form in which the index records it.
 *
 * A file that was written to within the last few milliseconds gets ctime 0: on kernels with a coarse clock a later
 * write could leave the very same times (git calls such entries racily clean), so the next look will read the file.
 */

import type { Stats } from 'node:fs'
import {
  type ConfinedDirectories,
  errorCode,
  type FileKind,
  inodeNumber,
  linkNumber,
  milliseconds,
  type Name,
  plainMessage,
  type Status,
} from '@rootferry/host/machine'
import {
  baseName,
  type EntryKind,
  type MatchedKind,
  MOST_MTIME_US,
  microseconds,
  parentPath,
  ROOT_PATH,
} from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { PathProblemCode } from '../../root-messages.ts'
import type { Observation } from '../index/indexed-entry.ts'
import { type Trouble, troubleOf } from './trouble.ts'

/** Longer than the kernel's coarsest tick (10 ms at 100 Hz). */
const RACY_MS = 12

const SPECIAL = {
  fifo: 'a FIFO: not synchronized',
  socket: 'a socket: not synchronized',
  'character-device': 'a device: not synchronized',
  'block-device': 'a device: not synchronized',
} as const

export type Look =
  /** `links`: the number of names of the file, on the whole filesystem. */
  | { found: 'entry'; observation: Observation; links: number }
  | { found: 'nothing' }
  /** An object that cannot be sent; `code` and `message` say why. */
  | { found: 'problem'; code: PathProblemCode; message: string; trouble: Trouble | null }

/** @param path of the root, or of an entry whose parent can be reached */
export function lookAt(directories: ConfinedDirectories, path: string, nowMs: number): Look {
  if (path !== ROOT_PATH) return lookIn(directories, parentPath(path), baseName(path), nowMs)
  try {
    return observe(directories.rootStatus(), null, nowMs)
  } catch (error) {
    return unseen(error)
  }
}

/** The same for the child `name` of `directory`; cheaper in a walk. */
export function lookIn(directories: ConfinedDirectories, directory: string, name: string, nowMs: number): Look {
  let status: Status | null
  let target: Name | null = null
  try {
    status = directories.statusIn(directory, name)
    if (status?.kind === 'symlink') target = directories.readLinkIn(directory, name)
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EINVAL') return { found: 'nothing' }
    return unseen(error)
  }
  if (status === null) return { found: 'nothing' }
  if (target !== null && typeof target !== 'string') {
    return {
      found: 'problem',
      code: 'invalid-name',
      message: 'a symlink whose target is not valid UTF-8',
      trouble: null,
    }
  }
  return found(status.kind, target, nowMs, {
    mode: status.mode,
    uid: status.uid,
    gid: status.gid,
    size: status.size,
    links: status.links,
    inode: inodeNumber(status.inode),
    device: status.device,
    mtimeMs: milliseconds(status.mtimeSeconds, status.mtimeNanoseconds),
    ctimeMs: milliseconds(status.ctimeSeconds, status.ctimeNanoseconds),
    birthMs: milliseconds(status.birthSeconds ?? 0, status.birthNanoseconds),
  })
}

/** @throws what is no error of the system */
function unseen(error: unknown): Look {
  if (errorCode(error) === null) throw error
  return { found: 'problem', code: 'unreadable', message: plainMessage(error), trouble: troubleOf(error) }
}

/** The same for a status that is already known, of an open file or directory; its inode number is exact. */
export function observe(stats: Stats, target: string | null, nowMs: number): Look {
  return found(kindOfStats(stats), target, nowMs, {
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    size: stats.size,
    links: stats.nlink,
    inode: stats.ino,
    device: stats.dev,
    mtimeMs: stats.mtimeMs,
    ctimeMs: stats.ctimeMs,
    birthMs: stats.birthtimeMs,
  })
}

interface Seen {
  mode: number
  uid: number
  gid: number
  size: number
  links: number
  inode: number
  device: number
  mtimeMs: number
  ctimeMs: number
  birthMs: number
}

function found(kind: FileKind, target: string | null, nowMs: number, seen: Seen): Look {
  if (kind !== 'file' && kind !== 'directory' && kind !== 'symlink')
    return { found: 'problem', code: 'special-file', message: SPECIAL[kind], trouble: null }
  const { mode, uid, gid, inode } = seen
  const isFile = kind === 'file'
  if (isFile && seen.size > BOUNDS.mostFileBytes) {
    const message = `a file of ${seen.size} bytes: at most ${BOUNDS.mostFileBytes} are synchronized`
    return { found: 'problem', code: 'too-large', message, trouble: null }
  }
  return {
    found: 'entry',
    links: isFile ? seen.links : 1,
    observation: {
      kind,
      mode,
      uid,
      gid,
      size: isFile ? seen.size : 0,
      mtime: wireTime(seen.mtimeMs),
      ctime: identityTime(kind, seen, nowMs),
      inode,
      target,
      extended: null,
      link: isFile && seen.links > 1 ? linkNumber(inode, seen.device) : 0,
    },
  }
}

/** Some filesystems hold times that no message can: they travel as the nearest one. */
function wireTime(timeMs: number): number {
  return Math.max(-MOST_MTIME_US, Math.min(MOST_MTIME_US, microseconds(timeMs)))
}

/** The kind that patterns see there. */
export function seenKind(look: Look): MatchedKind {
  if (look.found === 'entry') return look.observation.kind
  if (look.found === 'nothing') return 'absent'
  return look.code === 'invalid-name' ? 'symlink' : 'other'
}

/**
 * A directory's ctime changes with every child: its birth, together with the inode, tells whether it is the same
 * directory.
 */
function identityTime(kind: EntryKind, { birthMs, ctimeMs }: Seen, nowMs: number): number {
  if (kind === 'directory') return microseconds(birthMs)
  return kind === 'file' && nowMs - ctimeMs < RACY_MS ? 0 : microseconds(ctimeMs)
}

function kindOfStats(stats: Stats): FileKind {
  if (stats.isFile()) return 'file'
  if (stats.isDirectory()) return 'directory'
  if (stats.isSymbolicLink()) return 'symlink'
  if (stats.isFIFO()) return 'fifo'
  return stats.isSocket() ? 'socket' : 'character-device'
}
