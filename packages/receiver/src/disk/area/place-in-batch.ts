/**
 * The name of an object in a batch of the trash: its own path, or one close to it.
 *
 * INVARIANT: a taken name is never used, and the kernel accepts every name that is given here: a name that is too long,
 * or too long with its suffix, is shortened between two characters.
 */
import { Buffer } from 'node:buffer'
import { lstatSync, mkdirSync } from 'node:fs'
import { type ConfinedDirectories, errorCode } from '@rootferry/host/machine'
import { baseName, joinPath, parentPath, ROOT_PATH } from '@rootferry/protocol'
import { numbered } from '../../trash-names.ts'

const MOST_SUFFIXES = 10_000
/** Leaves room for a suffix below the 4,096 bytes that Linux accepts. */
const MOST_PATH_BYTES = 4_000

export interface FreePlace {
  place: string
  /** Whether directories were made for it. */
  hasNewParents: boolean
}

/** The place for `path` below the batch, with its parents made: the first free one of place, place~1, place~2 … */
export function freePlace(batch: ConfinedDirectories, path: string): FreePlace {
  const made = makeParents(batch, path)
  const wanted = made === null ? 'displaced' : path
  for (let number = 0; number < MOST_SUFFIXES; number += 1) {
    const candidate = joinPath(parentPath(wanted), numbered(baseName(wanted), number))
    if (lstatSync(batch.locate(candidate), { throwIfNoEntry: false }) === undefined)
      return { place: candidate, hasNewParents: made !== false }
  }
  throw Object.assign(new Error(`EEXIST: no free name in the trash, '${wanted}'`), {
    code: 'EEXIST',
    syscall: 'rename',
  })
}

/**
 * @returns whether any was made; null when the whole path is too long, or when another object of the same batch has the
 * name of a parent
 */
function makeParents(batch: ConfinedDirectories, path: string): boolean | null {
  if (Buffer.byteLength(`${batch.rootPath}/${path}`) > MOST_PATH_BYTES) return null
  try {
    return makeDirectory(batch, parentPath(path))
  } catch (error) {
    const code = errorCode(error)
    if (code !== 'ENAMETOOLONG' && code !== 'ENOTDIR' && code !== 'ELOOP') throw error
    return null
  }
}

/**
 * @returns whether any was made. @throws ENOTDIR when one of them is not a directory, for example a symlink to a
 * directory
 */
function makeDirectory(batch: ConfinedDirectories, path: string): boolean {
  if (path === ROOT_PATH) return false
  let made = makeDirectory(batch, parentPath(path))
  try {
    mkdirSync(batch.locate(path), { mode: 0o700 })
    made = true
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
  batch.locateDirectory(path)
  return made
}
