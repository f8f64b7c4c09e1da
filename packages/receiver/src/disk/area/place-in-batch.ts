/**
 * Under which name something lies in a batch of the trash: its own path, or one that comes near to it.
 *
 * INVARIANT: a name that is taken is never used, and the kernel takes every name that is given here: one that is too
 * long, or too long together with its suffix, is shortened between two characters.
 */
import { Buffer } from 'node:buffer'
import { lstatSync, mkdirSync } from 'node:fs'
import { type ConfinedDirectories, errorCode } from '@rootferry/host/machine'
import { baseName, joinPath, parentPath, ROOT_PATH } from '@rootferry/protocol'

const MOST_SUFFIXES = 10_000
/** Leaves room for a suffix below the 4,096 that Linux takes. */
const MOST_PATH_BYTES = 4_000
/** Linux takes no longer name. */
const MOST_NAME_BYTES = 255

/** Where `path` is to be put, its parents made: the first free one of place, place~1, place~2 … Below the batch. */
export function freePlace(batch: ConfinedDirectories, path: string): string {
  const wanted = makeParents(batch, path) ? path : 'displaced'
  for (let number = 0; number < MOST_SUFFIXES; number += 1) {
    const name = suffixed(baseName(wanted), number === 0 ? '' : `~${number}`)
    const candidate = joinPath(parentPath(wanted), name)
    if (lstatSync(batch.locate(candidate), { throwIfNoEntry: false }) === undefined) return candidate
  }
  throw Object.assign(new Error(`EEXIST: no free name in the trash, '${wanted}'`), {
    code: 'EEXIST',
    syscall: 'rename',
  })
}

/** The name with its suffix, shortened if need be. */
export function suffixed(name: string, suffix: string): string {
  const room = MOST_NAME_BYTES - Buffer.byteLength(suffix)
  if (Buffer.byteLength(name) <= room) return name + suffix
  let short = ''
  let bytes = 0
  for (const character of name) {
    bytes += Buffer.byteLength(character)
    if (bytes > room) break
    short += character
  }
  return short + suffix
}

/** @returns false when the whole is too long a path, or a parent's name is taken by something else of the same batch */
function makeParents(batch: ConfinedDirectories, path: string): boolean {
  if (Buffer.byteLength(`${batch.rootPath}/${path}`) > MOST_PATH_BYTES) return false
  try {
    makeDirectory(batch, parentPath(path))
    return true
  } catch (error) {
    const code = errorCode(error)
    if (code !== 'ENAMETOOLONG' && code !== 'ENOTDIR' && code !== 'ELOOP') throw error
    return false
  }
}

/** @throws ENOTDIR when one of them is something else, a symlink to a directory for one */
function makeDirectory(batch: ConfinedDirectories, path: string): void {
  if (path === ROOT_PATH) return
  makeDirectory(batch, parentPath(path))
  try {
    mkdirSync(batch.locate(path), { mode: 0o700 })
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
  batch.locateDirectory(path)
}
