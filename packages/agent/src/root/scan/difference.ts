/**
 * Pure decision: how an object on disk differs from what the index says of its path.
 *
 *   same        nothing to record
 *   attributes  mode, owner, time or link target: recorded, the bytes stay what they are
 *   content     the bytes are others
 *   suspect     the same size, but ctime, mtime or inode say somebody was there: only the bytes can tell, and where
 *               their digest was never learnt they must be taken to be others.
 *               Catches edits that restore size and mtime (touch -r, an old file renamed over).
 */

import { DEFERRED } from '../index/index-schema.ts'
import type { KnownEntry, Observation } from '../index/indexed-entry.ts'

export type Difference = 'same' | 'attributes' | 'content' | 'suspect'

export function differenceOf(before: KnownEntry | null, now: Observation): Difference {
  if (before === null || before.kind !== now.kind || before.sequence === DEFERRED) return 'content'
  if (now.kind !== 'file') return sameAttributes(before, now) && before.target === now.target ? 'same' : 'attributes'
  if (before.size !== now.size) return 'content'
  if (sameVersion(before, now)) return sameAttributes(before, now) ? 'same' : 'attributes'
  return 'suspect'
}

/** Whether nobody can have written to the file between the two looks. A ctime of 0 is never the same as any. */
export function sameVersion(before: Observation, now: Observation): boolean {
  return (
    before.inode === now.inode &&
    before.size === now.size &&
    before.mtime === now.mtime &&
    before.ctime === now.ctime &&
    now.ctime !== 0
  )
}

/** Whether two looks at a directory saw the same one: inode numbers are reused at once by some filesystems. */
export function sameDirectory(before: Observation, now: Observation): boolean {
  return before.inode === now.inode && before.ctime === now.ctime && now.ctime !== 0
}

/** Whether an object of the same inode is the one that was at another path: filesystems give inode numbers out again. */
export function isMoved(before: Observation, now: Observation): boolean {
  if (before.kind !== now.kind) return false
  if (now.kind === 'directory') return sameDirectory(before, now)
  return before.inode === now.inode && before.size === now.size && before.mtime === now.mtime
}

export function sameAttributes(before: Observation, now: Observation): boolean {
  return before.mode === now.mode && before.uid === now.uid && before.gid === now.gid && before.mtime === now.mtime
}
