/** RangeCalls by glibc, and by ioctl where glibc has no function. */
import { constants } from 'node:os'
import type { LibcFunctions, LibcLibrary } from './libc-library.ts'
import { BULK_BYTES, type LibcMemory, STRUCT_BYTES } from './libc-memory.ts'
import type { RangeCalls } from './system-calls.ts'
import { systemError } from './system-error.ts'

const { EINVAL, ENXIO } = constants.errno
/** A request of Linux, the same on amd64 and arm64. */
const FICLONERANGE = 0x4020940dn
const FALLOC_KEEP_SIZE = 1
const FALLOC_PUNCH_HOLE = 2
const MANNERS = { reserve: FALLOC_KEEP_SIZE, punch: FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE } as const
const WHENCE = { data: 3, hole: 4 } as const
const ADVICE = { sequential: 2, 'will-need': 3, 'dont-need': 4 } as const
/** For mmap; the same on amd64 and arm64. */
const PROT_READ = 1
const MAP_SHARED = 1
const MAP_FAILED = 2n ** 64n - 1n
/** The smallest page of both: of larger pages fewer bytes tell. */
const LEAST_PAGE_BYTES = 4096
const MOST_ASKED_BYTES = BULK_BYTES * LEAST_PAGE_BYTES
/** The place in `struct` of the second of copy_file_range's two offsets. */
const SECOND_OFFSET = BigInt(STRUCT_BYTES / 2)

export class LibcRanges implements RangeCalls {
  readonly #library: LibcLibrary
  readonly #calls: LibcFunctions
  readonly #memory: LibcMemory

  constructor(library: LibcLibrary, memory: LibcMemory) {
    this.#library = library
    this.#calls = library.functions
    this.#memory = memory
  }

  copy(from: number, fromOffset: number, to: number, toOffset: number, length: number): number {
    const { longs, struct } = this.#memory
    longs[0] = offset(fromOffset, 'copy_file_range')
    longs[STRUCT_BYTES / 16] = offset(toOffset, 'copy_file_range')
    const wanted = offset(length, 'copy_file_range')
    const copied = Number(this.#calls.copy_file_range(from, struct, to, struct + SECOND_OFFSET, wanted, 0))
    if (copied < 0) throw this.#library.failure('copy_file_range')
    return copied
  }

  /** `struct file_clone_range`: descriptor · offset · length · offset in the target, 64 bits each. */
  clone(from: number, fromOffset: number, to: number, toOffset: number, length: number): void {
    const { longs, struct } = this.#memory
    for (const [index, each] of [from, fromOffset, length, toOffset].entries()) longs[index] = offset(each, 'ioctl')
    this.#check(this.#calls.ioctl(to, FICLONERANGE, struct), 'ioctl')
  }

  allocate(descriptor: number, manner: keyof typeof MANNERS, begin: number, length: number): void {
    const [from, wanted] = [offset(begin, 'fallocate'), offset(length, 'fallocate')]
    this.#check(this.#calls.fallocate(descriptor, MANNERS[manner], from, wanted), 'fallocate')
  }

  seek(descriptor: number, what: keyof typeof WHENCE, begin: number): number | null {
    const found = Number(this.#calls.lseek(descriptor, offset(begin, 'lseek'), WHENCE[what]))
    if (found >= 0) return found
    const errno = this.#library.errno()
    if (errno === ENXIO) return null
    throw systemError(errno, 'lseek')
  }

  isCached(descriptor: number, begin: number, bytes: number): boolean {
    const [from, length] = [offset(begin, 'mmap'), offset(bytes, 'mmap')]
    if (bytes > MOST_ASKED_BYTES) throw systemError(EINVAL, 'mincore')
    if (bytes === 0) return false
    const { bulk, bulkBytes } = this.#memory
    const address = this.#calls.mmap(0n, length, PROT_READ, MAP_SHARED, descriptor, from)
    if (address === MAP_FAILED) throw this.#library.failure('mmap')
    try {
      const told = bulkBytes.subarray(0, Math.ceil(bytes / LEAST_PAGE_BYTES)).fill(0)
      this.#check(this.#calls.mincore(address, length, bulk), 'mincore')
      return told.includes(1)
    } finally {
      this.#calls.munmap(address, length)
    }
  }

  advise(descriptor: number, advice: keyof typeof ADVICE, begin: number, length: number): void {
    const [from, wanted] = [offset(begin, 'posix_fadvise'), offset(length, 'posix_fadvise')]
    const errno = this.#calls.posix_fadvise(descriptor, from, wanted, ADVICE[advice])
    // Unlike the other calls, this one returns its error.
    if (errno !== 0) throw systemError(errno, 'posix_fadvise')
  }

  syncFilesystem(descriptor: number): void {
    this.#check(this.#calls.syncfs(descriptor), 'syncfs')
  }

  #check(result: number, syscall: string): void {
    if (result !== 0) throw this.#library.failure(syscall)
  }
}

/** @throws EINVAL unless the value is a whole number from 0 to 2^53 - 1 */
function offset(value: number, syscall: string): bigint {
  if (!Number.isSafeInteger(value) || value < 0) throw systemError(EINVAL, syscall)
  return BigInt(value)
}
