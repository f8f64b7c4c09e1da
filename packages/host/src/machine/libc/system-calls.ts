/**
 * The system calls that Node lacks, or that cost half as much when they go through a descriptor: one interface, which
 * `libc` implements by calling glibc, and `portable` by node:fs and `/proc/self/fd`.
 *
 * Every call names a file as (descriptor of its directory, name in that directory), and no call follows a symlink in
 * that place. A name is one component: no slash, no NUL, not empty, not `..`; any other name is refused with EINVAL
 * before the kernel is asked, here and nowhere else. Errors have the shape of Node's own: `code`, `errno`, `syscall`
 * and `path`, which is the name.
 * A group of calls that an implementation does not have at all is null; a single call that it does not have throws
 * ENOSYS. Descriptors that `open` returned are closed by `close` of the same implementation, because Node warns about a
 * descriptor that a worker thread closes and that Node did not open.
 * INVARIANT: no result refers to memory that a later call overwrites.
 */

/** A string when the bytes are valid UTF-8; a call takes either form. */
export type Name = string | Uint8Array

export type FileKind = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'character-device' | 'block-device'

export interface Status {
  kind: FileKind
  /** Permissions, setuid, setgid and sticky: the lower twelve bits. */
  mode: number
  uid: number
  gid: number
  size: number
  links: number
  /** Units of 512 bytes that are allocated. */
  blocks: number
  /** Filesystems assign numbers above 2^53, where neighbours are equal as doubles. */
  inode: bigint
  /** As `dev` in fs.Stats: the kernel's device numbers have 32 bits. */
  device: number
  /** Differs where a mount begins, also a bind mount of the same filesystem; null where it is unknown. */
  mountId: bigint | null
  mtimeSeconds: number
  /** From 0 to 999,999,999, also before 1970. */
  mtimeNanoseconds: number
  ctimeSeconds: number
  ctimeNanoseconds: number
  /** null where the filesystem keeps no time of birth. */
  birthSeconds: number | null
  birthNanoseconds: number
}

export interface Instant {
  seconds: number
  /** From 0 to 999,999,999. */
  nanoseconds: number
}

export interface DirectoryEntry {
  name: Name
  /** null where the filesystem does not say: ask for the status. */
  kind: FileKind | null
}

export interface Filesystem {
  /** The magic number of the filesystem's type, from 0 to 2^32 - 1. */
  type: number
  blockBytes: number
  blocks: number
  /** Blocks that an ordinary user may still allocate. */
  availableBlocks: number
  inodes: number
  freeInodes: number
}

export interface PathCalls {
  /** `flags` as of node:fs; the descriptor is closed on exec. A directory's name may be `.`. */
  open(directory: number, name: Name, flags: number, mode?: number): number
  close(descriptor: number): void
  status(directory: number, name: Name): Status
  /** null when nothing is there: ENOENT or ENOTDIR. */
  statusIfAny(directory: number, name: Name): Status | null
  statusOf(descriptor: number): Status
  /**
   * In portions: a directory may have more entries than a thread can list in one turn. Without `.` and `..`, in no
   * order. `name` must be a directory itself, not a symlink; it is opened for the first portion. @throws when asked for
   * a portion
   */
  list(directory: number, name: Name): Generator<DirectoryEntry[], void>
  makeDirectory(directory: number, name: Name, mode: number): void
  /** `replace` is what rename does; `no-replace` throws EEXIST; `exchange` swaps the two. */
  rename(from: number, name: Name, to: number, newName: Name, manner: 'replace' | 'no-replace' | 'exchange'): void
  unlink(directory: number, name: Name): void
  removeDirectory(directory: number, name: Name): void
  /** A symlink is linked itself. */
  link(from: number, name: Name, to: number, newName: Name): void
  symlink(target: Name, directory: number, name: Name): void
  readLink(directory: number, name: Name): Name
  /** null leaves a time unchanged. `portable` is exact to the microsecond only, and sets both or neither. */
  setTimes(directory: number, name: Name, atime: Instant | null, mtime: Instant | null): void
  /** 2^32 - 1 leaves an owner unchanged. */
  setOwner(directory: number, name: Name, uid: number, gid: number): void
  /** A symlink has no mode: ENOTSUP. */
  setMode(directory: number, name: Name, mode: number): void
  filesystem(descriptor: number): Filesystem
}

/**
 * Extended attributes, POSIX ACLs (`system.posix_acl_access`) and security labels among them. With a name, the
 * attributes of that entry of the directory, which need not be readable; with null, those of the open object itself,
 * also of one that was opened with O_PATH.
 */
export interface AttributeCalls {
  /** The names, in no order. */
  list(descriptor: number, name: Name | null): string[]
  /** null when there is no such attribute. */
  get(descriptor: number, name: Name | null, attribute: string): Uint8Array | null
  set(descriptor: number, name: Name | null, attribute: string, value: Uint8Array, manner: 'any' | 'new' | 'old'): void
  /** It is no error when there is no such attribute. */
  remove(descriptor: number, name: Name | null, attribute: string): void
}

/** Ranges of open files, in bytes. */
export interface RangeCalls {
  /**
   * Copies within the kernel. @returns the number of bytes, which may be smaller than asked; 0 at the end of the source
   */
  copy(from: number, fromOffset: number, to: number, toOffset: number, length: number): number
  /** Shares the blocks; a length of 0 means to the end. ENOTSUP, EXDEV or EINVAL where that is impossible. */
  clone(from: number, fromOffset: number, to: number, toOffset: number, length: number): void
  /** `reserve` keeps the size, `punch` makes a hole. */
  allocate(descriptor: number, manner: 'reserve' | 'punch', offset: number, length: number): void
  /** The place of the next data or hole at or behind the offset; null: only a hole follows, or the end. */
  seek(descriptor: number, what: 'data' | 'hole', offset: number): number | null
  /**
   * Whether any page of the range is in memory; true where this process may not know. The range begins at a multiple of
   * 64 KiB, and has at most 256 MiB.
   */
  isCached(descriptor: number, offset: number, length: number): boolean
  /** A length of 0 means to the end. */
  advise(descriptor: number, advice: 'sequential' | 'will-need' | 'dont-need', offset: number, length: number): void
  /** Writes everything of the file's filesystem to its disk; returns when it is there. */
  syncFilesystem(descriptor: number): void
}

/** inotify: a descriptor that reports changes in directories. The mask's bits are in inotify-events.ts. */
export interface WatchCalls {
  /** The descriptor is Node's own: closeSync of node:fs closes it, or the end of the thread. */
  open(): number
  /** @param location a path: inotify has no call by descriptor. @returns the watch's number, the same for the same inode */
  add(descriptor: number, location: string, mask: number): number
  /** It is no error when there is no such watch: the kernel ends one by itself when its directory is deleted. */
  remove(descriptor: number, watch: number): void
  /** Blocks the thread. @returns whether there is something to read */
  wait(descriptor: number, timeoutMs: number): boolean
  /** @returns whole events, a copy; empty when there are none now */
  read(descriptor: number): Uint8Array<ArrayBuffer>
}

/** Accounts as every program of this machine sees them: files, LDAP, SSSD. May block for as long as a server takes. */
export interface AccountCalls {
  userName(uid: number): string | null
  userId(name: string): number | null
  groupName(gid: number): string | null
  groupId(name: string): number | null
}

export interface LockCalls {
  /** Held until the file is closed, by every descriptor that came from this one. @returns whether it was free */
  tryLock(descriptor: number, manner: 'shared' | 'exclusive'): boolean
  unlock(descriptor: number): void
}

export interface SystemCalls {
  readonly kind: 'libc' | 'portable'
  readonly paths: PathCalls
  readonly attributes: AttributeCalls | null
  readonly ranges: RangeCalls | null
  readonly watches: WatchCalls | null
  readonly accounts: AccountCalls | null
  readonly locks: LockCalls | null
}
