/**
 * Pure decision: how an object on disk differs from the index's record of its path.
 *
 *   same        nothing to record
 *   attributes  mode, owner, time or link target: recorded; the bytes are unchanged
 *   content     the bytes are others
 *   suspect     the same size, but ctime, mtime or inode show that something happened: only the bytes can tell, and where
 *               their digest was never learnt they must be taken to be others.
 *               Catches edits that restore size and mtime (touch -r, an old file renamed over).
 */

import { DEFERRED } from '../index/index-schema.ts'
import type { KnownEntry, Observation } from '../index/indexed-entry.ts'

export type RowDifference = 'same' | 'attributes' | 'content' | 'suspect'

export function differenceOf(before: KnownEntry | null, now: Observation): RowDifference {
  if (before === null || before.kind !== now.kind || before.sequence === DEFERRED) return 'content'
  if (now.kind !== 'file') return sameAttributes(before, now) && before.target === now.target ? 'same' : 'attributes'
  if (before.size !== now.size) return 'content'
  if (isProvenSame(before, now)) return sameAttributes(before, now) ? 'same' : 'attributes'
  return 'suspect'
}

/**
 * Whether two looks at a file provably saw the same version, with no write in between. A ctime of 0 is too recent to
 * prove anything.
 */
export function isProvenSame(before: Observation, now: Observation): boolean {
  return (
    before.inode === now.inode &&
    before.size === now.size &&
    before.mtime === now.mtime &&
    before.ctime === now.ctime &&
    now.ctime !== 0
  )
}

/** Whether nothing proves that two looks at a file saw different versions: a ctime of 0 proves nothing. */
export function isNotProvenOther(a: Observation, b: Observation): boolean {
  const isTold = a.ctime !== 0 && b.ctime !== 0
  return isTold ? isProvenSame(a, b) : isProvenSame({ ...a, ctime: 1 }, { ...b, ctime: 1 })
}

/** Whether two looks saw the same directory: some filesystems reuse inode numbers at once. */
export function sameDirectory(before: Observation, now: Observation): boolean {
  return before.inode === now.inode && before.ctime === now.ctime && now.ctime !== 0
}

/** Whether an object with the same inode is the one that was at another path: filesystems reuse inode numbers. */
export function isMoved(before: Observation, now: Observation): boolean {
  if (before.kind !== now.kind) return false
  if (now.kind === 'directory') return sameDirectory(before, now)
  return before.inode === now.inode && before.size === now.size && before.mtime === now.mtime
}

export function sameAttributes(before: Observation, now: Observation): boolean {
  const isSame = before.mode === now.mode && before.uid === now.uid && before.gid === now.gid
  return isSame && before.mtime === now.mtime && sameExtended(before, now) && !joins(before, now)
}

/** Whether it became another name of a file since. That it is the only one left is no change of it. */
function joins(before: Observation, now: Observation): boolean {
  return now.link !== 0 && now.link !== before.link
}

/** Whether the name leads to another file than before, and one of the two has other names: to whom it is linked changes. */
export function isRelinked(before: Observation, now: Observation): boolean {
  return before.inode !== now.inode && (before.link !== 0 || now.link !== 0)
}

/** An entry that was not looked at before is taken for one that has nothing, which is true for nearly all. */
function sameExtended(before: Observation, now: Observation): boolean {
  return now.extended === null || now.extended === (before.extended ?? '')
}
