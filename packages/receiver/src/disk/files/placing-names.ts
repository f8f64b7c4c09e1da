/**
 * The names under which objects are completed beside their place. A call that ends leaves none; a process that was
 * killed takes up its burst again, and with it the same names. What a loss of power leaves behind may belong to a burst
 * that nobody remembers: it goes with the next comparison, with its directory, or when its path comes again.
 */
import { Buffer } from 'node:buffer'
import { basename, dirname, join } from 'node:path'
import { type ConfinedDirectories, removeTree } from '@rootferry/host/machine'
import { PLACING_PREFIX } from '@rootferry/protocol'
import { isSystemError } from './disk-errors.ts'

/** So that the name fits into a directory entry, whatever the path's name is; two that meet are never used at once. */
const MOST_DIGITS = 60

/** @param location leads to an entry of the tree. @returns where it is completed: always the same place */
export function placingName(location: string): string {
  return join(
    dirname(location),
    `${PLACING_PREFIX}${Buffer.from(basename(location)).toString('hex').slice(0, MOST_DIGITS)}`,
  )
}

/** Removes what an older burst may have left beside these paths. Where there is nothing, or nothing can be, is no error. */
export function sweepPlacing(confined: Pick<ConfinedDirectories, 'locate'>, paths: Iterable<string>): void {
  for (const path of paths) {
    try {
      removeTree(placingName(confined.locate(path)))
    } catch (error) {
      if (!isSystemError(error)) throw error
    }
  }
}
