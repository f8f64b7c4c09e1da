/**
 * Where local objects go that the agent never knew: moved, not deleted, and kept for some days.
 *
 *   <trash>/2026-01-31T08-15-00-000Z/<path below the root>
 *
 * What is thrown away without a pause of OCCASION_MS lies in one directory, a batch; a name that is taken there gets a
 * suffix. Batches go when they are older than `keepDays`, and the oldest go first when all together hold more than
 * `maxBytes`. The latest batch stays whatever it holds: a mistake that empties a whole target can be undone.
 * SAFETY: what is thrown away can be a symlink that somebody planted, and later things may belong below its name. So a
 * batch, like the root, is entered by descriptors that follow no link; and only one that we made ourselves, because
 * inside the root others may have put something there while it was not ours.
 */

import { Buffer } from 'node:buffer'
import {
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import { Borders, ConfinedDirectories, errorCode, removeTree } from '@rootferry/host/machine'
import { parentPath, ROOT_PATH } from '@rootferry/protocol'
import type { TrashLimits, TrashStatus } from '../../root-messages.ts'
import type { WorkArea } from './work-area.ts'

const DAY_MS = 86_400_000
const OCCASION_MS = 600_000
const MOST_SUFFIXES = 10_000
/** Leaves room for a suffix below the 4,096 that Linux takes. */
const MOST_PATH_BYTES = 4_000

interface Batch {
  /** When something was last thrown into it. */
  lastMs: number
  bytes: number
  isOwn: boolean
}

export class Trash {
  readonly #area: WorkArea
  readonly #limits: TrashLimits
  readonly #now: () => number
  /** By name, oldest first; null: not looked at yet. */
  #batches: Map<string, Batch> | null = null
  /** Grows with everything that is thrown away. */
  changes = 0

  constructor(area: WorkArea, limits: TrashLimits, now: () => number) {
    this.#area = area
    this.#limits = limits
    this.#now = now
  }

  /** Absolute path of it all, whether it is there or not; null: what is thrown away is deleted at once. */
  get location(): string | null {
    return this.#limits.keepDays === 0 ? null : this.#area.location('trash')
  }

  /** Reads all of the trash when called for the first time. @throws the system error */
  get status(): TrashStatus {
    const batches = [...this.#read().values()]
    const bytes = batches.reduce((sum, batch) => sum + batch.bytes, 0)
    const oldest = batches[0]
    return { batches: batches.length, bytes, oldestAt: oldest ? new Date(oldest.lastMs).toISOString() : null }
  }

  /**
   * Moves the object at `location` away, with all below it.
   * @param path what it was called below the root; only for finding it again
   * @throws the system error; the object is then still where it was, or in part when it spans filesystems
   */
  take(location: string | Buffer, path: string): void {
    const batches = this.#read()
    const base = this.#area.directory('trash')
    const name = this.#openBatch(batches)
    using batch = this.#enter(`${base}/${name}`)
    const place = freeName(batch, path)
    move(location, place)
    this.changes += 1
    if (this.#limits.keepDays === 0) {
      removeTree(`${base}/${name}`)
      return
    }
    const bytes = (batches.get(name)?.bytes ?? 0) + bytesOf(place)
    batches.set(name, { lastMs: this.#now(), bytes, isOwn: true })
  }

  /**
   * Deletes what is too old, and the oldest of what is too much; never a batch in which another filesystem is mounted.
   * @returns how many batches went
   */
  purge(): number {
    const batches = this.#read()
    const horizon = this.#now() - this.#limits.keepDays * DAY_MS
    let bytes = [...batches.values()].reduce((sum, batch) => sum + batch.bytes, 0)
    let left = batches.size
    let purged = 0
    const mounted = batches.size === 0 ? null : new Borders(realpathSync(this.#area.directory('trash')))
    for (const [name, batch] of batches) {
      left -= 1
      if (batch.lastMs > horizon && (bytes <= this.#limits.maxBytes || left === 0)) continue
      if (mounted?.isAtOrBelow(name) === true) continue
      removeTree(`${this.#area.directory('trash')}/${name}`)
      batches.delete(name)
      bytes -= batch.bytes
      purged += 1
    }
    return purged
  }

  #openBatch(batches: Map<string, Batch>): string {
    const now = this.#now()
    const [name, latest] = [...batches].findLast(([, { isOwn }]) => isOwn) ?? []
    if (name !== undefined && latest !== undefined && now - latest.lastMs < OCCASION_MS) return name
    return new Date(now).toISOString().replaceAll(/[:.]/g, '-')
  }

  /** Makes the directory if need be. @throws EEXIST when something else has the name */
  #enter(location: string): ConfinedDirectories {
    try {
      mkdirSync(location, { mode: 0o700 })
    } catch (error) {
      const found = errorCode(error) === 'EEXIST' ? lstatSync(location, { throwIfNoEntry: false }) : undefined
      if (found === undefined || !this.#area.isOwnDirectory(found)) throw error
    }
    return new ConfinedDirectories(location, 'refused')
  }

  #read(): Map<string, Batch> {
    if (this.#batches !== null) return this.#batches
    const found: [string, Batch][] = []
    if (this.#area.exists('trash')) {
      const base = this.#area.directory('trash')
      for (const name of readdirSync(base)) {
        const status = lstatSync(`${base}/${name}`, { throwIfNoEntry: false })
        if (status === undefined) continue
        const isOwn = this.#area.isOwnDirectory(status)
        found.push([name, { lastMs: status.mtimeMs, bytes: bytesOf(`${base}/${name}`), isOwn }])
      }
    }
    this.#batches = new Map(found.sort(([, a], [, b]) => a.lastMs - b.lastMs))
    return this.#batches
  }
}

/** Content of a file, or of all files below a directory that can be read. */
function bytesOf(location: string | Buffer): number {
  try {
    const status = lstatSync(location)
    if (!status.isDirectory()) return status.isFile() ? status.size : 0
    const names = readdirSync(location, { encoding: 'buffer' })
    return names.reduce((sum, name) => sum + bytesOf(below(location, name)), 0)
  } catch (error) {
    const code = errorCode(error)
    if (code === 'EACCES' || code === 'ENOENT' || code === 'ENAMETOOLONG') return 0
    throw error
  }
}

function below(directory: string | Buffer, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(directory), Buffer.from('/'), name])
}

/** Where `path` is to be put in a batch, its parents made: the first free one of place, place~1, place~2 … */
function freeName(batch: ConfinedDirectories, path: string): string {
  const wanted = makeParents(batch, path) ? path : 'displaced'
  for (let suffix = 0; suffix < MOST_SUFFIXES; suffix += 1) {
    const candidate = batch.locate(suffix === 0 ? wanted : `${wanted}~${suffix}`)
    if (lstatSync(candidate, { throwIfNoEntry: false }) === undefined) return candidate
  }
  throw Object.assign(new Error(`EEXIST: no free name in the trash, '${wanted}'`), {
    code: 'EEXIST',
    syscall: 'rename',
  })
}

/** @returns false when the whole is too long a path, or a parent's name is taken by something else of the same batch */
function makeParents(batch: ConfinedDirectories, path: string): boolean {
  if (Buffer.byteLength(`${batch.rootPath}/${path}`) > MOST_PATH_BYTES) return false
  try {
    makeDirectory(batch, parentPath(path))
    return true
  } catch (error) {
    const code = errorCode(error)
    if (code !== 'ENAMETOOLONG' && code !== 'ENOTDIR' && code !== 'ELOOP') throw error
    return false
  }
}

/** @throws ENOTDIR when one of them is something else, a symlink to a directory for one */
function makeDirectory(batch: ConfinedDirectories, path: string): void {
  if (path === ROOT_PATH) return
  makeDirectory(batch, parentPath(path))
  try {
    mkdirSync(batch.locate(path), { mode: 0o700 })
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
  batch.locateDirectory(path)
}

function move(from: string | Buffer, to: string | Buffer): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if (errorCode(error) !== 'EXDEV') throw error
    moveAcross(from, to)
  }
}

/** For what lies on a filesystem of its own, or in a lower layer of an overlay: piece by piece, links not followed. */
function moveAcross(from: string | Buffer, to: string | Buffer): void {
  const status = lstatSync(from)
  if (status.isDirectory()) {
    mkdirSync(to, { mode: 0o700 })
    pinned(from, constants.O_DIRECTORY, (directory) => {
      pinned(to, constants.O_DIRECTORY, (place) => {
        for (const name of readdirSync(directory, { encoding: 'buffer' })) {
          move(below(directory, name), below(place, name))
        }
      })
    })
    rmdirSync(from)
    return
  }
  if (status.isSymbolicLink()) symlinkSync(readlinkSync(from), to)
  else if (status.isFile())
    pinned(from, constants.O_NONBLOCK, (file) => copyFileSync(file, to, constants.COPYFILE_EXCL))
  unlinkSync(from)
}

/** @param work gets a path that leads to the very object, whatever takes its name meanwhile */
function pinned(location: string | Buffer, flag: number, work: (path: string) => void): void {
  const descriptor = openSync(location, constants.O_RDONLY | constants.O_NOFOLLOW | flag)
  try {
    if (flag === constants.O_NONBLOCK && !fstatSync(descriptor).isFile()) return
    work(`/proc/self/fd/${descriptor}`)
  } finally {
    closeSync(descriptor)
  }
}
