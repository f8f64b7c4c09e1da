/**
 * Makes committed changes survive a loss of power, in the background and never on the way to visible.
 *
 * A few paths are synced one by one with their directories, more by one `sync -f` of the filesystem: a process, because
 * a thread that is in a call of libc cannot be left behind at the end. One round at a time; commits made meanwhile go into the next round. A filesystem below the root that cannot
 * be synced is told of and does not hold up the others: what is on it is as safe as it can make it.
 */
import { execFile } from 'node:child_process'
import { closeSync, constants, fsync, openSync } from 'node:fs'
import { promisify } from 'node:util'
import { type ConfinedDirectories, errorCode, plainMessage, printable } from '@rootferry/host/machine'
import { parentPath, ROOT_PATH } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import { isBorderTrouble, isRace } from '../files/disk-errors.ts'
import type { Untouchable } from '../files/untouchable.ts'
import type { Position } from '../ledger/ledger.ts'
import { syncStaged } from './presync.ts'

const SETTLE_MS = 200
const RETRY_MS = 30_000
/** The end of a process waits for its disk no longer than this. */
const FLUSH_MS = 3_000
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

const syncDescriptor = promisify(fsync)
const run = promisify(execFile)

export interface DurabilityParts {
  confined: ConfinedDirectories
  /** Other filesystems that are mounted below the root: each is synced by itself. */
  untouchable: Pick<Untouchable, 'borders' | 'borderOf' | 'isAcrossBorder'>
  /** Calls back once after this many milliseconds, unless everything is closed by then. */
  schedule(ms: number, act: () => void): void
  /** How many commits the ledger has recorded. */
  commits(): number
  /** Everything up to here is on disk, with all that the first so many commits had changed. */
  synced(position: Position, commits: number): void
  failed(message: string): void
  /** What is on the filesystem that is mounted at the path, which is for people, could not be synced. */
  leftOut(border: { path: string; error: string }): void
}

export class Durability {
  readonly #parts: DurabilityParts
  #position: Position | null = null
  /** Paths committed since the last round; null: too many to list. */
  #paths: Set<string> | null = new Set()
  /** Commits of which the paths are known here. */
  #commits = 0
  #isScheduled = false
  #round: Promise<boolean> | null = null
  /** Filesystems that could not be synced in the last round that tried to. */
  readonly #leftOut = new Set<string>()

  constructor(parts: DurabilityParts) {
    this.#parts = parts
  }

  /** @param position the target's position now, null when it has none (during a resync) */
  committed(paths: Iterable<string>, position: Position | null): void {
    for (const path of paths) {
      if (this.#paths === null) break
      this.#paths.add(path)
      if (this.#paths.size > BOUNDS.singleSyncs) this.#paths = null
    }
    this.#commits = this.#parts.commits()
    if (position === null) return
    this.#position = position
    this.#schedule(SETTLE_MS)
  }

  /** The tree was changed in more places than are known. */
  committedMuch(position: Position): void {
    this.#paths = null
    this.committed([], position)
  }

  /**
   * Syncs the rest, which a slow disk may not end in time.
   * @param isStaged whether something is staged, on the root's filesystem, that the next process goes on with
   * @returns whether that, and everything committed, is on disk
   */
  async flush(isStaged: boolean): Promise<boolean> {
    const isLate = Promise.withResolvers<boolean>()
    this.#parts.schedule(FLUSH_MS, () => isLate.resolve(false))
    const staged = isStaged ? syncStaged(this.#parts.confined.locateDirectory(ROOT_PATH)) : true
    const all = Promise.all([this.#syncRest(), staged])
    return Promise.race([all.then((synced) => synced.every(Boolean)), isLate.promise])
  }

  async #syncRest(): Promise<boolean> {
    if (this.#round !== null) await this.#round
    return this.#position === null ? this.#paths?.size === 0 : this.#sync()
  }

  #schedule(ms: number): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#parts.schedule(ms, () => {
      this.#isScheduled = false
      if (this.#round !== null || this.#position === null) return
      this.#round = this.#sync()
      void this.#round.then((isSynced) => {
        this.#round = null
        if (this.#position !== null) this.#schedule(isSynced ? SETTLE_MS : RETRY_MS)
      })
    })
  }

  /** Never throws: paths that fail are kept for a later round. */
  async #sync(): Promise<boolean> {
    const position = this.#position
    if (position === null) return true
    const paths = this.#paths
    const commits = this.#commits
    this.#position = null
    this.#paths = new Set()
    try {
      if (paths === null || !(await this.#syncEach(paths))) await this.#syncAll()
      this.#parts.synced(position, commits)
      return true
    } catch (error) {
      this.#paths = null
      this.#position ??= position
      this.#parts.failed(plainMessage(error))
      return false
    }
  }

  async #syncAll(): Promise<void> {
    // A directory that is held open, wherever its path leads by now: the child enters it before it becomes `sync`.
    const { confined, untouchable } = this.#parts
    await run('sync', ['-f', '.'], { cwd: confined.locateDirectory(ROOT_PATH) })
    for (const border of untouchable.borders) {
      try {
        await run('sync', ['-f', '.'], { cwd: confined.locateDirectory(border) })
        this.#leftOut.delete(border)
      } catch (error) {
        this.#leaveOut(border, error)
      }
    }
  }

  /** @returns false when one cannot be opened to be synced */
  async #syncEach(paths: ReadonlySet<string>): Promise<boolean> {
    const targets = new Set(paths)
    for (const path of paths) if (path !== ROOT_PATH) targets.add(parentPath(path))
    const opened: { path: string; descriptor: number }[] = []
    try {
      for (const path of targets) {
        const descriptor = this.#open(path)
        if (descriptor !== null) opened.push({ path, descriptor })
      }
      // Directories that were opened for this must not stay open: they may be moved away by then.
      this.#parts.confined.release()
      await Promise.all(opened.map(({ path, descriptor }) => this.#syncOne(path, descriptor)))
      return true
    } catch (error) {
      if (errorCode(error) === 'EACCES') return false
      throw error
    } finally {
      for (const { descriptor } of opened) closeSync(descriptor)
    }
  }

  async #syncOne(path: string, descriptor: number): Promise<void> {
    try {
      await syncDescriptor(descriptor)
    } catch (error) {
      if (!isBorderTrouble(error, path, this.#parts.untouchable)) throw error
      this.#leaveOut(path, error)
    }
  }

  /** @returns null for a path without content to sync: gone by now, or a symlink */
  #open(path: string): number | null {
    try {
      return openSync(this.#parts.confined.locate(path), READ_FLAGS)
    } catch (error) {
      if (isRace(error) || errorCode(error) === 'ENXIO') return null
      if (!isBorderTrouble(error, path, this.#parts.untouchable)) throw error
      this.#leaveOut(path, error)
      return null
    }
  }

  /** Told once for each filesystem, until it can be synced again. */
  #leaveOut(path: string, error: unknown): void {
    const border = this.#parts.untouchable.borderOf(path) ?? path
    if (!this.#leftOut.has(border)) this.#parts.leftOut({ path: printable(border), error: plainMessage(error) })
    this.#leftOut.add(border)
  }
}
