/**
 * The files of one changeset that the disk has no room for. Each is tried for a while; then its path is owed, so that
 * everything else in the changeset, deletions among it, does not wait for it.
 */
import { errorCode, plainMessage, printable } from '@rootferry/host/machine'
import type { PathProblem } from '../../root-messages.ts'
import { explained } from './full-disk.ts'
import type { LackOfRoom, Room } from './room.ts'

/** With the pauses between them half a minute. */
const MOST_TRIES = 5

/** Said before the disk says so, and with numbers. */
class NoRoom extends Error {
  override name = 'NoRoom'
  readonly code = 'ENOSPC'
  readonly syscall = 'write'
}

export class LackingRoom {
  /** Paths that the changeset leaves owed for want of room. */
  readonly unfit: PathProblem[] = []
  readonly #room: Room
  readonly #given = new Map<string, LackOfRoom>()

  constructor(room: Room) {
    this.#room = room
  }

  /** Whether the path was given up. */
  has(path: string): boolean {
    return this.#given.has(path)
  }

  /** @throws ENOSPC when a file of so many bytes would go into the reserve */
  insist(path: string, bytes: number): void {
    const lack = this.#room.lackFor(path, bytes)
    if (lack === null) return
    throw new NoRoom(`ENOSPC: ${printable(path)} ${lack.message}`)
  }

  /** Before the first slice of a large file. @returns whether it was given up at once */
  giveUpUnlessFits(path: string, bytes: number): boolean {
    const lack = this.#room.lackFor(path, bytes)
    if (lack !== null) this.#given.set(path, lack)
    return lack !== null
  }

  /** Content of the path could not be staged. @throws the error, to be tried again, unless the path is given up */
  giveUp(path: string, error: unknown, tries: number): void {
    if (!isLackOfRoom(error)) throw error
    if (tries <= MOST_TRIES && this.#given.size === 0) throw error
    this.#room.wasLacking(path)
    const lack = { code: error.code, message: plainMessage(error) }
    this.#given.set(path, error instanceof NoRoom ? lack : explained(lack, this.#room))
  }

  /** The change of the path has come. @returns whether the path is owed because there is no room for it */
  owes(path: string): boolean {
    const lack = this.#given.get(path)
    if (lack !== undefined) this.unfit.push({ path, ...lack })
    return lack !== undefined
  }
}

export function isLackOfRoom(error: unknown): error is { code: LackOfRoom['code'] } {
  const code = errorCode(error)
  return code === 'ENOSPC' || code === 'EDQUOT'
}
