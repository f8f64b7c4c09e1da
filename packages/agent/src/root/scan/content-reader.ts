/**
 * Reads a file's bytes together with the attributes that belong to them.
 *
 * INVARIANT: the bytes that are returned are a version that the file had: its status is the same before and after the
 * read. A writer in between leads to another attempt, and after a few attempts to `unsettled`. The final component is
 * never followed, and opening never blocks (a FIFO may have taken the file's place).
 */
import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs'
import {
  type BulkRead,
  type BulkReads,
  errorCode,
  PLAIN_READS,
  plainMessage,
  withExactInode,
} from '@rootferry/host/machine'
import { DigestStream } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { Observation } from '../index/indexed-entry.ts'
import { TurnsEnded } from '../turn.ts'
import { isProvenSame } from './difference.ts'
import { observe } from './observe.ts'
import { troubleOf } from './trouble.ts'

const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const TRIES = 3

export type ReadFault =
  | { fault: 'vanished' }
  | { fault: 'unreadable'; message: string }
  /** Trouble of the process or the filesystem, which passes by itself. */
  | { fault: 'troubled' }
  /** The file is written to all the time. */
  | { fault: 'unsettled' }
  /** The file has more bytes than there is room for. */
  | { fault: 'outgrown' }

export type WholeRead = { fault: null; observation: Observation; bytes: number } | ReadFault

/**
 * Reads a whole file into `into`.
 * @param location path for the system call, see ConfinedDirectories
 * @param known an earlier look at the file: if it still is that version, it was so before and after the read
 */
export function readWhole(
  location: string,
  into: Uint8Array,
  nowMs: number,
  known: Observation,
  reads: BulkReads = PLAIN_READS,
): WholeRead {
  return withOpenFile(location, (descriptor) => {
    const bytes = known.size <= into.byteLength ? readIfPossible(reads.file(), descriptor, into, known.size) : null
    const look = bytes === known.size ? observe(statusOf(descriptor), null, nowMs) : null
    if (look?.found === 'entry' && isProvenSame(known, look.observation)) {
      return { fault: null, observation: look.observation, bytes: known.size }
    }
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const before = statusOf(descriptor)
      if (!before.isFile()) return { fault: 'vanished' }
      if (before.size > into.byteLength) return { fault: 'outgrown' }
      const bytes = reads.file().read(descriptor, into, 0, before)
      if (bytes === before.size && unchanged(before, statusOf(descriptor))) {
        const look = observe(before, null, nowMs)
        if (look.found === 'entry') return { fault: null, observation: look.observation, bytes }
      }
    }
    return { fault: 'unsettled' }
  })
}

/**
 * Reads `length` bytes at `offset` of a large file whose version is already known.
 * @param file of that version
 * @returns 'unsettled' when the file is no longer that version
 */
export function readSlice(
  location: string,
  into: Uint8Array,
  slice: { offset: number; length: number },
  isVersion: (stats: Stats) => boolean,
  file: BulkRead,
): { fault: null } | ReadFault {
  return withOpenFile(location, (descriptor) => {
    const before = statusOf(descriptor)
    if (!isVersion(before)) return { fault: 'unsettled' }
    const bytes = file.read(descriptor, into.subarray(0, slice.length), slice.offset, before)
    return bytes === slice.length && isVersion(statusOf(descriptor)) ? { fault: null } : { fault: 'unsettled' }
  })
}

/**
 * Digest of a file of any size, read in pieces; `pause` is awaited between them so that the thread can do other work.
 * @throws TurnsEnded from a pause, which ends the reading
 */
export async function digestFile(
  location: string,
  pause: () => Promise<void>,
  reads: BulkReads = PLAIN_READS,
): Promise<{ fault: null; stats: Stats; digest: string } | ReadFault> {
  let descriptor: number
  try {
    descriptor = openSync(location, FLAGS)
  } catch (error) {
    return openFault(error)
  }
  try {
    const before = statusOf(descriptor)
    if (!before.isFile()) return { fault: 'vanished' }
    const file = reads.file()
    const digest = new DigestStream()
    const piece = new Uint8Array(Math.min(BOUNDS.pieceBytes, Math.max(before.size, 1)))
    while (digest.bytes < before.size) {
      const bytes = file.read(descriptor, piece, digest.bytes, before)
      if (bytes === 0) break
      digest.update(piece.subarray(0, bytes))
      if (digest.bytes < before.size) await pause()
    }
    if (digest.bytes !== before.size || !unchanged(before, statusOf(descriptor))) return { fault: 'unsettled' }
    return { fault: null, stats: before, digest: digest.finish() }
  } catch (error) {
    if (error instanceof TurnsEnded) throw error
    return unreadable(error)
  } finally {
    closeSync(descriptor)
  }
}

function withOpenFile<Result>(location: string, work: (descriptor: number) => Result | ReadFault): Result | ReadFault {
  let descriptor: number
  try {
    descriptor = openSync(location, FLAGS)
  } catch (error) {
    return openFault(error)
  }
  try {
    return work(descriptor)
  } catch (error) {
    return unreadable(error)
  } finally {
    closeSync(descriptor)
  }
}

function openFault(error: unknown): ReadFault {
  const code = errorCode(error)
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENXIO') return { fault: 'vanished' }
  return unreadable(error)
}

function unreadable(error: unknown): ReadFault {
  return troubleOf(error) === null ? { fault: 'unreadable', message: plainMessage(error) } : { fault: 'troubled' }
}

/** Null when it cannot be read: a directory or a FIFO may have taken the file's place. */
function readIfPossible(file: BulkRead, descriptor: number, into: Uint8Array, size: number): number | null {
  try {
    return file.read(descriptor, into, 0, { size, blocks: Number.POSITIVE_INFINITY })
  } catch {
    return null
  }
}

function unchanged(before: Stats, after: Stats): boolean {
  return before.size === after.size && before.mtimeMs === after.mtimeMs && before.ctimeMs === after.ctimeMs
}

function statusOf(descriptor: number): Stats {
  return withExactInode(fstatSync(descriptor), () => fstatSync(descriptor, { bigint: true }).ino)
}
