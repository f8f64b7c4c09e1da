/**
 * The packer packs the segments of plans on demand; the planner has decided how each row travels.
 *
 * INVARIANT: the content that is sent for a file is a version that the file had, attributes and bytes together. When a
 * file differs from the index, its present version is sent and a hint is raised; when its bytes cannot be read (gone,
 * unreadable, written to all the time), its row is deferred: it leaves this changeset and comes again with a later
 * sequence. Plans are shared by all receivers at the same cursor; every segment can be packed again at any time.
 */
import assert from 'node:assert/strict'
import type { Buffer } from 'node:buffer'
import { type Accounts, type BulkReads, type ConfinedDirectories, Refusal } from '@rootferry/host/machine'
import {
  type Change,
  carriedBytes,
  digestOf,
  encodedBytes,
  encodeMessage,
  type FileChange,
  isReserved,
  LIMITS,
  type PathFilter,
  type Segment,
  SLICE_ENTRY,
  type Want,
} from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { PackedOvertake, PackedSegment, PlanSummary } from '../../root-messages.ts'
import { ChunkStream } from '../delta/chunk-stream.ts'
import type { EntryIndex } from '../index/entry-index.ts'
import { extendedOf, type IndexedEntry } from '../index/indexed-entry.ts'
import type { ReadFault } from '../scan/content-reader.ts'
import { isNotProvenOther } from '../scan/difference.ts'
import type { ScanRequests } from '../scan/scan-requests.ts'
import type { Turn } from '../turn.ts'
import { EMPTY_ARCHIVE, type PlannedRow, type PlannedSegment } from './changeset-plan.ts'
import { compressSegment } from './compression.ts'
import { hasChunks, LargeFiles } from './large-files.ts'
import { LearntContent } from './learnt-content.ts'
import { OvertakePacker } from './overtake-packer.ts'
import { OwnerNaming } from './owner-names.ts'
import { type ChangesetPlan, Planner, type PlanStart } from './planner.ts'
import { SegmentWriter } from './segment-writer.ts'
import { SlabPool } from './slab-pool.ts'
import type { SlicedFile } from './sliced-file.ts'
import { attemptLong, SourceFiles } from './source-files.ts'
import { UnprovenRows } from './unproven-rows.ts'

export interface PackerParts {
  directories: ConfinedDirectories
  reads: BulkReads
  index: EntryIndex
  filter: Pick<PathFilter, 'excludesWithParents'>
  accounts: Accounts
  scans: Pick<ScanRequests, 'doubt' | 'hint' | 'retry'>
  nowMs: () => number
  /** Shared by packing, planning and listing. */
  turn: Turn
}

/** A segment that is being packed. */
interface OpenSegment {
  plan: ChangesetPlan
  writer: SegmentWriter
  changes: Change[]
  /**
   * Encoded bytes of paths at which receivers hold content, found while packing, so that the plan has not counted them.
   */
  unplannedBytes: number
}

export class Packer {
  readonly #parts: PackerParts
  readonly #plans = new Map<number, ChangesetPlan>()
  readonly #learnt = new LearntContent()
  readonly #files: SourceFiles
  readonly #unproven: UnprovenRows
  readonly #planner: Planner
  readonly #slabs = new SlabPool()
  readonly #overtakes: OvertakePacker

  constructor(parts: PackerParts) {
    const { index, scans, turn, directories } = parts
    this.#parts = parts
    this.#files = new SourceFiles(parts)
    this.#unproven = new UnprovenRows({ index, scans, learnt: this.#learnt })
    const large = new LargeFiles({ index, learnt: this.#learnt, files: this.#files, unproven: this.#unproven })
    this.#planner = new Planner({ rootPath: directories.rootPath, index, large, unproven: this.#unproven, turn })
    this.#overtakes = new OvertakePacker({ ...parts, files: this.#files, slabs: this.#slabs })
  }

  /** Plans what receivers that stand there miss next. Release the plan when it is not needed. */
  async planChangeset(start: PlanStart): Promise<PlanSummary> {
    this.flushLearnt()
    return this.#keep(await this.#planner.planChangeset(start))
  }

  /** The plan as it is sent. @throws Refusal when it was released, or the root is closed */
  async layOut(id: number): Promise<PlanSummary> {
    const plan = this.#plans.get(id)
    if (plan === undefined) throw new Refusal(`no plan ${id}`)
    if (plan.layOut === null) return plan.summary
    this.flushLearnt()
    const laidOut = await plan.layOut()
    return this.#plans.get(id) === plan ? this.#keep(laidOut) : this.layOut(id)
  }

  /**
   * Plans the answer to a want. Release the plan when it is no longer needed. A path of which the index knows nothing is
   * said to be absent only when nothing is there: what no scan has found yet comes as a change.
   */
  async planRepair(request: number, paths: Want['paths']): Promise<PlanSummary> {
    const { index, scans } = this.#parts
    this.flushLearnt()
    const known = paths.filter(([path]) => index.get(path) !== null || !this.#isToCome(path))
    for (const [path] of paths) if (!known.some(([at]) => at === path)) scans.hint({ path, extent: 'subtree' })
    return this.#keep(await this.#planner.planRepair(request, known))
  }

  #isToCome(path: string): boolean {
    const kind = this.#files.kindAt(path)
    return kind !== null && !isReserved(path) && !this.#parts.filter.excludesWithParents(path, kind)
  }

  release(id: number): void {
    this.#plans.delete(id)
  }

  /** @throws Refusal when the plan was released or has no such segment, or the root is closed */
  async pack(id: number, position: number, compress: boolean): Promise<PackedSegment> {
    const { directories, turn } = this.#parts
    // Node takes messages from a port for as long as more have come meanwhile, and does nothing else.
    if (turn.isOver) await turn.next()
    const plan = this.#plans.get(id)
    const segment = plan?.segments[position]
    if (plan === undefined || segment === undefined) throw new Refusal(`no segment ${position} of plan ${id}`)
    const unproven = this.#unproven.count
    const writer = new SegmentWriter(this.#slabs.take(roomFor(segment)))
    const open: OpenSegment = { plan, writer, changes: [], unplannedBytes: 0 }
    const slice = segment.slice === null ? null : await this.#packSlice(open, segment.slice)
    if (segment.slice === null) {
      for (const [offset, planned] of plan.rows.slice(segment.first, segment.end).entries()) {
        if (offset > 0 && turn.isOver) await turn.next()
        const change = this.#changeOf(planned, open)
        if (change !== null) open.changes.push(change)
      }
    }
    directories.release()
    const told = { index: position, changes: open.changes, slice, to: segment.to }
    const packed = await this.#finish(told, await writer.finish(), compress)
    return { ...packed, isAsPlanned: this.#unproven.count === unproven }
  }

  /** What may go ahead of a plan that is under way; null: the plan is gone. See OvertakePacker. */
  async overtake(id: number, after: number, limit: number, compress: boolean): Promise<PackedOvertake | null> {
    const plan = this.#plans.get(id)
    if (plan?.summary.mayBeOvertaken !== true) return null
    const packed = await this.#overtakes.pack(plan, after, limit, compress)
    this.#parts.directories.release()
    return packed
  }

  /** Memory of a payload that has been sent. */
  recycle(memory: ArrayBuffer): void {
    this.#slabs.give(memory)
  }

  /** Frees memory that was not needed since the last call. @returns whether some is still kept */
  trim(): boolean {
    this.#slabs.trim()
    return !this.#slabs.isEmpty
  }

  /** Writes what packing learnt about files to the index; called at rest, and before such facts are looked up. */
  flushLearnt(): void {
    this.#learnt.flush(this.#parts.index)
  }

  get hasLearnt(): boolean {
    return !this.#learnt.isEmpty
  }

  #keep(plan: ChangesetPlan): PlanSummary {
    this.#plans.set(plan.summary.id, plan)
    return plan.summary
  }

  /** Null when nothing is sent for the row now. */
  #changeOf(planned: PlannedRow<SlicedFile>, open: OpenSegment): Change | null {
    const { row, travel } = planned
    if (row.kind === 'absent') return { path: row.path, kind: 'absent' }
    const { path, mode, uid, gid, mtime, size } = row
    if (planned.isLost === true) return null
    if (travel.by === 'link') return { path, kind: 'link', to: travel.to, size, mtime }
    const own = { mode, uid, gid, mtime, ...extendedOf(row) }
    if (row.kind === 'directory') return { path, kind: 'directory', ...own }
    if (row.kind === 'symlink') {
      assert.ok(row.target !== null, 'a row of a symlink has a target')
      return { path, kind: 'symlink', ...own, target: row.target }
    }
    const attributes = { path, kind: 'file', ...own, size, ...linkOf(planned) } as const
    if (travel.by === 'keep') return { ...attributes, digest: travel.digest, source: 'keep' }
    if (travel.by === 'copy') return { ...attributes, digest: travel.digest, source: { copy: travel.from } }
    assert.equal(travel.by, 'tar', 'a segment of several rows carries content in its archive')
    return this.#packContent(row, planned, open)
  }

  #packContent(row: IndexedEntry, planned: PlannedRow<SlicedFile>, open: OpenSegment): Change | null {
    const { writer, changes } = open
    const room = writer.room()
    const read = room === null ? ({ fault: 'outgrown' } as const) : this.#files.read(row, room)
    if (room === null || read.fault !== null) {
      this.#unproven.defer(row, read.fault ?? 'outgrown', messageOf(read))
      this.#unproven.deferNames(row, open.plan.rows)
      return null
    }
    const { observation, bytes } = read
    const digest = digestOf(room.subarray(0, bytes))
    const isAsKnown = isNotProvenOther(row, observation) && row.mode === observation.mode
    if (isAsKnown) this.#learnt.digest(row, digest)
    else {
      this.#unproven.doubt(row)
      this.#unproven.deferNames(row, open.plan.rows)
    }
    this.#learnChunks(row, room.subarray(0, bytes))
    const { mode, uid, gid, mtime } = observation
    const own = { mode, uid, gid, mtime, ...extendedOf(row) }
    const change = {
      path: row.path,
      kind: 'file',
      ...own,
      size: bytes,
      digest,
      ...(isAsKnown ? linkOf(planned) : {}),
    } as const
    const origin = this.#unplannedCopy({ ...row, digest, size: bytes }, open)
    if (origin !== null) return { ...change, source: { copy: origin } }
    writer.append(String(changes.length), bytes)
    return { ...change, source: 'tar' }
  }

  /** The path at which receivers hold the content that was just read. */
  #unplannedCopy(row: IndexedEntry, open: OpenSegment): string | null {
    const origin = this.#planner.copyOf(row, open.plan.summary)
    if (origin === null || origin === row.path) return null
    const bytes = encodedBytes(origin)
    if (open.unplannedBytes + bytes > BOUNDS.manifestBytes) return null
    open.unplannedBytes += bytes
    return origin
  }

  #learnChunks(row: IndexedEntry, content: Uint8Array): void {
    if (!hasChunks(content.byteLength)) return
    const chunks = new ChunkStream(null)
    chunks.update(content)
    this.#learnt.chunks(row, chunks.finish())
  }

  async #packSlice(
    { plan, writer, changes }: OpenSegment,
    slice: NonNullable<PlannedSegment['slice']>,
  ): Promise<Segment['slice']> {
    const planned = plan.rows[slice.row]
    assert.ok(planned?.row.kind === 'file' && planned.travel.by === 'slices', 'a slice is of a file that is sliced')
    const { row } = planned
    const { file } = planned.travel
    if (file.isLost) return null
    const { offset, length, delta } = slice
    const carried = carriedBytes(slice)
    const room = writer.room()?.subarray(0, carried) ?? new Uint8Array(0)
    const read = await attemptLong(row.path, () => file.read(slice, room, this.#files.access(row.path)))
    if (read.fault !== null) {
      file.isLost = true
      this.#unproven.defer(row, read.fault, messageOf(read))
      this.#unproven.deferNames(row, plan.rows)
      return null
    }
    if (carried > 0) writer.append(SLICE_ENTRY, carried)
    const { mode, uid, gid, mtime, size } = file.version
    if (slice.last) {
      const digest = file.digest()
      // A digest of another version would make the scanner take that version for the row's content.
      const isAsKnown = isNotProvenOther(row, file.version)
      if (isAsKnown) this.#learnt.digest(row, digest)
      const chunks = file.takeChunks()
      if (chunks !== null) this.#learnt.chunks(row, chunks)
      const own = { mode, uid, gid, mtime, ...extendedOf(row) }
      const link = isAsKnown ? linkOf(planned) : {}
      changes.push({ path: row.path, kind: 'file', ...own, size, digest, source: 'slices', ...link })
    }
    return { path: row.path, content: row.content, offset, length, size, delta }
  }

  async #finish(
    told: Pick<Segment, 'index' | 'changes' | 'slice' | 'to'>,
    archive: Buffer<ArrayBuffer>,
    compress: boolean,
  ): Promise<Pick<PackedSegment, 'header' | 'payload'>> {
    const naming = new OwnerNaming(this.#parts.accounts)
    for (const change of told.changes) {
      if (change.kind === 'absent' || change.kind === 'link') continue
      naming.noteOwner(change)
      if (change.extended !== undefined) naming.noteExtended(change.extended)
    }
    // Asked for now: memory that is given back has no length any more.
    const tarBytes = archive.byteLength
    const { encoding, payload } = compressSegment(archive, compress)
    const isEmpty = tarBytes === 0
    if (payload !== archive || isEmpty) this.#slabs.give(archive.buffer)
    const header = encodeMessage({
      type: 'segment',
      ...told,
      encoding,
      bytes: payload.byteLength,
      tarBytes,
      ...naming.names(this.#parts.nowMs()),
    })
    // An empty view would take the memory behind it along.
    return { header, payload: isEmpty ? new Uint8Array(0) : payload }
  }
}

/** Of a file that is sent as its row tells of it: what another version is a name of is not known. */
function linkOf({ link }: PlannedRow<SlicedFile>): Pick<FileChange, 'link'> {
  return link === undefined ? {} : { link }
}

function messageOf(read: ReadFault | { fault: null }): string {
  return read.fault === 'unreadable' ? read.message : ''
}

/** Bytes of memory for the segment's archive, with some room for the growth of its files since they were scanned. */
function roomFor({ tarBytes, slice }: PlannedSegment): number {
  if (tarBytes === EMPTY_ARCHIVE) return 0
  return slice === null ? Math.min(tarBytes + BOUNDS.growthBytes, LIMITS.segmentBytes) : tarBytes
}
