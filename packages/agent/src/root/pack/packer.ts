/**
 * The packer turns index rows into changesets: it plans one, then packs its segments when somebody asks for them.
 *
 * INVARIANT: what is sent of a file is a version the file had, attributes and bytes together. When a file is no longer
 * what the index says, the present version is sent and a hint raised; when its bytes cannot be had (gone, unreadable,
 * somebody keeps writing), its row is deferred: it leaves this changeset and comes again with a later sequence.
 * Plans are shared by all receivers at the same cursor; every segment can be packed again at any time.
 */

import { randomInt } from 'node:crypto'
import { type Accounts, type ConfinedDirectories, errorCode, plainMessage, Refusal } from '@rootferry/host/machine'
import {
  type Change,
  carriedBytes,
  digestOf,
  encodeMessage,
  LIMITS,
  type Segment,
  SLICE_ENTRY,
  type Want,
} from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { PackedSegment, PlanSummary } from '../../root-messages.ts'
import { ChunkStream } from '../delta/chunk-stream.ts'
import type { EntryIndex } from '../index/entry-index.ts'
import type { IndexedEntry, Observation } from '../index/indexed-entry.ts'
import { type ReadFault, readWhole, type WholeRead } from '../scan/content-reader.ts'
import { lookAt } from '../scan/observe.ts'
import { isSameVersion } from '../scan/same-version.ts'
import { type Turn, TurnsEnded } from '../turn.ts'
import { EMPTY_ARCHIVE, layOut, type Planned, type PlannedSegment } from './changeset-plan.ts'
import { compressSegment } from './compression.ts'
import { hasChunks, LargeFiles } from './large-files.ts'
import { Learnt } from './learnt-content.ts'
import { OwnerNaming } from './owner-names.ts'
import { SegmentWriter } from './segment-writer.ts'
import { SlabPool } from './slab-pool.ts'
import { type FileAccess, SlicedFile } from './sliced-file.ts'

export interface PackerEvents {
  /** A file is not what its row says: look at it again. */
  stale(path: string): void
  /** A row was deferred; `fault` says when to try again. */
  deferred(path: string, fault: ReadFault['fault'], message: string): void
}

export interface PackerParts {
  directories: ConfinedDirectories
  index: EntryIndex
  accounts: Accounts
  events: PackerEvents
  nowMs: () => number
  /** Shared by all that is packed, planned and listed. */
  turn: Turn
}

/** Unique beyond one packer and one thread: whoever still holds a plan of another must not be taken for ours. */
let nextPlanId = randomInt(2 ** 40)

interface Plan {
  summary: PlanSummary
  rows: Planned[]
  segments: PlannedSegment[]
  sliced: Map<number, SlicedFile>
  copies: Map<number, string>
  held: ReadonlySet<Planned>
}

const NONE: ReadonlySet<Planned> = new Set()

export class Packer {
  readonly #parts: PackerParts
  readonly #plans = new Map<number, Plan>()
  readonly #learnt = new Learnt()
  readonly #large: LargeFiles
  readonly #slabs = new SlabPool()

  constructor(parts: PackerParts) {
    this.#parts = parts
    this.#large = new LargeFiles({
      index: parts.index,
      learnt: this.#learnt,
      look: (row) => this.#look(row),
      access: (path) => this.#access(path),
      stale: (path) => parts.events.stale(path),
    })
  }

  /** Plans what a receiver that committed `from` misses next. Release it when nobody needs it any more. */
  async planChangeset(from: number): Promise<PlanSummary> {
    const { index } = this.#parts
    this.flushLearnt()
    const head = index.head
    const rows: Planned[] = index.changesAfter(from, LIMITS.changesetChanges)
    const all = rows.length < LIMITS.changesetChanges
    const kept = withinBytes(rows)
    if (all && kept.length === rows.length) return this.#plan(kept, { from, to: head, head, request: null })
    const part = partWithContent(index, from, kept)
    return this.#plan(part.rows, { from, to: part.to, head, request: null })
  }

  /** Plans the answer to a want: the present state of paths, with the content that the receiver does not say it has. */
  async planRepair(request: number, paths: Want['paths']): Promise<PlanSummary> {
    const { index } = this.#parts
    this.flushLearnt()
    const held = new Set<Planned>()
    const rows = paths.map(([path, digest]): Planned => {
      const row = index.get(path) ?? ({ path, kind: 'absent', sequence: 0 } as const)
      if (row.kind === 'file' && digest !== null && row.digest === digest) held.add(row)
      return row
    })
    return this.#plan(rows, { from: index.head, to: index.head, head: index.head, request }, held)
  }

  release(id: number): void {
    this.#plans.delete(id)
  }

  /** @throws Refusal when the plan was released or has no such segment, or the root is closed */
  async pack(id: number, position: number, compress: boolean): Promise<PackedSegment> {
    const { directories, turn } = this.#parts
    const plan = this.#plans.get(id)
    const segment = plan?.segments[position]
    if (plan === undefined || segment === undefined) throw new Refusal(`no segment ${position} of plan ${id}`)
    const writer = new SegmentWriter(this.#slabs.take(roomFor(segment)))
    const changes: Change[] = []
    const slice = segment.slice === null ? null : await this.#packSlice(plan, segment.slice, writer, changes)
    if (segment.slice === null) {
      for (let row = segment.first; row < segment.end; row += 1) {
        if (row > segment.first && turn.isOver) await turn.next()
        const change = this.#pack(plan, row, changes.length, writer)
        if (change !== null) changes.push(change)
      }
    }
    directories.release()
    return this.#finish(position, await writer.finish(), changes, slice, compress)
  }

  /** Memory of a payload that has been sent. */
  recycle(memory: ArrayBuffer): void {
    this.#slabs.give(memory)
  }

  /** Gives memory back that was not needed since the last time. @returns whether some is still kept */
  trim(): boolean {
    this.#slabs.trim()
    return !this.#slabs.isEmpty
  }

  /** Writes what packing learnt of files to the index; called when idle and before that is looked up. */
  flushLearnt(): void {
    this.#learnt.flush(this.#parts.index)
  }

  get hasLearnt(): boolean {
    return !this.#learnt.isEmpty
  }

  /** @param held rows whose content the receiver said it has, of a want */
  async #plan(
    rows: Planned[],
    range: Pick<PlanSummary, 'from' | 'to' | 'head' | 'request'>,
    held: ReadonlySet<Planned> = NONE,
  ): Promise<PlanSummary> {
    const sliced = new Map<number, SlicedFile>()
    const copies = new Map<number, string>()
    const lost = new Set<Planned>()
    const { turn } = this.#parts
    for (const [position, row] of rows.entries()) {
      if (row.kind !== 'file' || held.has(row) || !carries(row, range)) continue
      if (turn.isOver) await turn.next()
      let origin = this.#copyOf(row, range)
      if (origin === null && row.size >= BOUNDS.leastDeltaBytes) {
        const large = await this.#attemptLong(row.path, () => this.#large.plan(row, range))
        if (large instanceof SlicedFile) sliced.set(position, large)
        else if (large !== 'whole') lost.add(row)
        origin = this.#copyOf(row, range)
      }
      if (origin !== null) copies.set(position, origin)
    }
    for (const { path } of lost) this.#defer(path, 'vanished', '')
    const carriesContent = (row: Planned, position: number) =>
      row.kind === 'file' && !held.has(row) && carries(row, range) && !copies.has(position) && !lost.has(row)
    const segments = layOut(rows, carriesContent, (position) => sliced.get(position)?.delta ?? null)
    const id = nextPlanId++
    const summary: PlanSummary = {
      id,
      ...range,
      changes: rows.length,
      bytes: segments.reduce((sum, segment) => sum + segment.tarBytes, 0),
      segments: segments.map(({ slice }) => ({ slice: slice === null ? null : sliceLabel(rows[slice.row], slice) })),
    }
    this.#plans.set(id, { summary, rows, segments, sliced, copies, held })
    return summary
  }

  /** What is at the row's path now, when that is a file of its size. */
  #look(row: IndexedEntry): Observation | null {
    const { directories, nowMs } = this.#parts
    const look = this.#attempt(row.path, () => lookAt(directories.locate(row.path), nowMs()))
    if (look === null || 'fault' in look || look.found !== 'entry') return null
    const { observation } = look
    return observation.kind === 'file' && observation.size === row.size ? observation : null
  }

  #access(path: string): FileAccess {
    const { directories, nowMs, turn } = this.#parts
    return { locate: () => directories.locate(path), nowMs, pause: () => turn.next() }
  }

  /** Where the receiver holds this content already, when that is known. */
  #copyOf(row: IndexedEntry, range: { from: number; request: number | null }): string | null {
    if (range.request !== null || range.from === 0 || row.digest === null || row.size === 0) return null
    return this.#parts.index.holderOf(row.digest, row.size, range.from)
  }

  /** In a long replay a lookup for every file costs more than the few copies it finds would save. */
  #isBulk(range: PlanSummary): boolean {
    return range.to < range.head
  }

  #pack(plan: Plan, position: number, ordinal: number, writer: SegmentWriter): Change | null {
    const row = plan.rows[position]
    if (row === undefined) return null
    if (row.kind === 'absent') return { path: row.path, kind: 'absent' }
    const { path, mode, uid, gid, mtime } = row
    if (row.kind === 'directory') return { path, kind: 'directory', mode, uid, gid, mtime }
    if (row.kind === 'symlink') {
      return row.target === null ? null : { path, kind: 'symlink', mode, uid, gid, mtime, target: row.target }
    }
    const attributes = { path, kind: 'file', mode, uid, gid, mtime, size: row.size } as const
    const keeps = plan.held.has(row) || !carries(row, plan.summary)
    if (keeps && row.digest !== null) return { ...attributes, digest: row.digest, source: 'keep' }
    const origin = plan.copies.get(position)
    if (origin !== undefined && row.digest !== null)
      return { ...attributes, digest: row.digest, source: { copy: origin } }
    return this.#packContent(row, plan.summary, ordinal, writer)
  }

  #packContent(row: IndexedEntry, range: PlanSummary, ordinal: number, writer: SegmentWriter): Change | null {
    const { directories, nowMs } = this.#parts
    const room = writer.room()
    const read: WholeRead | null =
      room === null
        ? { fault: 'outgrown' }
        : this.#attempt(row.path, () => readWhole(directories.locate(row.path), room, nowMs(), row))
    if (room === null || read === null || read.fault !== null) {
      const fault = read === null || read.fault === null ? { fault: 'vanished' as const } : read
      this.#defer(row.path, fault.fault, fault.fault === 'unreadable' ? fault.message : '')
      return null
    }
    const { observation, bytes } = read
    const digest = digestOf(room.subarray(0, bytes))
    if (isSameVersion(row, observation) && row.mode === observation.mode) this.#learnt.digest(row, digest)
    else this.#parts.events.stale(row.path)
    this.#learnChunks(row, room.subarray(0, bytes))
    const { mode, uid, gid, mtime } = observation
    const change = { path: row.path, kind: 'file', mode, uid, gid, mtime, size: bytes, digest } as const
    const origin = this.#isBulk(range) ? null : this.#copyOf({ ...row, digest, size: bytes }, range)
    if (origin !== null && origin !== row.path) return { ...change, source: { copy: origin } }
    writer.add(String(ordinal), bytes)
    return { ...change, source: 'tar' }
  }

  #learnChunks(row: IndexedEntry, content: Uint8Array): void {
    if (!hasChunks(content.byteLength)) return
    const chunks = new ChunkStream(null)
    chunks.update(content)
    this.#learnt.chunks(row, chunks.finish())
  }

  async #packSlice(
    plan: Plan,
    slice: NonNullable<PlannedSegment['slice']>,
    writer: SegmentWriter,
    changes: Change[],
  ): Promise<Segment['slice']> {
    const row = plan.rows[slice.row]
    const file = plan.sliced.get(slice.row)
    if (row?.kind !== 'file' || file === undefined || file.isLost) return null
    const { offset, length, delta } = slice
    const carried = carriedBytes(slice)
    const room = writer.room()?.subarray(0, carried) ?? new Uint8Array(0)
    const read = await this.#attemptLong(row.path, () => file.read(slice, room, this.#access(row.path)))
    if (read === null || read.fault !== null) {
      file.isLost = true
      this.#defer(row.path, read?.fault ?? 'unsettled', read?.fault === 'unreadable' ? read.message : '')
      return null
    }
    if (carried > 0) writer.add(SLICE_ENTRY, carried)
    const { mode, uid, gid, mtime, size } = file.version
    if (slice.last) {
      const digest = file.digest()
      // Of another version it would have the scanner take that one for the row's content.
      if (isSameVersion(row, file.version)) this.#learnt.digest(row, digest)
      const chunks = file.takeChunks()
      if (chunks !== null) this.#learnt.chunks(row, chunks)
      changes.push({ path: row.path, kind: 'file', mode, uid, gid, mtime, size, digest, source: 'slices' })
    }
    return { path: row.path, content: row.content, offset, length, size, delta }
  }

  async #finish(
    position: number,
    archive: Buffer<ArrayBuffer>,
    changes: Change[],
    slice: Segment['slice'],
    compress: boolean,
  ): Promise<PackedSegment> {
    const naming = new OwnerNaming(this.#parts.accounts)
    for (const change of changes) if (change.kind !== 'absent') naming.note(change)
    // Asked now: memory that is given back has no length any more.
    const tarBytes = archive.byteLength
    const { encoding, payload } = compressSegment(archive, compress)
    const isEmpty = tarBytes === 0
    if (payload !== archive || isEmpty) this.#slabs.give(archive.buffer)
    const header = encodeMessage({
      type: 'segment',
      index: position,
      encoding,
      bytes: payload.byteLength,
      tarBytes,
      changes,
      slice,
      ...naming.names(this.#parts.nowMs()),
    })
    // An empty view would take the memory along that it is a view of.
    return { header, payload: isEmpty ? new Uint8Array(0) : payload }
  }

  /** In one step with the hint that looks at it again: a scan in between would have its row deferred, and not looked at. */
  #defer(path: string, fault: ReadFault['fault'], message: string): void {
    this.#parts.index.defer([path])
    this.#parts.events.deferred(path, fault, message)
  }

  /** Null when a directory above the path is gone or replaced. */
  #attempt<Result>(path: string, work: () => Result): Result | ReadFault | null {
    try {
      return work()
    } catch (error) {
      return pathFaultOf(path, error)
    }
  }

  async #attemptLong<Result>(path: string, work: () => Promise<Result>): Promise<Result | ReadFault | null> {
    try {
      return await work()
    } catch (error) {
      return pathFaultOf(path, error)
    }
  }
}

/** @throws what is no fault of the path */
function pathFaultOf(path: string, error: unknown): ReadFault | null {
  if (error instanceof TurnsEnded) throw error
  const code = errorCode(error)
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return null
  if (code === 'EACCES' || code === 'EPERM') return { fault: 'unreadable', message: plainMessage(error) }
  throw new Error(`packing ${path}`, { cause: error })
}

/** Bytes of memory for the segment's archive, with some for what its files may have grown since they were scanned. */
function roomFor({ tarBytes, slice }: PlannedSegment): number {
  if (tarBytes === EMPTY_ARCHIVE) return 0
  return slice === null ? Math.min(tarBytes + BOUNDS.growthBytes, LIMITS.segmentBytes) : tarBytes
}

/** A receiver at `from` lacks the bytes, or asked for them. */
function carries(row: IndexedEntry, range: { from: number; request: number | null }): boolean {
  return range.request !== null || row.content > range.from || row.digest === null
}

function withinBytes(rows: Planned[]): Planned[] {
  let bytes = 0
  const end = rows.findIndex((row, position) => {
    bytes += row.kind === 'file' ? row.size : 0
    return position > 0 && bytes > BOUNDS.changesetBytes
  })
  return end < 0 ? rows : rows.slice(0, end)
}

/**
 * A part of a replay, and where it ends: rows up to there, and files whose content is of before its end although their
 * row has moved on beyond it. Without those a later part would say of them that the content stays as it is, to a
 * receiver that never got it.
 */
function partWithContent(index: EntryIndex, from: number, rows: Planned[]): { rows: Planned[]; to: number } {
  for (let part = rows; ; part = part.slice(0, Math.ceil(part.length / 2))) {
    const to = part.at(-1)?.sequence ?? from
    const moved = index.movedOn(from, to, LIMITS.changesetChanges)
    const all = [...part, ...moved]
    if (all.length <= LIMITS.changesetChanges && withinBytes(all).length === all.length) return { rows: all, to }
    if (part.length > 1) continue
    const some: IndexedEntry[] = moved.slice(0, Math.max(1, withinBytes(moved).length))
    return { rows: some, to: some.at(-1)?.content ?? to }
  }
}

function sliceLabel(row: Planned | undefined, slice: { offset: number; length: number; last: boolean }) {
  if (row?.kind !== 'file') return null
  return { path: row.path, content: row.content, end: slice.offset + slice.length, isLast: slice.last }
}
