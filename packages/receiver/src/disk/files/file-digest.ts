/** Digests of files on disk, read through a reused buffer, and never waiting on a FIFO. */
import { Buffer } from 'node:buffer'
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { type BulkRead, type BulkReads, PLAIN_READS } from '@rootferry/host/machine'
import { DigestStream, digestOf } from '@rootferry/protocol'
import type { Walk } from './walk.ts'

const BUFFER_BYTES = 1024 * 1024
/** Smaller files are read in one piece. */
const LEAST_LARGE_BYTES = 128 * 1024
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)

/** Opens a regular file for reading. @returns null when it is not a regular file. @throws the system error */
export function openRegular(location: string): number | null {
  const descriptor = openSync(location, READ_FLAGS)
  if (fstatSync(descriptor).isFile()) return descriptor
  closeSync(descriptor)
  return null
}

/** Digest of an open file of exactly `size` bytes, from its start, or null when it has another size. */
function descriptorDigest(descriptor: number, size: number): string | null {
  const first = fill(descriptor, 0)
  if (first < BUFFER_BYTES) return first === size ? digestOf(buffer.subarray(0, first)) : null
  const stream = new DigestStream()
  let length = first
  let position = 0
  while (length > 0 && position <= size) {
    stream.update(buffer.subarray(0, length))
    position += length
    length = length < BUFFER_BYTES ? 0 : fill(descriptor, position)
  }
  return position === size ? stream.finish() : null
}

/** The same as a walk: a file may be large. */
export function* digestInTurns(descriptor: number, size: number): Walk<string | null> {
  const reading = FileReading.of(descriptor, size)
  for (;;) {
    const digest = reading.advance(() => true)
    if (digest !== undefined) return digest
    yield
  }
}

/** Digest of a regular file of exactly `size` bytes, or null when it is not one. @throws the system error */
export function* fileDigest(location: string, size: number): Walk<string | null> {
  const descriptor = openRegular(location)
  if (descriptor === null) return null
  try {
    return yield* digestInTurns(descriptor, size)
  } finally {
    closeSync(descriptor)
  }
}

/** The same for a file that may be large, in pieces. Close it after use. */
export class FileReading {
  readonly #descriptor: number
  readonly #size: number
  readonly #file: BulkRead
  #stream: DigestStream | null = null

  private constructor(descriptor: number, size: number, reads: BulkReads) {
    this.#descriptor = descriptor
    this.#size = size
    this.#file = reads.file()
  }

  /** @returns null when it is not a regular file. @throws the system error */
  static open(location: string, size: number, reads: BulkReads): FileReading | null {
    const descriptor = openRegular(location)
    return descriptor === null ? null : new FileReading(descriptor, size, reads)
  }

  /** The descriptor still belongs to the caller. */
  static of(descriptor: number, size: number): FileReading {
    return new FileReading(descriptor, size, PLAIN_READS)
  }

  /** @returns the digest; null when the size differs; undefined when it was time to give way before the end */
  advance(isDue: () => boolean): string | null | undefined {
    if (this.#size < LEAST_LARGE_BYTES) return descriptorDigest(this.#descriptor, this.#size)
    this.#stream ??= new DigestStream()
    const stream = this.#stream
    for (;;) {
      const status = fstatSync(this.#descriptor)
      if (status.size !== this.#size) return null
      const length = this.#file.read(this.#descriptor, buffer, stream.bytes, status)
      stream.update(buffer.subarray(0, length))
      if (stream.bytes === this.#size) return fstatSync(this.#descriptor).size === this.#size ? stream.finish() : null
      if (length === 0) return null
      if (isDue()) return undefined
    }
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}

/** @returns how many bytes were read: fewer than the buffer holds only at the file's end */
function fill(descriptor: number, position: number): number {
  let filled = 0
  while (filled < BUFFER_BYTES) {
    const wanted = BUFFER_BYTES - filled
    const read = readSync(descriptor, buffer, filled, wanted, position + filled)
    filled += read
    // A regular file gives less than was asked for only at its end.
    if (read < wanted) break
  }
  return filled
}
