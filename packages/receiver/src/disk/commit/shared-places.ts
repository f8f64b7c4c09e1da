/**
 * Files across a border may be on a volume that is mounted below the source too: what the agent has read there is what
 * is there already, and a program may have written more since. So before a file across a border is replaced or removed,
 * this looks whether it is the very same, or was written a moment ago.
 */
import { Buffer } from 'node:buffer'
import { closeSync, lstatSync, readSync, unlinkSync } from 'node:fs'
import { microseconds, sameMtime } from '@rootferry/protocol'
import { diskObject, setAttributes } from '../files/attributes.ts'
import { attributeDifference } from '../files/disk-object.ts'
import { openRegular } from '../files/file-digest.ts'
import type { Walk } from '../files/walk.ts'

/** As long as a change takes from the agent's reading to its commit, also under load. */
const UNDER_WAY_MS = 60_000
/** Clocks differ by less, and the times of files are no finer. */
const MOMENT_MS = 2_000
const PIECE_BYTES = 1024 * 1024

const ours = Buffer.allocUnsafeSlow(PIECE_BYTES)
const theirs = Buffer.allocUnsafeSlow(PIECE_BYTES)

/**
 * Looks at the file that a staged file would replace.
 * @param askedMs when it was asked for, since the epoch: the agent has read it since. Null: it was not
 * @returns `same`: it has the attributes now, and nothing is staged any more. `newer`: it must not be replaced
 */
export function* meetsFile(
  staged: () => string,
  location: () => string,
  askedMs: number | null,
): Walk<'other' | 'same' | 'newer'> {
  const [coming, there] = [statusOf(staged()), statusOf(location())]
  if (coming?.isFile() !== true || there?.isFile() !== true) return 'other'
  const [mtime, present] = [microseconds(coming.mtimeMs), microseconds(there.mtimeMs)]
  if (sameMtime(mtime, present)) {
    if (coming.size !== there.size || !(yield* areEqual(staged(), location()))) return 'other'
    const difference = attributeDifference(diskObject(there), diskObject(coming))
    if (difference !== null) setAttributes(location(), 'file', difference)
    unlinkSync(staged())
    return 'same'
  }
  return present > mtime && there.ctimeMs > lookedAfterMs(askedMs, coming.ctimeMs) ? 'newer' : 'other'
}

/**
 * Whether something was made or written at the place of a removal since the agent looked: its name may be in use again.
 * @param askedMs as above
 */
export function wasJustWritten(location: string, askedMs: number | null): boolean {
  const there = statusOf(location)
  return there !== undefined && there.ctimeMs > lookedAfterMs(askedMs, Date.now())
}

/** The agent has not looked before. @param hereMs when the changes had come */
function lookedAfterMs(askedMs: number | null, hereMs: number): number {
  return askedMs === null ? hereMs - UNDER_WAY_MS : Math.min(askedMs, hereMs) - MOMENT_MS
}

function statusOf(location: string) {
  return lstatSync(location, { throwIfNoEntry: false })
}

/** Whether two files have the same bytes. @param one and `other` are opened before the first yield */
export function* areEqual(one: string, other: string): Walk<boolean> {
  const descriptors = [openRegular(one), openRegular(other)]
  try {
    const [left, right] = descriptors
    if (left === null || left === undefined || right === null || right === undefined) return false
    for (let at = 0; ; yield) {
      const read = readSync(left, ours, 0, PIECE_BYTES, at)
      if (read !== readSync(right, theirs, 0, PIECE_BYTES, at)) return false
      if (ours.compare(theirs, 0, read, 0, read) !== 0) return false
      if (read === 0) return true
      at += read
    }
  } finally {
    for (const descriptor of descriptors) if (descriptor !== null) closeSync(descriptor)
  }
}
