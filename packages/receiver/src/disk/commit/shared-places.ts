/**
 * Files across a border may be on a volume that is mounted below the source too: what the agent has read there is what
 * is there already, and a program may have written more since. So before anything across a border is replaced or removed,
 * this looks whether it is the very same, or newer than what the agent has read.
 *
 * How long ago the agent looked, no clock tells: a line may be slow for hours. Only for an answer there is a moment that it
 * has looked after, that of the question. So what may be newer is asked for first.
 */
import { Buffer } from 'node:buffer'
import { closeSync, lstatSync, readlinkSync, readSync, type Stats, unlinkSync } from 'node:fs'
import { microseconds, sameMtime } from '@rootferry/protocol'
import { diskObject, setAttributes } from '../files/attributes.ts'
import { attributeDifference } from '../files/disk-object.ts'
import { openRegular } from '../files/file-digest.ts'
import type { Walk } from '../files/walk.ts'

/** Clocks differ by less, and the times of files are no finer. */
const MOMENT_MS = 2_000
const PIECE_BYTES = 1024 * 1024

interface Located {
  status: Stats
  at(): string
}

const ours = Buffer.allocUnsafeSlow(PIECE_BYTES)
const theirs = Buffer.allocUnsafeSlow(PIECE_BYTES)

/**
 * Looks at what a staged file or symlink would replace.
 * @param askedMs when it was asked for, since the epoch: the agent has read it since. Null: it was not
 * @returns `same`: it has the attributes now, and nothing is staged any more. `newer`: it must not be replaced
 */
export function* meetsOther(
  staged: () => string,
  location: () => string,
  askedMs: number | null,
): Walk<'other' | 'same' | 'newer'> {
  const [coming, there] = [statusOf(staged()), statusOf(location())]
  if (coming === undefined || there === undefined || there.isDirectory()) return 'other'
  const [mtime, present] = [microseconds(coming.mtimeMs), microseconds(there.mtimeMs)]
  const isSame = sameMtime(mtime, present)
  if (isSame && (yield* areAlike({ status: coming, at: staged }, { status: there, at: location }))) {
    const difference = attributeDifference(diskObject(there), diskObject(coming))
    if (difference !== null && there.isFile()) setAttributes(location(), 'file', difference)
    unlinkSync(staged())
    return 'same'
  }
  if (present < mtime && !isSame) return 'other'
  return askedMs === null || isWrittenSince(there, Math.min(askedMs, coming.ctimeMs)) ? 'newer' : 'other'
}

/**
 * Whether what is at the place of a removal may be newer than the agent's look: its name may be in use again.
 * @param askedMs as above
 */
export function mayBeNewer(location: string, askedMs: number | null): boolean {
  const there = statusOf(location)
  return there !== undefined && (askedMs === null || isWrittenSince(there, Math.min(askedMs, Date.now())))
}

function isWrittenSince({ ctimeMs }: Stats, thenMs: number): boolean {
  return ctimeMs > thenMs - MOMENT_MS
}

/** Whether two objects with the same time have the same content. */
function* areAlike(coming: Located, there: Located): Walk<boolean> {
  const [one, other] = [coming.status, there.status]
  if (one.isSymbolicLink() && other.isSymbolicLink()) return readlinkSync(coming.at()) === readlinkSync(there.at())
  return one.isFile() && other.isFile() && one.size === other.size && (yield* areEqual(coming.at(), there.at()))
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
