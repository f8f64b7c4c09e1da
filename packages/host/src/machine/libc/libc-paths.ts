/** PathCalls by glibc. */
import { isUtf8 } from 'node:buffer'
import { constants } from 'node:fs'
import type { LibcFunctions, LibcLibrary } from './libc-library.ts'
import { BULK_BYTES, type LibcMemory } from './libc-memory.ts'
import { readFilesystem, readStatus, STATX_MASK } from './libc-status.ts'
import { PortablePaths } from './portable-paths.ts'
import type { DirectoryEntry, FileKind, Filesystem, Instant, Name, PathCalls, Status } from './system-calls.ts'

/** A flag of Linux that Node does not list; the same on amd64 and arm64. */
const O_CLOEXEC = 0o2000000
const LIST_FLAGS = O_CLOEXEC | constants.O_DIRECTORY | constants.O_NOFOLLOW
const AT_SYMLINK_NOFOLLOW = 0x100
/** As lstat: to look at a place of autofs does not mount it. */
const LOOK_FLAGS = AT_SYMLINK_NOFOLLOW | 0x800
const AT_REMOVEDIR = 0x200
const AT_EMPTY_PATH = 0x1000
const UTIME_OMIT = 0x3ffffffen
const RENAME_FLAGS = { replace: 0, 'no-replace': 1, exchange: 2 } as const
const LONGEST_TARGET = 4096

/** `struct dirent64`: inode(64) · offset(64) · length(16) · kind(8) · name. Kinds by number. */
const DIRENT_LENGTH = 16
const DIRENT_KIND = 18
const DIRENT_NAME = 19
const DIRENT_KINDS = new Map<number, FileKind>([
  [1, 'fifo'],
  [2, 'character-device'],
  [4, 'directory'],
  [6, 'block-device'],
  [8, 'file'],
  [10, 'symlink'],
  [12, 'socket'],
])
const REPLACEMENT = '\ufffd'

export class LibcPaths implements PathCalls {
  readonly #library: LibcLibrary
  readonly #calls: LibcFunctions
  readonly #memory: LibcMemory
  readonly #portable = new PortablePaths()

  constructor(library: LibcLibrary, memory: LibcMemory) {
    this.#library = library
    this.#calls = library.functions
    this.#memory = memory
  }

  open(directory: number, name: Name, flags: number, mode = 0): number {
    const descriptor = this.#calls.openat(directory, this.#memory.name(name, 'openat'), flags | O_CLOEXEC, mode)
    if (descriptor === -1) throw this.#library.failure('openat', name)
    return descriptor
  }

  close(descriptor: number): void {
    this.#check(this.#calls.close(descriptor), 'close')
  }

  status(directory: number, name: Name): Status {
    const { first, struct } = this.#named(name, 'statx')
    this.#check(this.#calls.statx(directory, first, LOOK_FLAGS, STATX_MASK, struct), 'statx', name)
    return readStatus(this.#memory)
  }

  statusIfAny(directory: number, name: Name): Status | null {
    const { first, struct } = this.#named(name, 'statx')
    if (this.#calls.statx(directory, first, LOOK_FLAGS, STATX_MASK, struct) === 0) return readStatus(this.#memory)
    // "Nothing is there" deletes files elsewhere, so a second witness is asked, which does not depend on errno.
    return this.#portable.statusIfAny(directory, name)
  }

  statusOf(descriptor: number): Status {
    const { first, struct } = this.#memory
    this.#memory.path('', 'statx')
    this.#check(this.#calls.statx(descriptor, first, AT_EMPTY_PATH, STATX_MASK, struct), 'statx')
    return readStatus(this.#memory)
  }

  *list(directory: number, name: Name): Generator<DirectoryEntry[], void> {
    const descriptor = this.open(directory, name, LIST_FLAGS)
    try {
      for (;;) {
        const bytes = Number(this.#calls.getdents64(descriptor, this.#memory.bulk, BigInt(BULK_BYTES)))
        if (bytes < 0) throw this.#library.failure('getdents64', name)
        if (bytes === 0) return
        yield entriesIn(this.#memory.bulkBytes, bytes)
      }
    } finally {
      this.close(descriptor)
    }
  }

  makeDirectory(directory: number, name: Name, mode: number): void {
    this.#check(this.#calls.mkdirat(directory, this.#memory.name(name, 'mkdirat'), mode), 'mkdirat', name)
  }

  rename(from: number, name: Name, to: number, newName: Name, manner: keyof typeof RENAME_FLAGS): void {
    const first = this.#memory.name(name, 'renameat2')
    const second = this.#memory.secondName(newName, 'renameat2')
    this.#check(this.#calls.renameat2(from, first, to, second, RENAME_FLAGS[manner]), 'renameat2', name)
  }

  unlink(directory: number, name: Name): void {
    this.#check(this.#calls.unlinkat(directory, this.#memory.name(name, 'unlinkat'), 0), 'unlinkat', name)
  }

  removeDirectory(directory: number, name: Name): void {
    this.#check(this.#calls.unlinkat(directory, this.#memory.name(name, 'unlinkat'), AT_REMOVEDIR), 'unlinkat', name)
  }

  link(from: number, name: Name, to: number, newName: Name): void {
    const first = this.#memory.name(name, 'linkat')
    const second = this.#memory.secondName(newName, 'linkat')
    this.#check(this.#calls.linkat(from, first, to, second, 0), 'linkat', name)
  }

  symlink(target: Name, directory: number, name: Name): void {
    const second = this.#memory.secondName(name, 'symlinkat')
    const first = this.#memory.path(target, 'symlinkat')
    this.#check(this.#calls.symlinkat(first, directory, second), 'symlinkat', name)
  }

  readLink(directory: number, name: Name): Name {
    const { first, bulk } = this.#named(name, 'readlinkat')
    const bytes = Number(this.#calls.readlinkat(directory, first, bulk, BigInt(LONGEST_TARGET)))
    if (bytes < 0) throw this.#library.failure('readlinkat', name)
    return decodeName(this.#memory.bulkBytes, 0, bytes)
  }

  setTimes(directory: number, name: Name, atime: Instant | null, mtime: Instant | null): void {
    const { first, struct } = this.#named(name, 'utimensat')
    const { longs } = this.#memory
    for (const [index, instant] of [atime, mtime].entries()) {
      longs[2 * index] = BigInt(instant?.seconds ?? 0)
      longs[2 * index + 1] = instant === null ? UTIME_OMIT : BigInt(instant.nanoseconds)
    }
    this.#check(this.#calls.utimensat(directory, first, struct, AT_SYMLINK_NOFOLLOW), 'utimensat', name)
  }

  setOwner(directory: number, name: Name, uid: number, gid: number): void {
    const { first } = this.#named(name, 'fchownat')
    this.#check(this.#calls.fchownat(directory, first, uid, gid, AT_SYMLINK_NOFOLLOW), 'fchownat', name)
  }

  setMode(directory: number, name: Name, mode: number): void {
    const { first } = this.#named(name, 'fchmodat')
    this.#check(this.#calls.fchmodat(directory, first, mode, AT_SYMLINK_NOFOLLOW), 'fchmodat', name)
  }

  filesystem(descriptor: number): Filesystem {
    this.#check(this.#calls.fstatfs(descriptor, this.#memory.struct), 'fstatfs')
    return readFilesystem(this.#memory)
  }

  #named(name: Name, syscall: string): LibcMemory {
    this.#memory.name(name, syscall)
    return this.#memory
  }

  #check(result: number, syscall: string, name?: Name): void {
    if (result !== 0) throw this.#library.failure(syscall, name)
  }
}

/** A string where the bytes are valid UTF-8, else a copy of them. */
function decodeName(bytes: Buffer, begin: number, end: number): Name {
  const text = bytes.toString('utf8', begin, end)
  if (!text.includes(REPLACEMENT) || isUtf8(bytes.subarray(begin, end))) return text
  return new Uint8Array(bytes.subarray(begin, end))
}

function entriesIn(bytes: Buffer, length: number): DirectoryEntry[] {
  const entries: DirectoryEntry[] = []
  for (let at = 0; at < length; ) {
    const next = at + bytes.readUInt16LE(at + DIRENT_LENGTH)
    const begin = at + DIRENT_NAME
    let end = begin
    while (end < next && bytes[end] !== 0) end += 1
    const name = decodeName(bytes, begin, end)
    if (name !== '.' && name !== '..')
      entries.push({ name, kind: DIRENT_KINDS.get(bytes[at + DIRENT_KIND] ?? 0) ?? null })
    at = next
  }
  return entries
}
