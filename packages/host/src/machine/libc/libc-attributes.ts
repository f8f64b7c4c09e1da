/**
 * AttributeCalls by glibc. The kernel has no calls by directory and name, and its calls by open file refuse a descriptor
 * of O_PATH, which is the kind that pins an object without a right to read it. So both are reached through
 * `/proc/self/fd`: an entry without following it, an open file by the link that leads to the object itself.
 */
import { constants } from 'node:os'
import type { LibcFunctions, LibcLibrary } from './libc-library.ts'
import { BULK_BYTES, type LibcMemory } from './libc-memory.ts'
import type { AttributeCalls, Name } from './system-calls.ts'
import { systemError } from './system-error.ts'

const { ENODATA, E2BIG } = constants.errno
const ROOM = BigInt(BULK_BYTES)
/** XATTR_CREATE, XATTR_REPLACE. */
const MANNERS = { any: 0, new: 1, old: 2 } as const

export class LibcAttributes implements AttributeCalls {
  readonly #library: LibcLibrary
  readonly #calls: LibcFunctions
  readonly #memory: LibcMemory

  constructor(library: LibcLibrary, memory: LibcMemory) {
    this.#library = library
    this.#calls = library.functions
    this.#memory = memory
  }

  list(descriptor: number, name: Name | null): string[] {
    const { bulk, bulkBytes } = this.#memory
    const { first } = this.#located(descriptor, name, 'listxattr')
    const bytes = Number(
      name === null ? this.#calls.listxattr(first, bulk, ROOM) : this.#calls.llistxattr(first, bulk, ROOM),
    )
    if (bytes < 0) throw this.#failure('listxattr', name)
    // Each name ends with a NUL.
    return bytes === 0 ? [] : bulkBytes.toString('utf8', 0, bytes - 1).split('\0')
  }

  get(descriptor: number, name: Name | null, attribute: string): Uint8Array | null {
    const { first, bulk, bulkBytes } = this.#located(descriptor, name, 'lgetxattr')
    const second = this.#memory.text(attribute, 'getxattr')
    const bytes = Number(
      name === null
        ? this.#calls.getxattr(first, second, bulk, ROOM)
        : this.#calls.lgetxattr(first, second, bulk, ROOM),
    )
    if (bytes >= 0) return new Uint8Array(bulkBytes.subarray(0, bytes))
    const errno = this.#library.errno()
    if (errno === ENODATA) return null
    throw systemError(errno, 'getxattr', name ?? undefined)
  }

  set(descriptor: number, name: Name | null, attribute: string, value: Uint8Array, manner: keyof typeof MANNERS): void {
    const { first, bulk, bulkBytes } = this.#located(descriptor, name, 'lsetxattr')
    const second = this.#memory.text(attribute, 'setxattr')
    if (value.byteLength > BULK_BYTES) throw systemError(E2BIG, 'setxattr', name ?? undefined)
    bulkBytes.set(value)
    const length = BigInt(value.byteLength)
    const result =
      name === null
        ? this.#calls.setxattr(first, second, bulk, length, MANNERS[manner])
        : this.#calls.lsetxattr(first, second, bulk, length, MANNERS[manner])
    if (result !== 0) throw this.#failure('setxattr', name)
  }

  remove(descriptor: number, name: Name | null, attribute: string): void {
    const { first } = this.#located(descriptor, name, 'lremovexattr')
    const second = this.#memory.text(attribute, 'removexattr')
    const result = name === null ? this.#calls.removexattr(first, second) : this.#calls.lremovexattr(first, second)
    if (result === 0) return
    const errno = this.#library.errno()
    if (errno !== ENODATA) throw systemError(errno, 'removexattr', name ?? undefined)
  }

  #located(descriptor: number, name: Name | null, syscall: string): LibcMemory {
    if (name === null) this.#memory.openFile(descriptor)
    else this.#memory.location(descriptor, name, syscall)
    return this.#memory
  }

  #failure(syscall: string, name: Name | null): Error {
    return this.#library.failure(syscall, name ?? undefined)
  }
}
