/**
 * Makes a path another name of a file of the tree, where the root preserves hard links.
 *
 * INVARIANT: under the path there is the old object, or the other file; the new name is made beside it under a reserved
 * name, and takes its place by a rename. An interrupted call leaves that name behind: see `placing-names.ts`.
 */
import { linkSync, renameSync, type Stats } from 'node:fs'
import { errorCode, removeTree } from '@rootferry/host/machine'
import { diskObject, statusOf } from '../files/attributes.ts'
import { placingName } from '../files/placing-names.ts'
import type { TimeGrains } from '../files/time-grains.ts'

export interface LinkPlaces {
  /** Where the new name is to be, and where the file is: two entries of the tree. */
  location: string
  to: string
  size: number
  mtime: number
  grains: Pick<TimeGrains, 'isSame'>
}

/**
 * `linked`: it is a name of that file now, or was before. `other`: the file there is not the one that is meant, and
 * nothing was done. @throws the system error, also where the filesystem cannot link
 */
export function linkName({ location, to, size, mtime, grains }: LinkPlaces): 'linked' | 'other' {
  const there = statusAt(to)
  if (there === null || !there.isFile() || there.size !== size || !grains.isSame(diskObject(there), mtime))
    return 'other'
  const here = statusAt(location)
  if (here !== null && isSameFile(here, there)) return 'linked'
  const temporary = placingName(location)
  removeTree(temporary)
  linkSync(to, temporary)
  let isPlaced = false
  try {
    // What was looked at may have been replaced since, by a symlink too.
    const made = statusAt(temporary)
    if (made === null || !isSameFile(made, there)) return 'other'
    renameSync(temporary, location)
    isPlaced = true
    return 'linked'
  } finally {
    if (!isPlaced) removeTree(temporary)
  }
}

export function isSameFile(one: Pick<Stats, 'ino' | 'dev'>, other: Pick<Stats, 'ino' | 'dev'>): boolean {
  return one.ino === other.ino && one.dev === other.dev
}

/** Null when nothing can be there. */
function statusAt(location: string): Stats | null {
  try {
    return statusOf(location)
  } catch (error) {
    if (errorCode(error) === 'ENOTDIR' || errorCode(error) === 'ELOOP') return null
    throw error
  }
}
