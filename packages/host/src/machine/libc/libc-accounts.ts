/**
 * AccountCalls by glibc's name service switch.
 *
 *   struct passwd  name* · password* · uid(32) · gid(32) · …
 *   struct group   name* · password* · gid(32) · …
 *
 * The pointers lead into `bulk`, which the call gets for that purpose; a pointer elsewhere is not followed.
 */
import { constants } from 'node:os'
import type { LibcFunctions } from './libc-library.ts'
import { BULK_BYTES, type LibcMemory } from './libc-memory.ts'
import type { AccountCalls } from './system-calls.ts'
import { systemError } from './system-error.ts'

const { ENOENT, ESRCH, EBADF, EPERM } = constants.errno
const ROOM = BigInt(BULK_BYTES)
/**
 * Index of the 64-bit word behind the struct in which the call puts its result pointer, null when there is no such
 * account.
 */
const RESULT_INDEX = 32
/** Errors that mean that there is no such account; see getpwnam(3). */
const NOT_FOUND = new Set([0, ENOENT, ESRCH, EBADF, EPERM])
/** Index of a 32-bit word. */
const ID_INDEX = 4

export class LibcAccounts implements AccountCalls {
  readonly #calls: LibcFunctions
  readonly #memory: LibcMemory

  constructor(calls: LibcFunctions, memory: LibcMemory) {
    this.#calls = calls
    this.#memory = memory
  }

  userName(uid: number): string | null {
    const { struct, bulk, result } = this.#places()
    return this.#name(this.#calls.getpwuid_r(uid, struct, bulk, ROOM, result), 'getpwuid_r')
  }

  userId(name: string): number | null {
    const { struct, bulk, result } = this.#places()
    const first = this.#memory.path(name, 'getpwnam_r')
    return this.#id(this.#calls.getpwnam_r(first, struct, bulk, ROOM, result), 'getpwnam_r')
  }

  groupName(gid: number): string | null {
    const { struct, bulk, result } = this.#places()
    return this.#name(this.#calls.getgrgid_r(gid, struct, bulk, ROOM, result), 'getgrgid_r')
  }

  groupId(name: string): number | null {
    const { struct, bulk, result } = this.#places()
    const first = this.#memory.path(name, 'getgrnam_r')
    return this.#id(this.#calls.getgrnam_r(first, struct, bulk, ROOM, result), 'getgrnam_r')
  }

  #places(): { struct: bigint; bulk: bigint; result: bigint } {
    const { struct, bulk, longs } = this.#memory
    longs[RESULT_INDEX] = 0n
    return { struct, bulk, result: struct + BigInt(8 * RESULT_INDEX) }
  }

  #isFound(errno: number, syscall: string): boolean {
    if (!NOT_FOUND.has(errno)) throw systemError(errno, syscall)
    return errno === 0 && this.#memory.longs[RESULT_INDEX] !== 0n
  }

  #name(errno: number, syscall: string): string | null {
    if (!this.#isFound(errno, syscall)) return null
    const offset = (this.#memory.longs[0] ?? 0n) - this.#memory.bulk
    return offset < 0n || offset >= ROOM ? null : this.#memory.bulkText(Number(offset))
  }

  #id(errno: number, syscall: string): number | null {
    return this.#isFound(errno, syscall) ? (this.#memory.words[ID_INDEX] ?? null) : null
  }
}
