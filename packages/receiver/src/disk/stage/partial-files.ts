/**
 * Files too large for one segment, while their slices come in: one staging file each, kept across disconnects and
 * restarts.
 *
 *   slice 0 ─▶ p1: [0 … a)   slice a ─▶ p1: [0 … b)   …   change ─▶ size and digest checked, attributes set
 *
 * INVARIANT: the ledger's `bytes` of a partial is a boundary between slices up to which the file was written; bytes
 * beyond it are cut off before more are added. Nothing is trusted before the digest of the whole agrees.
 */
import assert from 'node:assert/strict'
import { closeSync, constants, existsSync, ftruncateSync, openSync, statSync } from 'node:fs'
import { removeTree } from '@rootferry/host/machine'
import { DigestStream, LIMITS, type Partial, ProtocolError, type Slice } from '@rootferry/protocol'
import type { WorkArea } from '../area/work-area.ts'
import { OtherBase } from '../files/base-file.ts'
import { fileDigest } from '../files/file-digest.ts'
import type { Walk } from '../files/walk.ts'
import { writeSparse } from '../files/write-sparse.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { PartialRow } from '../ledger/partial-rows.ts'

const NEW_MODE = 0o600

interface PartialFile {
  row: PartialRow
  /** Digest of all bytes so far, when all of them came through this process. */
  digest: DigestStream | null
  /** Whether a slice of the present changeset went into it. */
  isCurrent: boolean
  /** Whether some of it was copied from the file at the path, which may differ from the file that the agent knows. */
  isTold: boolean
}

export class PartialFiles {
  readonly #area: WorkArea
  readonly #ledger: Ledger
  /** In the order in which the last slice of each came. */
  readonly #files = new Map<string, PartialFile>()
  /** The agent builds on these. */
  #offered = new Set<string>()
  #numbers = 0

  /** Takes over the files of the last process; files that are not whole up to their boundary are dropped. */
  constructor(area: WorkArea, ledger: Ledger) {
    this.#area = area
    this.#ledger = ledger
    // Those of a series belong to its rows.
    for (const name of ledger.staged.names())
      if (name.startsWith('p')) this.#numbers = Math.max(this.#numbers, Number(name.slice(1)))
    for (const row of ledger.partials.all()) {
      this.#numbers = Math.max(this.#numbers, Number(row.staged.slice(1)))
      const location = area.exists('staging') ? this.#locate(row.staged) : null
      if (location !== null && existsSync(location) && statSync(location).size >= row.bytes) {
        this.#files.set(row.path, { row, digest: null, isCurrent: false, isTold: false })
      } else ledger.partials.drop(row.path)
    }
  }

  /** Names in staging that must be kept: those of a series as well. */
  stagedNames(): Set<string> {
    const names = this.#ledger.staged.names()
    for (const { row } of this.#files.values()) names.add(row.staged)
    return names
  }

  /** The partials that a hello offers to the agent of this epoch: of as many as it may name, the last ones. */
  offered(epoch: string | null): Partial[] {
    const ours = [...this.#files.values()].filter((file) => file.row.epoch === epoch && file.row.bytes > 0)
    const last = ours.slice(-LIMITS.partials)
    this.#offered = new Set(last.map(({ row }) => row.path))
    return last.map(({ row }) => ({ path: row.path, content: row.content, bytes: row.bytes }))
  }

  /** Forgets the partials of other epochs; their files go with the next tidying. */
  beginEpoch(epoch: string): void {
    for (const file of [...this.#files.values()]) if (file.row.epoch !== epoch) this.drop(file.row.path)
  }

  /**
   * Adds a slice. May be called again after a failure.
   * @param pieces its bytes in order; each is used before the next one is asked for
   * @throws ProtocolError when it does not continue the file so far; OtherBase when that is gone; the system error; any
   * error that `pieces` throws
   */
  append(epoch: string, slice: Slice, pieces: Iterable<Uint8Array>): void {
    if (slice.offset + slice.length > slice.size) throw mismatch('a slice reaches beyond its file')
    const file = slice.offset === 0 ? this.#begin(epoch, slice) : this.#files.get(slice.path)
    if (file === undefined || file.row.content !== slice.content || file.row.size !== slice.size) {
      throw mismatch('a slice of content that is not under way')
    }
    const { row: held } = file
    if (held.bytes < slice.offset) throw mismatch(`a slice at ${slice.offset}, ${held.bytes} are there`)
    // The last slice of a file always comes, also to receivers that have it: it is written over itself.
    if (held.bytes > slice.offset) file.digest = null
    if (slice.delta !== null) file.isTold = true
    // Restored when the whole slice was written.
    const { digest } = file
    file.digest = null
    // Somebody may have removed it: to the agent it is as if another base were here.
    if (slice.offset > 0 && !existsSync(this.#locate(held.staged))) throw new OtherBase('its beginning is gone')
    this.#write(held, slice.offset, pieces, digest)
    const row = { ...held, bytes: slice.offset + slice.length }
    assert.ok(row.bytes <= row.size, 'a boundary beyond the end of its file')
    this.#ledger.partials.save(row)
    file.row = row
    this.#files.delete(row.path)
    this.#files.set(row.path, file)
    file.isCurrent = true
    file.digest = digest
  }

  /**
   * Checks the whole file. A file that differs from the change is dropped, so that the next attempt starts anew.
   * @returns its name in staging; it stays a partial until `release`. Null when the local file was not its base, or when
   * somebody has removed it
   * @throws ProtocolError when all of it came from the agent
   */
  *complete(path: string, size: number, digest: string): Walk<string | null> {
    const file = this.#files.get(path)
    if (file === undefined || file.row.bytes !== size || file.row.size !== size) {
      throw mismatch('a sliced file that is not complete')
    }
    const location = this.#locate(file.row.staged)
    if (!existsSync(location)) {
      this.discard(path)
      return null
    }
    if (file.digest === null) this.#cut(location, size)
    const found = file.digest?.finish() ?? (yield* fileDigest(location, size))
    file.digest = null
    if (found !== digest) {
      this.discard(path)
      if (file.isTold) return null
      throw mismatch('the digest of a sliced file')
    }
    return file.row.staged
  }

  /**
   * The changeset with these changes is about to be committed, or to become part of a series.
   * @param isWhole false: only its beginning, so that others are still under way
   * @returns the partials that it uses or makes obsolete
   */
  release(changedPaths: Iterable<string>, isWhole = true): string[] {
    const released = new Set<string>()
    for (const path of changedPaths) if (this.#files.has(path)) released.add(path)
    if (isWhole) for (const [path, file] of this.#files) if (file.isCurrent) released.add(path)
    return [...released]
  }

  /** The intent that used them is recorded, and so is their end. */
  released(paths: readonly string[]): void {
    for (const path of paths) this.#files.delete(path)
  }

  /** The changeset in progress was dropped; its slices stay for the next attempt. */
  interrupt(): void {
    for (const file of this.#files.values()) {
      file.isCurrent = false
      file.digest = null
    }
  }

  /** Drops the partial of a path, and its file. */
  discard(path: string): void {
    const file = this.#files.get(path)
    if (file === undefined) return
    this.drop(path)
    removeTree(this.#locate(file.row.staged))
  }

  drop(path: string): void {
    this.#files.delete(path)
    this.#ledger.partials.drop(path)
  }

  #begin(epoch: string, slice: Slice): PartialFile {
    this.discard(slice.path)
    if (this.#files.size >= LIMITS.partials) this.#dropIdle()
    this.#numbers += 1
    const { path, content, size } = slice
    const row = { path, epoch, content, staged: `p${this.#numbers}`, bytes: 0, size }
    const file = { row, digest: new DigestStream(), isCurrent: true, isTold: false }
    this.#files.set(path, file)
    return file
  }

  /** Drops one that no hello has offered and no slice has come for. */
  #dropIdle(): void {
    for (const [path, { isCurrent }] of this.#files) {
      if (isCurrent || this.#offered.has(path)) continue
      this.drop(path)
      return
    }
  }

  #write({ staged }: PartialRow, offset: number, pieces: Iterable<Uint8Array>, digest: DigestStream | null): void {
    const location = this.#locate(staged)
    // An object that has the name by chance or by malice: neither written to nor waited for.
    if (offset === 0) removeTree(location)
    const isNew = offset === 0 ? constants.O_CREAT | constants.O_EXCL : constants.O_NONBLOCK
    const descriptor = openSync(location, constants.O_WRONLY | constants.O_NOFOLLOW | isNew, NEW_MODE)
    try {
      // A slice that comes again, or whose beginning a killed process has written, is written as a whole.
      ftruncateSync(descriptor, offset)
      let end = offset
      for (const piece of pieces) {
        writeSparse(descriptor, piece, end)
        end += piece.byteLength
        digest?.update(piece)
      }
      ftruncateSync(descriptor, end)
    } finally {
      closeSync(descriptor)
    }
  }

  /** Cuts off the bytes that a killed process had written beyond the boundary. */
  #cut(location: string, size: number): void {
    const descriptor = openSync(location, constants.O_WRONLY | constants.O_NOFOLLOW)
    try {
      ftruncateSync(descriptor, size)
    } finally {
      closeSync(descriptor)
    }
  }

  #locate(name: string): string {
    return `${this.#area.directory('staging')}/${name}`
  }
}

function mismatch(detail: string): ProtocolError {
  return new ProtocolError('content-mismatch', detail)
}
