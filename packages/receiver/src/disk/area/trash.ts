/**
 * The trash: local objects that the agent never knew are moved here instead of being deleted, and kept for some days.
 *
 *   <trash>/2026-01-31T08-15-00-000Z/<path below the root>
 *
 * Objects that are thrown away without a pause of OCCASION_MS are in one directory, a batch; a name that is taken there
 * gets a suffix. Batches are deleted when they are older than `keepDays`, and the oldest go first when all together
 * hold more than `maxBytes`. The latest batch stays whatever its size, so that a mistake that empties a whole target
 * can be undone. The time of a batch's directory says when something was last thrown into it; when the clock was set
 * forward, the batches are moved along, and one from the future counts from now. Throwing away is one rename; its size
 * is measured afterwards, by a walk that gives way. From another filesystem it is a copy, which is on the disk before the
 * original goes.
 * SAFETY: a planted symlink may be thrown away, and later objects may belong below its name. So a batch, like the root,
 * is entered by descriptors that follow no link; and only a batch that this receiver made itself, because inside the
 * root others may have put something there before.
 */

import { Buffer } from 'node:buffer'
import { lstatSync, mkdirSync, readdirSync, realpathSync, rmdirSync, unlinkSync, utimesSync } from 'node:fs'
import { Borders, ConfinedDirectories, errorCode, plainMessage, syncDirectory } from '@rootferry/host/machine'
import { parentPath, ROOT_PATH } from '@rootferry/protocol'
import type { PathProblem, TrashLimits, TrashStatus } from '../../root-messages.ts'
import { batchName } from '../../trash-names.ts'
import type { Locate } from '../files/copy-object.ts'
import { isSystemError } from '../files/disk-errors.ts'
import type { Walk } from '../files/walk.ts'
import { Demolition } from './demolition.ts'
import { isStill, keepObject, move, type Settling, type Taking } from './move.ts'
import { type FreePlace, freePlace } from './place-in-batch.ts'
import type { WallClock } from './wall-clock.ts'
import type { WorkArea } from './work-area.ts'

const DAY_MS = 86_400_000
const OCCASION_MS = 600_000

interface Batch {
  /** When the last object was thrown into it. */
  lastMs: number
  /** Bytes, as far as they were measured. */
  bytes: number
  isOwn: boolean
}

/** An object in a batch. */
interface Taken {
  name: string
  place: string
}

export interface Purged {
  /** How many batches were deleted. */
  batches: number
  /** Objects that could not be deleted, by their names in the trash; the next purge tries again. */
  withstood: PathProblem[]
}

export class Trash {
  readonly #area: WorkArea
  readonly #limits: TrashLimits
  readonly #clock: Pick<WallClock, 'now' | 'setForwardMs'>
  readonly #demolition: Demolition
  readonly #syncAll: Settling['all']
  /** By name, oldest first; null: not read yet. */
  #batches: Map<string, Batch> | null = null
  /** Objects whose size was not measured yet; `place` is below the trash. */
  #unmeasured: { batch: string; place: Buffer }[] = []
  /** Counts every object that was thrown away. */
  changes = 0

  constructor(
    area: WorkArea,
    limits: TrashLimits,
    clock: Pick<WallClock, 'now' | 'setForwardMs'>,
    syncAll: Settling['all'] = null,
  ) {
    this.#syncAll = syncAll
    this.#area = area
    this.#limits = limits
    this.#clock = clock
    this.#demolition = new Demolition(() => area.directory('trash'))
  }

  /** Absolute path of the trash, whether or not it exists; null: thrown-away objects are deleted. */
  get location(): string | null {
    return this.#limits.keepDays === 0 ? null : this.#area.location('trash')
  }

  /** As far as the trash was measured. @throws the system error */
  get status(): TrashStatus {
    const batches = [...this.#read().values()]
    const bytes = batches.reduce((sum, batch) => sum + batch.bytes, 0)
    const oldest = batches[0]
    return { batches: batches.length, bytes, oldestAt: oldest ? new Date(oldest.lastMs).toISOString() : null }
  }

  /**
   * Moves the object at `location` away, with everything below it: in one step, or in turns when it is on another
   * filesystem.
   * @param path its name below the root; used only to find it again
   * @param taking wraps the call by which the object is gone from its place
   * @throws the system error; the object is then still in its place, or partly so when it spans filesystems
   */
  *throwAway(location: Locate, path: string, taking?: Taking): Walk<void> {
    yield* this.#take(path, (place, settling) => move(location, place, settling, taking))
  }

  /**
   * Keeps the file or symlink at `location`, which is about to be replaced: it stays where it is until then, unless there
   * is no other way than to move it. An object of another kind is not kept.
   * @returns to be called when it was not replaced after all: as long as it is in its place, the copy goes
   * @throws the system error
   */
  *keep(location: Locate, path: string): Walk<() => void> {
    if (this.#limits.keepDays === 0) return () => undefined
    const before = lstatSync(location())
    const kept = yield* this.#take(path, (place, settling) => keepObject(location, place, settling))
    return () => {
      try {
        if (isStill(location, before)) this.#takeBack(kept)
      } catch (error) {
        // A copy too many.
        if (!isSystemError(error)) throw error
      }
    }
  }

  /** @throws the system error when something else is in the batch, or in a directory that was made there */
  #takeBack({ name, place }: Taken): void {
    const batches = this.#read()
    const location = `${this.#area.directory('trash')}/${name}`
    using batch = this.#enter(location)
    const { size } = lstatSync(batch.locate(place))
    unlinkSync(batch.locate(place))
    const known = batches.get(name)
    const unmeasured = this.#unmeasured.filter(
      (one) => one.batch !== name || !one.place.equals(placeBelow(name, place)),
    )
    if (known !== undefined && unmeasured.length === this.#unmeasured.length) known.bytes -= size
    this.#unmeasured = unmeasured
    for (let at = parentPath(place); at !== ROOT_PATH; at = parentPath(at)) {
      batch.forget(at)
      rmdirSync(batch.locate(at))
    }
    rmdirSync(location)
    this.#forget(name, batches)
  }

  *#take(path: string, put: (place: Locate, settling: Settling) => Walk<void>): Walk<Taken> {
    const batches = this.#read()
    const name = this.#batchNow(batches)
    using batch = this.#enter(`${this.#area.directory('trash')}/${name}`)
    const free = freePlace(batch, path)
    const { place } = free
    yield* put(() => batch.locate(place), this.#settling(batch, free, batches.has(name)))
    this.changes += 1
    const lastMs = this.#clock.now()
    batches.set(name, { lastMs, bytes: batches.get(name)?.bytes ?? 0, isOwn: true })
    stamp(`${this.#area.directory('trash')}/${name}`, lastMs)
    this.#unmeasured.push({ batch: name, place: placeBelow(name, place) })
    if (this.#limits.keepDays === 0) this.#doom(name, batches)
    return { name, place }
  }

  #settling(batch: ConfinedDirectories, { place, hasNewParents }: FreePlace, isKnown: boolean): Settling {
    const name = () => {
      let at = parentPath(place)
      syncDirectory(batch.locateDirectory(at))
      if (isKnown && !hasNewParents) return
      for (; at !== ROOT_PATH; at = parentPath(at)) syncDirectory(batch.locateDirectory(parentPath(at)))
      this.#area.sync('trash')
    }
    return { name, all: this.#syncAll }
  }

  /** Measures the objects that were not measured yet, as far as they can be read. */
  *measure(): Walk<void> {
    this.#read()
    for (let next = this.#unmeasured[0]; next !== undefined; next = this.#unmeasured[0]) {
      const bytes = yield* this.#bytesOf(next.place)
      const batch = this.#batches?.get(next.batch)
      if (batch !== undefined) batch.bytes += bytes
      this.#unmeasured.shift()
    }
  }

  /**
   * Deletes batches that are too old, and the oldest while there is too much; never a batch in which another filesystem
   * is mounted. A batch that cannot be deleted holds up no other.
   * @throws the system error when the trash cannot be listed
   */
  *purge(): Walk<Purged> {
    const batches = this.#read()
    yield* this.measure()
    this.#followClock(batches)
    const horizon = this.#clock.now() - this.#limits.keepDays * DAY_MS
    let bytes = [...batches.values()].reduce((sum, batch) => sum + batch.bytes, 0)
    let left = batches.size
    const purged: Purged = { batches: 0, withstood: [] }
    const withstands = (path: string, error: unknown) => {
      const code = errorCode(error) ?? 'unknown'
      purged.withstood.push({ path, code, message: plainMessage(error) })
    }
    const mounted = batches.size === 0 ? null : new Borders(realpathSync(this.#area.directory('trash')))
    for (const [name, batch] of batches) {
      left -= 1
      if (batch.lastMs > horizon && (bytes <= this.#limits.maxBytes || left === 0)) continue
      if (mounted?.isAtOrBelow(name) === true) continue
      try {
        this.#doom(name, batches)
        bytes -= batch.bytes
        purged.batches += 1
      } catch (error) {
        if (!isSystemError(error)) throw error
        // Somebody else has removed it.
        if (errorCode(error) === 'ENOENT') this.#forget(name, batches)
        else withstands(name, error)
      }
    }
    for (const { name, error } of yield* this.#demolition.run()) withstands(name, error)
    return purged
  }

  /** Nothing gets older by a clock that is set. */
  #followClock(batches: ReadonlyMap<string, Batch>): void {
    const setForwardMs = this.#clock.setForwardMs()
    const now = this.#clock.now()
    for (const [name, batch] of batches) {
      const lastMs = Math.min(batch.lastMs + setForwardMs, now)
      if (lastMs === batch.lastMs) continue
      batch.lastMs = lastMs
      if (batch.isOwn) stamp(`${this.#area.directory('trash')}/${name}`, lastMs)
    }
  }

  #doom(name: string, batches: Map<string, Batch>): void {
    this.#demolition.doom(name)
    this.#forget(name, batches)
  }

  #forget(name: string, batches: Map<string, Batch>): void {
    batches.delete(name)
    this.#unmeasured = this.#unmeasured.filter(({ batch }) => batch !== name)
  }

  #batchNow(batches: Map<string, Batch>): string {
    const now = this.#clock.now()
    const [name, latest] = [...batches].findLast(([, { isOwn }]) => isOwn) ?? []
    if (name !== undefined && latest !== undefined && now - latest.lastMs < OCCASION_MS) return name
    return batchName(now)
  }

  /** Makes the directory if needed. @throws EEXIST when another object has the name */
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
    const names = this.#area.exists('trash') ? readdirSync(this.#area.directory('trash')) : []
    for (const name of names) {
      const status = lstatSync(`${this.#area.directory('trash')}/${name}`, { throwIfNoEntry: false })
      if (status === undefined) continue
      if (Demolition.isDoomed(name)) this.#demolition.takeOver(name)
      else found.push([name, { lastMs: status.mtimeMs, bytes: 0, isOwn: this.#area.isOwnDirectory(status) }])
    }
    this.#unmeasured = found.map(([name]) => ({ batch: name, place: Buffer.from(name) }))
    this.#batches = new Map(found.sort(([, a], [, b]) => a.lastMs - b.lastMs))
    return this.#batches
  }

  /** Bytes of a file, or of all readable files below a directory. */
  *#bytesOf(place: Buffer): Walk<number> {
    let bytes = 0
    const waiting = [place]
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      yield
      try {
        const location = Buffer.concat([Buffer.from(`${this.#area.directory('trash')}/`), at])
        const status = lstatSync(location)
        if (status.isFile()) bytes += status.size
        if (!status.isDirectory()) continue
        const parent = Buffer.concat([at, Buffer.from('/')])
        for (const name of readdirSync(location, { encoding: 'buffer' })) waiting.push(Buffer.concat([parent, name]))
      } catch (error) {
        if (!isSystemError(error)) throw error
      }
    }
    return bytes
  }
}

/** The place of an object below the trash. */
function placeBelow(batch: string, place: string): Buffer {
  return Buffer.from(`${batch}/${place}`)
}

/** So that another process knows when something was last thrown into it. */
function stamp(batch: string, ms: number): void {
  try {
    utimesSync(batch, ms / 1_000, ms / 1_000)
  } catch (error) {
    // This process knows it anyway.
    if (!isSystemError(error)) throw error
  }
}
