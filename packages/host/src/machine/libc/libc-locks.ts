/** LockCalls by glibc: flock(2), which belongs to the open file and so also keeps threads of one process apart. */
import { constants } from 'node:os'
import type { LibcLibrary } from './libc-library.ts'
import type { LockCalls } from './system-calls.ts'
import { systemError } from './system-error.ts'

const { EWOULDBLOCK } = constants.errno
const LOCKS = { shared: 1, exclusive: 2 } as const
const WITHOUT_WAITING = 4
const UNLOCK = 8

export class LibcLocks implements LockCalls {
  readonly #library: LibcLibrary

  constructor(library: LibcLibrary) {
    this.#library = library
  }

  tryLock(descriptor: number, manner: keyof typeof LOCKS): boolean {
    if (this.#library.functions.flock(descriptor, LOCKS[manner] | WITHOUT_WAITING) === 0) return true
    const errno = this.#library.errno()
    if (errno === EWOULDBLOCK) return false
    throw systemError(errno, 'flock')
  }

  unlock(descriptor: number): void {
    if (this.#library.functions.flock(descriptor, UNLOCK) !== 0) throw this.#library.failure('flock')
  }
}
