/**
 * Where local objects go that the agent never knew: moved, not deleted, and kept for some days.
 *
 *   <trash>/2026-01-31T08-15-00-000Z/<path below the root>
 *
 * One directory for each millisecond in which something was thrown away; a name that is taken there gets a suffix.
 */
import { Buffer } from 'node:buffer'
import {
  constants,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { errorCode } from '@rootferry/host'
import type { WorkArea } from './work-area.ts'

const DAY_MS = 86_400_000
const MOST_SUFFIXES = 10_000
/** Leaves room for a suffix below the 4,096 that Linux takes. */
const MOST_PATH_BYTES = 4_000

export class Trash {
  readonly #area: WorkArea
  readonly #keepDays: number
  readonly #now: () => number

  /** @param keepDays 0: what is thrown away is deleted at once */
  constructor(area: WorkArea, keepDays: number, now: () => number) {
    this.#area = area
    this.#keepDays = keepDays
    this.#now = now
  }

  /**
   * Moves the object at `location` away, with all below it.
   * @param path what it was called below the root; only for finding it again
   * @throws the system error; the object is then still where it was, or in part when it spans filesystems
   */
  take(location: string | Buffer, path: string): void {
    const base = this.#area.directory('trash')
    const batch = `${base}/${new Date(this.#now()).toISOString().replaceAll(/[:.]/g, '-')}`
    move(location, freeName(batch, path))
    if (this.#keepDays === 0) rmSync(batch, { recursive: true, force: true })
  }

  /** Deletes what was thrown away more than `keepDays` ago. @returns how many batches went */
  purge(): number {
    if (!this.#area.exists('trash')) return 0
    const base = this.#area.directory('trash')
    const horizon = this.#now() - this.#keepDays * DAY_MS
    let purged = 0
    for (const name of readdirSync(base)) {
      const status = lstatSync(`${base}/${name}`, { throwIfNoEntry: false })
      if (status === undefined || status.mtimeMs > horizon) continue
      rmSync(`${base}/${name}`, { recursive: true, force: true })
      purged += 1
    }
    return purged
  }
}

/** Where `path` is to be put below `batch`, its parents made: the first free one of place, place~1, place~2 … */
function freeName(batch: string, path: string): string {
  const wanted = makePlace(batch, path)
  for (let suffix = 0; suffix < MOST_SUFFIXES; suffix += 1) {
    const candidate = suffix === 0 ? wanted : `${wanted}~${suffix}`
    if (lstatSync(candidate, { throwIfNoEntry: false }) === undefined) return candidate
  }
  throw Object.assign(new Error(`EEXIST: no free name in the trash, '${wanted}'`), {
    code: 'EEXIST',
    syscall: 'rename',
  })
}

/** Without its parents when the whole is too long a path, or a parent's name is taken by a file of the same batch. */
function makePlace(batch: string, path: string): string {
  const place = `${batch}/${path}`
  if (Buffer.byteLength(place) <= MOST_PATH_BYTES) {
    try {
      mkdirSync(dirname(place), { recursive: true, mode: 0o700 })
      return place
    } catch (error) {
      const code = errorCode(error)
      if (code !== 'ENAMETOOLONG' && code !== 'ENOTDIR' && code !== 'EEXIST') throw error
    }
  }
  mkdirSync(batch, { recursive: true, mode: 0o700 })
  return `${batch}/displaced`
}

function move(from: string | Buffer, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if (errorCode(error) !== 'EXDEV') throw error
    moveAcross(from, to)
  }
}

/** For what lies on a filesystem of its own, or in a lower layer of an overlay: piece by piece. */
function moveAcross(from: string | Buffer, to: string): void {
  const status = lstatSync(from)
  if (status.isDirectory()) {
    mkdirSync(to, { mode: 0o700 })
    for (const name of readdirSync(from, { encoding: 'buffer' })) {
      move(Buffer.concat([Buffer.from(from), Buffer.from('/'), name]), `${to}/${name.toString('latin1')}`)
    }
    rmdirSync(from)
    return
  }
  if (status.isSymbolicLink()) symlinkSync(readlinkSync(from), to)
  else if (status.isFile()) copyFileSync(from, to, constants.COPYFILE_EXCL)
  unlinkSync(from)
}
