/**
 * The memory that is passed to libc: one piece for the life of a thread, so that no call allocates and no pointer
 * outlives its memory.
 *
 *   first │ second │ struct │ bulk
 *
 * `first` and `second` hold names and paths, `struct` the results of a call, `bulk` listings, values and events.
 * INVARIANT: every name in `first` and `second` ends with NUL and has no other.
 */
import { constants } from 'node:os'
import type { Ffi } from './load-ffi.ts'
import type { Name } from './system-calls.ts'
import { badName, systemError } from './system-error.ts'

/** The longest path that the kernel accepts, its NUL included. */
const PATH_BYTES = 4096
const SECOND = PATH_BYTES
const STRUCT = 2 * PATH_BYTES
export const STRUCT_BYTES = 512
const BULK = STRUCT + STRUCT_BYTES
/** The largest value of an extended attribute, which is also a good size for listings. */
export const BULK_BYTES = 65_536

const SLASH = 0x2f
const DOT = 0x2e
const LAST_ASCII = 0x7f

export class LibcMemory {
  readonly bytes = Buffer.from(new ArrayBuffer(BULK + BULK_BYTES))
  readonly bulkBytes = this.bytes.subarray(BULK)
  /** Words of `struct`, by index. */
  readonly words = new Uint32Array(this.bytes.buffer, STRUCT, STRUCT_BYTES / 4)
  readonly signedWords = new Int32Array(this.bytes.buffer, STRUCT, STRUCT_BYTES / 4)
  readonly longs = new BigInt64Array(this.bytes.buffer, STRUCT, STRUCT_BYTES / 8)
  readonly first: bigint
  readonly second: bigint
  readonly struct: bigint
  readonly bulk: bigint

  constructor(ffi: Ffi) {
    const begin = ffi.getRawPointer(this.bytes)
    this.first = begin
    this.second = begin + BigInt(SECOND)
    this.struct = begin + BigInt(STRUCT)
    this.bulk = begin + BigInt(BULK)
  }

  /** One component into `first`. @throws EINVAL, ENAMETOOLONG */
  name(name: Name, syscall: string): bigint {
    this.#component(name, 0, syscall)
    return this.first
  }

  /** One component into `second`. @throws EINVAL, ENAMETOOLONG */
  secondName(name: Name, syscall: string): bigint {
    this.#component(name, SECOND, syscall)
    return this.second
  }

  /** A path, or a symlink's target, into `first`. @throws EINVAL, ENAMETOOLONG */
  path(path: Name, syscall: string): bigint {
    this.#write(path, 0, syscall)
    return this.first
  }

  /** Any text without NUL into `second`. @throws EINVAL, ENAMETOOLONG */
  text(text: string, syscall: string): bigint {
    this.#write(text, SECOND, syscall)
    return this.second
  }

  /** The path by which an entry of an open directory can be reached, into `first`. */
  location(directory: number, name: Name, syscall: string): bigint {
    this.#component(name, SECOND, syscall)
    const length = this.bytes.write(`/proc/self/fd/${directory}/`, 0, 'latin1')
    const end = this.bytes.indexOf(0, SECOND)
    this.bytes.copy(this.bytes, length, SECOND, end + 1)
    return this.first
  }

  /** The path that leads to an open file or directory itself, into `first`. */
  openFile(descriptor: number): void {
    this.bytes.write(`/proc/self/fd/${descriptor}\0`, 0, 'latin1')
  }

  /** Text that ends with NUL, at an offset of `bulk`. */
  bulkText(offset: number): string {
    const end = this.bulkBytes.indexOf(0, offset)
    return this.bulkBytes.toString('utf8', offset, end === -1 ? undefined : end)
  }

  #component(name: Name, at: number, syscall: string): void {
    if (typeof name === 'string' && this.#writePlain(name, at)) return
    const length = this.#write(name, at, syscall)
    const { bytes } = this
    const isParent = length === 2 && bytes[at] === DOT && bytes[at + 1] === DOT
    if (length === 0 || isParent || this.#hasSlash(at, length)) throw badName(syscall, name)
  }

  /** One pass, which is enough for nearly all names. @returns false for a name that needs a closer look */
  #writePlain(name: string, at: number): boolean {
    const { length } = name
    if (length === 0 || length >= PATH_BYTES || name === '..') return false
    const { bytes } = this
    for (let index = 0; index < length; index += 1) {
      const unit = name.charCodeAt(index)
      if (unit > LAST_ASCII || unit === SLASH || unit === 0) return false
      bytes[at + index] = unit
    }
    bytes[at + length] = 0
    return true
  }

  #hasSlash(at: number, length: number): boolean {
    const { bytes } = this
    for (let index = at; index < at + length; index += 1) if (bytes[index] === SLASH) return true
    return false
  }

  /** @returns the number of bytes, without the NUL */
  #write(text: Name, at: number, syscall: string): number {
    const length = typeof text === 'string' ? this.#writeString(text, at) : this.#writeBytes(text, at)
    if (length === null) throw systemError(constants.errno.ENAMETOOLONG, syscall, text)
    for (let index = at; index < at + length; index += 1) if (this.bytes[index] === 0) throw badName(syscall, text)
    this.bytes[at + length] = 0
    return length
  }

  #writeString(text: string, at: number): number | null {
    if (text.length >= PATH_BYTES || Buffer.byteLength(text) >= PATH_BYTES) return null
    return this.bytes.write(text, at, 'utf8')
  }

  #writeBytes(text: Uint8Array, at: number): number | null {
    if (text.byteLength >= PATH_BYTES) return null
    this.bytes.set(text, at)
    return text.byteLength
  }
}
