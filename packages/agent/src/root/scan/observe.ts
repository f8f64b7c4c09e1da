/**
 * One look at a place on disk: the object there, in the form in which the index records it.
 *
 * A file that was written to within the last few milliseconds gets ctime 0: on kernels with a coarse clock a later
 * write could leave the very same times (git calls such entries racily clean), so the next look will read the file.
 */

import { lstatSync, readlinkSync, type Stats } from 'node:fs'
import { errorCode, plainMessage } from '@rootferry/host/machine'
import { type EntryKind, type MatchedKind, microseconds } from '@rootferry/protocol'
import type { PathProblemCode } from '../../root-messages.ts'
import type { Observation } from '../index/indexed-entry.ts'
import { withExactInode } from './inode-number.ts'

/** Longer than the kernel's coarsest tick (10 ms at 100 Hz). */
const RACY_MS = 12

export type Look =
  /** `links`: the number of names of the file, on the whole filesystem. */
  | { found: 'entry'; observation: Observation; links: number }
  | { found: 'nothing' }
  /** An object that cannot be sent; `code` and `message` say why. */
  | { found: 'problem'; code: PathProblemCode; message: string }

/** @param location path for the system call, see ConfinedDirectories */
export function lookAt(location: string, nowMs: number): Look {
  let stats: Stats | undefined
  let target: string | null = null
  try {
    stats = lstatSync(location, { throwIfNoEntry: false })
    if (stats !== undefined) withExactInode(stats, () => lstatSync(location, { bigint: true }).ino)
    if (stats?.isSymbolicLink() === true) target = readlinkSync(location)
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EINVAL') return { found: 'nothing' }
    return { found: 'problem', code: 'unreadable', message: plainMessage(error) }
  }
  if (stats === undefined) return { found: 'nothing' }
  if (target?.includes('\ufffd') === true) {
    return { found: 'problem', code: 'invalid-name', message: 'a symlink whose target is not valid UTF-8' }
  }
  return observe(stats, target, nowMs)
}

/** The same for a status that is already known, for example of an open file; its inode number is exact. */
export function observe(stats: Stats, target: string | null, nowMs: number): Look {
  const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : target !== null ? 'symlink' : null
  if (kind === null) return { found: 'problem', code: 'special-file', message: specialKind(stats) }
  return {
    found: 'entry',
    links: kind === 'file' ? stats.nlink : 1,
    observation: {
      kind,
      mode: stats.mode & 0o7777,
      uid: stats.uid,
      gid: stats.gid,
      size: kind === 'file' ? stats.size : 0,
      mtime: microseconds(stats.mtimeMs),
      ctime: identityTime(kind, stats, nowMs),
      inode: stats.ino,
      target,
    },
  }
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
function identityTime(kind: EntryKind, stats: Stats, nowMs: number): number {
  if (kind === 'directory') return microseconds(stats.birthtimeMs)
  return kind === 'file' && nowMs - stats.ctimeMs < RACY_MS ? 0 : microseconds(stats.ctimeMs)
}

function specialKind(stats: Stats): string {
  if (stats.isFIFO()) return 'a FIFO: not synchronized'
  if (stats.isSocket()) return 'a socket: not synchronized'
  return 'a device: not synchronized'
}
