/**
 * glibc's functions by their C signatures, and the errno of this thread.
 *
 * All functions exist in glibc 2.30 and later under these names on amd64 and arm64, where `int`, `mode_t`, `uid_t` have
 * 32 bits and `long`, `off_t`, `size_t` 64. Arguments that C calls variadic (`open`'s mode, `ioctl`'s pointer) are
 * passed like others on both. INVARIANT: every pointer that is passed belongs to LibcMemory, so it is valid for as long
 * as this library exists; only a mapping of a file, which nobody reads, has an address of its own.
 */
import type { Ffi } from './load-ffi.ts'
import type { Name } from './system-calls.ts'
import { type SystemError, systemError } from './system-error.ts'

const I32 = 'i32'
const U32 = 'u32'
const I64 = 'i64'
const U64 = 'u64'
const POINTER = 'pointer'

/** Grouped as in the interface. */
export const SIGNATURES = {
  openat: { arguments: [I32, POINTER, I32, U32], return: I32 },
  close: { arguments: [I32], return: I32 },
  statx: { arguments: [I32, POINTER, I32, U32, POINTER], return: I32 },
  getdents64: { arguments: [I32, POINTER, U64], return: I64 },
  mkdirat: { arguments: [I32, POINTER, U32], return: I32 },
  renameat2: { arguments: [I32, POINTER, I32, POINTER, U32], return: I32 },
  unlinkat: { arguments: [I32, POINTER, I32], return: I32 },
  linkat: { arguments: [I32, POINTER, I32, POINTER, I32], return: I32 },
  symlinkat: { arguments: [POINTER, I32, POINTER], return: I32 },
  readlinkat: { arguments: [I32, POINTER, POINTER, U64], return: I64 },
  utimensat: { arguments: [I32, POINTER, POINTER, I32], return: I32 },
  fchownat: { arguments: [I32, POINTER, U32, U32, I32], return: I32 },
  fchmodat: { arguments: [I32, POINTER, U32, I32], return: I32 },
  fstatfs: { arguments: [I32, POINTER], return: I32 },

  listxattr: { arguments: [POINTER, POINTER, U64], return: I64 },
  llistxattr: { arguments: [POINTER, POINTER, U64], return: I64 },
  getxattr: { arguments: [POINTER, POINTER, POINTER, U64], return: I64 },
  lgetxattr: { arguments: [POINTER, POINTER, POINTER, U64], return: I64 },
  setxattr: { arguments: [POINTER, POINTER, POINTER, U64, I32], return: I32 },
  lsetxattr: { arguments: [POINTER, POINTER, POINTER, U64, I32], return: I32 },
  removexattr: { arguments: [POINTER, POINTER], return: I32 },
  lremovexattr: { arguments: [POINTER, POINTER], return: I32 },

  copy_file_range: { arguments: [I32, POINTER, I32, POINTER, U64, U32], return: I64 },
  ioctl: { arguments: [I32, U64, POINTER], return: I32 },
  fallocate: { arguments: [I32, I32, I64, I64], return: I32 },
  lseek: { arguments: [I32, I64, I32], return: I64 },
  posix_fadvise: { arguments: [I32, I64, I64, I32], return: I32 },
  mmap: { arguments: [POINTER, U64, I32, I32, I32, I64], return: POINTER },
  mincore: { arguments: [POINTER, U64, POINTER], return: I32 },
  munmap: { arguments: [POINTER, U64], return: I32 },
  syncfs: { arguments: [I32], return: I32 },

  dup3: { arguments: [I32, I32, I32], return: I32 },
  inotify_init1: { arguments: [I32], return: I32 },
  inotify_add_watch: { arguments: [I32, POINTER, U32], return: I32 },
  inotify_rm_watch: { arguments: [I32, I32], return: I32 },
  poll: { arguments: [POINTER, U64, I32], return: I32 },
  read: { arguments: [I32, POINTER, U64], return: I64 },

  getpwuid_r: { arguments: [U32, POINTER, POINTER, U64, POINTER], return: I32 },
  getpwnam_r: { arguments: [POINTER, POINTER, POINTER, U64, POINTER], return: I32 },
  getgrgid_r: { arguments: [U32, POINTER, POINTER, U64, POINTER], return: I32 },
  getgrnam_r: { arguments: [POINTER, POINTER, POINTER, U64, POINTER], return: I32 },

  flock: { arguments: [I32, I32], return: I32 },

  __errno_location: { arguments: [], return: POINTER },
} as const

export type LibcFunctions = ReturnType<typeof bindFunctions>

function bindFunctions(ffi: Ffi) {
  return ffi.dlopen('libc.so.6', SIGNATURES).functions
}

export class LibcLibrary {
  readonly functions: LibcFunctions
  readonly #ffi: Ffi
  readonly #errno: bigint

  /** @throws when there is no glibc, or one that lacks a function */
  constructor(ffi: Ffi) {
    this.#ffi = ffi
    this.functions = bindFunctions(ffi)
    // The address of a thread's errno stays the same for the life of the thread.
    this.#errno = this.functions.__errno_location()
  }

  /** Read right after a call that failed: the engine may make calls of its own at any time. */
  errno(): number {
    return this.#ffi.getInt32(this.#errno)
  }

  /** The error of a call that has just failed. */
  failure(syscall: string, name?: Name): SystemError {
    return systemError(this.errno(), syscall, name)
  }
}
