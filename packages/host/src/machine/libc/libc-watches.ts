/** WatchCalls by glibc: inotify without a thread, and without an object for each watch. */
import { openSync } from 'node:fs'
import { constants } from 'node:os'
import type { LibcFunctions, LibcLibrary } from './libc-library.ts'
import { BULK_BYTES, type LibcMemory } from './libc-memory.ts'
import type { WatchCalls } from './system-calls.ts'
import { systemError } from './system-error.ts'

const { EAGAIN, EINTR, EINVAL } = constants.errno
/** Linux's; the same on amd64 and arm64. */
const O_CLOEXEC = 0o2000000
/** IN_CLOEXEC and IN_NONBLOCK. */
const FLAGS = 0o2004000
const POLLIN = 1
const ROOM = BigInt(BULK_BYTES)

export class LibcWatches implements WatchCalls {
  readonly #library: LibcLibrary
  readonly #calls: LibcFunctions
  readonly #memory: LibcMemory

  constructor(library: LibcLibrary, memory: LibcMemory) {
    this.#library = library
    this.#calls = library.functions
    this.#memory = memory
  }

  open(): number {
    const made = this.#calls.inotify_init1(FLAGS)
    if (made === -1) throw this.#library.failure('inotify_init1')
    try {
      // Node closes what it opened when the thread ends in whatever way, and thousands of watches with it.
      const descriptor = openSync('/dev/null', 'r')
      if (this.#calls.dup3(made, descriptor, O_CLOEXEC) === -1) throw this.#library.failure('dup3')
      return descriptor
    } finally {
      this.#calls.close(made)
    }
  }

  add(descriptor: number, location: string, mask: number): number {
    const path = this.#memory.path(location, 'inotify_add_watch')
    const watch = this.#calls.inotify_add_watch(descriptor, path, mask)
    if (watch === -1) throw this.#library.failure('inotify_add_watch', location)
    return watch
  }

  remove(descriptor: number, watch: number): void {
    if (this.#calls.inotify_rm_watch(descriptor, watch) === 0) return
    const errno = this.#library.errno()
    if (errno !== EINVAL) throw systemError(errno, 'inotify_rm_watch')
  }

  wait(descriptor: number, timeoutMs: number): boolean {
    // `struct pollfd`: descriptor(32) · events(16) · returned events(16).
    const { signedWords, struct } = this.#memory
    signedWords[0] = descriptor
    signedWords[1] = POLLIN
    const ready = this.#calls.poll(struct, 1n, timeoutMs)
    if (ready >= 0) return ready > 0
    const errno = this.#library.errno()
    if (errno === EINTR) return false
    throw systemError(errno, 'poll')
  }

  read(descriptor: number): Uint8Array<ArrayBuffer> {
    const bytes = Number(this.#calls.read(descriptor, this.#memory.bulk, ROOM))
    if (bytes >= 0) return new Uint8Array(this.#memory.bulkBytes.subarray(0, bytes))
    const errno = this.#library.errno()
    if (errno === EAGAIN || errno === EINTR) return new Uint8Array(0)
    throw systemError(errno, 'read')
  }
}
