/**
 * Keeps daemons of one machine apart that would harm each other: two receivers on one target, and a target that equals,
 * contains or lies in the root of an agent or of another receiver, whichever starts second.
 *
 *   the root itself       locked exclusively
 *   directories above it  locked shared, by every path and mount by which they can be seen
 *
 * So a root conflicts with every daemon that has the same directory as its root or above its root, and neighbours do
 * not conflict. The locks are those of `tryLock`: nothing is written, nothing is left behind, and a container that
 * shares the volume is bound too. Agents only read, so agents do not conflict with each other; a join does not conflict
 * with a receiver, which may be the one that joins anew. A stranger's lock is ignored with a warning, see LockHolder. Not
 * covered: other machines that mount the same network filesystem; a root in which another filesystem is mounted whose own
 * directories are a root elsewhere; holders that came after a stranger's lock was ignored.
 */
import { type BigIntStats, closeSync, constants, existsSync, fstatSync, openSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import { chooseSystemCalls, type SystemCallsSetting } from './choose-system-calls.ts'
import { EXIT, errorCode, Failure } from './failure.ts'
import type { LockCalls } from './libc/system-calls.ts'
import { type LockHolder, lockHolders } from './lock-holders.ts'
import { type Mount, parseMounts, readMounts } from './mounts.ts'
import { tryLock } from './try-lock.ts'

const FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NONBLOCK
/** Directories such as /tmp, which others lock for a moment to clean them up. */
const STICKY_FOR_ALL = 0o1002n

export type RootRole = 'agent' | 'receiver' | 'join'

/** Whose roots are in the way of each. */
const MINDED: Record<RootRole, readonly LockHolder['role'][]> = {
  agent: ['receiver'],
  receiver: ['agent', 'receiver'],
  join: ['agent'],
}

export interface RootLockParts {
  role: RootRole
  systemCalls: SystemCallsSetting
  /** Something that the operator should know, and that does not stop the daemon. */
  warn(message: string, details: Record<string, unknown>): void
}

export class RootLock implements Disposable {
  readonly #descriptors: number[] = []
  readonly #path: string
  readonly #parts: RootLockParts
  readonly #locks: LockCalls | null

  /**
   * @param path absolute; when it does not exist yet, only the directories above it are locked
   * @throws Failure with one line when another daemon is in the way; the system error when it cannot be opened
   */
  constructor(path: string, parts: RootLockParts) {
    this.#path = path
    this.#parts = parts
    this.#locks = chooseSystemCalls(parts.systemCalls).calls.locks
    try {
      const there = existingPart(path)
      const root = realpathSync(there)
      const seen = new Set<string>()
      if (there === path) this.#hold(root, 'exclusive', seen)
      else this.#holdAbove(root, seen)
      for (const above of directoriesAbove(root, parseMounts(readMounts()))) this.#holdAbove(above, seen)
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  [Symbol.dispose](): void {
    for (const descriptor of this.#descriptors.splice(0)) closeSync(descriptor)
  }

  #holdAbove(directory: string, seen: Set<string>): void {
    try {
      this.#hold(directory, 'shared', seen)
    } catch (error) {
      // A directory that may not be read, or a place that a later mount covers: no other daemon of ours is harmed by
      // that.
      if (error instanceof Failure || errorCode(error) === null) throw error
    }
  }

  /** @throws Failure; the system error */
  #hold(directory: string, manner: 'shared' | 'exclusive', seen: Set<string>): void {
    const descriptor = openSync(directory, FLAGS)
    let isHeld = false
    try {
      const status = fstatSync(descriptor, { bigint: true })
      if (seen.has(identityOf(status))) return
      if (manner === 'shared' && (status.mode & STICKY_FOR_ALL) === STICKY_FOR_ALL) return
      seen.add(identityOf(status))
      const outcome = tryLock(descriptor, manner, this.#locks)
      isHeld = outcome === 'locked'
      if (outcome === 'held') this.#refuse(directory, manner, status)
      if (outcome === 'impossible' && manner === 'exclusive') {
        const why = 'neither libc nor a flock command can lock it, or its filesystem has no locks'
        this.#parts.warn('nothing keeps another daemon away from this root', { path: this.#path, why })
      }
    } finally {
      // A process that has a directory open is taken for a holder of its lock.
      if (isHeld) this.#descriptors.push(descriptor)
      else closeSync(descriptor)
    }
  }

  /** @throws Failure, unless no holder conflicts, or none counts */
  #refuse(directory: string, manner: 'shared' | 'exclusive', status: BigIntStats): void {
    const { role, warn } = this.#parts
    const holders = lockHolders(status)
    const counting = holders.filter((holder) => holder.counts)
    if (holders.length > 0 && counting.length === 0) {
      for (const { pid, uid } of holders)
        warn('a process of another user holds a lock on a directory, which is passed over', { directory, pid, uid })
      return
    }
    const minding = counting.filter((holder) => holder.role === null || MINDED[role].includes(holder.role))
    if (counting.length > 0 && minding.length === 0) return
    throw new Failure(EXIT.failed, conflict({ path: this.#path, directory, manner }, minding[0] ?? null))
  }
}

function conflict(
  { path, directory, manner }: { path: string; directory: string; manner: string },
  holder: LockHolder | null,
): string {
  const who = holder === null ? 'a process in another container' : `process ${holder.pid}`
  const other = `another rootferry ${holder?.role ?? 'daemon'} on this host (${who})`
  const is =
    manner === 'shared'
      ? `lies in ${directory}, which is served by ${other}`
      : `is served by ${other}, or holds a directory that is`

  return `${path} ${is}: no target may be, hold or lie in the root of another daemon`
}

function existingPart(path: string): string {
  return path === '/' || existsSync(path) ? path : existingPart(dirname(path))
}

function identityOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`
}

/**
 * Every directory above `path` except `/`, by all mounts through which it is visible; some may not exist.
 * @param path absolute, symlinks resolved
 */
export function directoriesAbove(path: string, mounts: readonly Mount[]): string[] {
  const found = new Set(ancestorsOf(path))
  const own = mounts.findLast(({ place }) => isBelow(path, place) && place === longestPlace(path, mounts))
  if (own !== undefined) {
    const inFilesystem = joined(own.part, path.slice(own.place === '/' ? 0 : own.place.length))
    for (const { device, part, place } of mounts) {
      if (device !== own.device || !isBelow(inFilesystem, part)) continue
      const seenAt = joined(place, inFilesystem.slice(part === '/' ? 0 : part.length))
      for (const ancestor of ancestorsOf(seenAt)) found.add(ancestor)
    }
  }
  found.delete(path)
  return [...found]
}

function longestPlace(path: string, mounts: readonly Mount[]): string {
  return mounts.reduce((best, { place }) => (isBelow(path, place) && place.length > best.length ? place : best), '/')
}

function ancestorsOf(path: string): string[] {
  const found: string[] = []
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1))
    found.push(path.slice(0, slash))
  return found
}

function isBelow(path: string, above: string): boolean {
  return path === above || above === '/' || path.startsWith(`${above}/`)
}

function joined(above: string, below: string): string {
  return above === '/' ? below || '/' : `${above}${below === '/' ? '' : below}`
}
