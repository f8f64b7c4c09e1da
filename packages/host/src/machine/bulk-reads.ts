/**
 * Reads of whole trees, as a first sync and a check to the byte make them: they leave the page cache as they found it,
 * and do not read what was never written.
 *
 *   page cache   before a stretch of a file is read, it is asked whether any page of it is in memory. Where none was, its
 *                pages are dropped after the read: nobody had used them. Others stay, a few too many rather than one too
 *                few: to drop what visitors are being served would do the very harm.
 *   holes        read as zeros, without the kernel. Only on filesystems that are known to tell the truth about data
 *                that was just written (ZFS did not, and then a file would be zeros on every target).
 *
 * Small files are read as ever: to ask would cost more than their pages do. Without libc calls all are.
 * RACE: pages that somebody else reads between the question and the drop are read from the disk once more.
 */
import { readSync, type Stats } from 'node:fs'
import { errorCode } from './failure.ts'
import type { RangeCalls, SystemCalls } from './libc/system-calls.ts'

const LEAST_COLD_BYTES = 128 * 1024
const LEAST_SPARSE_BYTES = 1024 * 1024
/** Asked for, and dropped, at once. More than the kernel reads ahead: see `before`. */
const STRETCH_BYTES = 16 * 1024 * 1024
const STAT_BLOCK_BYTES = 512
/** By the magic numbers of ext4 (also ext2 and ext3), XFS, Btrfs and tmpfs. */
const TRUE_ABOUT_HOLES = new Set([0xef53, 0x58465342, 0x9123683e, 0x01021994])

type Look = Pick<Stats, 'size' | 'blocks'>

export class BulkReads {
  readonly #calls: Pick<SystemCalls, 'paths' | 'ranges'> | null

  /** @param calls null reads as node:fs does */
  constructor(calls: Pick<SystemCalls, 'paths' | 'ranges'> | null) {
    this.#calls = calls
  }

  /** For the reading of one version of a file, which may be opened several times. */
  file(): BulkRead {
    return new BulkRead(this.#calls)
  }
}

/** One way of reading for all, where nothing is known about the machine. */
export const PLAIN_READS = new BulkReads(null)

export class BulkRead {
  readonly #calls: Pick<SystemCalls, 'paths' | 'ranges'> | null
  readonly #ranges: RangeCalls | null
  /** By number of the stretch: whether no page of it was in memory before. */
  readonly #wasCold: (boolean | undefined)[] = []
  #isToldTruly: boolean | null = null

  constructor(calls: Pick<SystemCalls, 'paths' | 'ranges'> | null) {
    this.#calls = calls
    this.#ranges = calls?.ranges ?? null
  }

  /**
   * Fills `into` from a position of an open file.
   * @param look its status; the caller finds out whether it has changed meanwhile
   * @returns the number of bytes, which is smaller only at the end of the file
   */
  read(descriptor: number, into: Uint8Array, position: number, look: Look): number {
    const length = Math.min(into.byteLength, Math.max(0, look.size - position))
    const ranges = this.#ranges
    const isAsked = ranges !== null && look.size >= LEAST_COLD_BYTES && length > 0
    if (isAsked) this.#before(descriptor, position, length, look.size)
    const read =
      ranges !== null && this.#mayHaveHoles(descriptor, look)
        ? this.#readData(ranges, descriptor, into, position, length)
        : readFully(descriptor, into, 0, length, position)
    if (isAsked) this.#after(descriptor, position, position + read, look.size)
    return read
  }

  /** Also the stretch behind, into which the kernel reads ahead: by then it cannot be asked any more. */
  #before(descriptor: number, position: number, length: number, size: number): void {
    const last = Math.floor((position + length - 1) / STRETCH_BYTES) + 1
    for (let at = Math.floor(position / STRETCH_BYTES); at <= last && at * STRETCH_BYTES < size; at += 1)
      this.#wasCold[at] ??= this.#isCold(descriptor, at * STRETCH_BYTES, size)
  }

  #isCold(descriptor: number, from: number, size: number): boolean {
    try {
      return this.#ranges?.isCached(descriptor, from, Math.min(STRETCH_BYTES, size - from)) === false
    } catch (error) {
      if (errorCode(error) === null) throw error
      return false
    }
  }

  /** Drops the stretches that the read has come to the end of: a stretch is read whole, in pieces of any size. */
  #after(descriptor: number, position: number, end: number, size: number): void {
    const upTo = end >= size ? Math.ceil(size / STRETCH_BYTES) : Math.floor(end / STRETCH_BYTES)
    for (let at = Math.floor(position / STRETCH_BYTES); at < upTo; at += 1)
      if (this.#wasCold[at] === true) this.#drop(descriptor, at * STRETCH_BYTES, size)
  }

  #drop(descriptor: number, from: number, size: number): void {
    // The page at the end of a range stays when it is cut, but not at the end of the file.
    const length = from + STRETCH_BYTES < size ? STRETCH_BYTES : 0
    try {
      this.#ranges?.advise(descriptor, 'dont-need', from, length)
    } catch (error) {
      if (errorCode(error) === null) throw error
    }
  }

  #mayHaveHoles(descriptor: number, { size, blocks }: Look): boolean {
    if (this.#calls === null || size < LEAST_SPARSE_BYTES || blocks * STAT_BLOCK_BYTES >= size) return false
    this.#isToldTruly ??= TRUE_ABOUT_HOLES.has(this.#calls.paths.filesystem(descriptor).type)
    return this.#isToldTruly
  }

  #readData(ranges: RangeCalls, descriptor: number, into: Uint8Array, position: number, length: number): number {
    for (let at = 0; at < length; ) {
      const data = ranges.seek(descriptor, 'data', position + at)
      const begin = data === null ? length : Math.min(length, data - position)
      into.fill(0, at, begin)
      if (begin === length) break
      const hole = ranges.seek(descriptor, 'hole', position + begin)
      const end = hole === null ? length : Math.min(length, hole - position)
      const read = readFully(descriptor, into, begin, end - begin, position + begin)
      at = begin + read
      if (at < end) return at
    }
    return length
  }
}

/** @returns how many bytes were read: fewer than `length` only at the end of the file */
function readFully(descriptor: number, into: Uint8Array, at: number, length: number, position: number): number {
  let read = 0
  while (read < length) {
    const bytes = readSync(descriptor, into, at + read, length - read, position + read)
    if (bytes === 0) break
    read += bytes
  }
  return read
}
