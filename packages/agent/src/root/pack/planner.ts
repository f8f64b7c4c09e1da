/**
 * The planner decides, once for each row of a changeset, how it travels, and lays the rows out in segments.
 *
 *   manifest  the manifest says everything about it: a deletion, a directory, a symlink
 *   keep      the receiver holds the content at the path already; only attributes changed
 *   copy      the receiver holds the content at another path
 *   link      it is another name of a file that the receiver holds, or that comes with it
 *   tar       the content is in the segment's archive
 *   slices    the file is too large for one segment, or is sent as a delta to the receiver's version
 *
 * INVARIANT: `keep` and `copy` are planned only for content that every receiver at the plan's cursor provably holds. A
 * row whose bytes cannot be read is not planned: it is deferred, and comes again with a later sequence.
 */
import { randomInt } from 'node:crypto'
import type { Want } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { PlanSummary } from '../../root-messages.ts'
import type { EntryIndex } from '../index/entry-index.ts'
import type { IndexedEntry } from '../index/indexed-entry.ts'
import type { Turn } from '../turn.ts'
import { type PartRoom, partWithContent, ROOM, withinBytes } from './changeset-part.ts'
import {
  layOut,
  type Planned,
  type PlannedRow,
  type PlannedSegment,
  SLICE_BYTES,
  type Travel,
} from './changeset-plan.ts'
import { FirstNames, otherNames } from './first-names.ts'
import type { LargeFiles } from './large-files.ts'
import { SlicedFile } from './sliced-file.ts'
import { attemptLong } from './source-files.ts'
import type { UnprovenRows } from './unproven-rows.ts'

export interface PlannerParts {
  /** Absolute, as symlinks may name it. */
  rootPath: string
  index: EntryIndex
  large: LargeFiles
  unproven: UnprovenRows
  turn: Turn
}

/** The range over which a plan leads its receivers; `request` is the want that it answers, or null. */
export type PlanRange = Pick<PlanSummary, 'base' | 'from' | 'to' | 'head' | 'whole' | 'isWhole' | 'request'>

/** Where receivers stand, and how far they are to be led. */
export interface PlanStart {
  from: number
  /** What they have committed, where `from` is staged only. */
  base?: number
  whole?: number
  limit?: number
  /** `from` may lie within a changeset whose beginning is staged: see `#rest`. */
  isRest?: boolean
  /** Part of a series, which has room for many changesets. */
  isRound?: boolean
  /** Of a segment's archive, unless a single file has more. */
  segmentBytes?: number
}

export interface ChangesetPlan {
  summary: PlanSummary
  /** What it is about, before it is known what is sent of it. */
  all: readonly Planned[]
  rows: PlannedRow<SlicedFile>[]
  segments: PlannedSegment[]
  /** The same plan when its files were read; null: this is it. */
  layOut: (() => Promise<ChangesetPlan>) | null
}

interface PlanManner {
  segmentBytes?: number | undefined
  /** Rows of a want whose content the receiver claims to have. */
  held?: ReadonlySet<Planned>
  id?: number
  /** Called when a row turns out to need something that receivers hold at another path. */
  refersElsewhere?: () => void
}

const NONE: ReadonlySet<Planned> = new Set()

/** Unique beyond one planner and one thread: a plan of another one, held by a session, must not be taken for ours. */
let nextPlanId = randomInt(2 ** 40)

export class Planner {
  readonly #parts: PlannerParts

  constructor(parts: PlannerParts) {
    this.#parts = parts
  }

  /** What a receiver that committed `base`, and has staged everything up to `from`, misses next, up to `limit`. */
  planChangeset(start: PlanStart): Promise<ChangesetPlan> {
    const { index } = this.#parts
    const { from, base = from, whole = 0, limit = Number.POSITIVE_INFINITY, isRest = false, segmentBytes } = start
    const isRound = start.isRound === true
    const head = Math.min(index.head, limit)
    const room = isRest && !isRound ? this.#rest(base, from) : ROOM
    const rows: Planned[] = index.changesAfter(from, room.changes, head)
    const range = { base, from, head, whole, request: null }
    const kept = this.#untilLargeFile(withinBytes(rows, room.bytes), range)
    const isAll = rows.length < room.changes && kept.length === rows.length
    const plan = isRest || isRound ? this.#plan.bind(this) : this.#open.bind(this)
    if (isAll && head === index.head) return plan(kept, { ...range, to: head, isWhole: true }, { segmentBytes })
    const told = isRest ? base : from
    // All of a round becomes visible at once, and a first copy has no order.
    const leads = isRound || base === 0 ? null : { rootPath: this.#parts.rootPath, head }
    const part = partWithContent(index, { from, told, leads }, kept, isAll ? head : null)
    index.held.noteCut(index.head)
    return plan(part.rows, { ...range, to: part.to, isWhole: false }, { segmentBytes })
  }

  /**
   * A file that takes long to send has a changeset of its own, so that others of that time become visible before it, and
   * later ones may overtake it. But one that moves is gone there when it is here. A first copy, and a receiver that is
   * far behind, get everything in its order.
   */
  #untilLargeFile(rows: Planned[], range: Pick<PlanRange, 'base' | 'whole' | 'request'>): Planned[] {
    const { base } = range
    const isLarge = (row: Planned) => row.kind !== 'directory' && row.size >= BOUNDS.ownChangesetBytes
    const isHeld = (row: Planned) => row.kind === 'absent' && row.content <= base && isLarge(row)
    if (base === 0 || rows.length > BOUNDS.liveChanges || rows.some(isHeld)) return rows
    const [first] = rows
    const isFirst = first !== undefined && this.#isLong(first, range)
    const end = rows.findIndex((row) => this.#isLong(row, range) !== isFirst)
    return end < 0 ? rows : rows.slice(0, end)
  }

  /** Whether it takes long to send, or to find out that it need not be sent. */
  #isLong(row: Planned, range: Pick<PlanRange, 'base' | 'whole' | 'request'>): row is IndexedEntry {
    if (row.kind !== 'file' || row.size < BOUNDS.ownChangesetBytes || row.content <= range.base) return false
    return row.digest === null || this.copyOf(row, range) === null
  }

  /** A plan of large files that must be read first begins before that: small changes go ahead of it meanwhile. */
  async #open(all: Planned[], range: PlanRange, manner: PlanManner): Promise<ChangesetPlan> {
    const isUnread = (row: Planned) => row.kind === 'file' && this.#parts.large.mustRead(row, range)
    const isLarge = all.every((row) => this.#isLong(row, range)) && all.some(isUnread)
    if (!isLarge || range.from !== range.base || range.base === 0) return this.#plan(all, range, manner)
    const id = nextPlanId++
    const bytes = all.reduce((sum, { size }) => sum + size, 0)
    const most = { changes: all.length, bytes, mayBeOvertaken: true, isLaidOut: false, segments: [] }
    const summary: PlanSummary = { id, ...range, ...most }
    // From then on nothing goes ahead: it could replace what the row refers to while other rows are read.
    const refersElsewhere = () => {
      summary.mayBeOvertaken = false
    }
    const layOut = () => this.#plan(all, range, { ...manner, id, refersElsewhere })
    return { summary, all, rows: [], segments: [], layOut }
  }

  /**
   * The room for the rest of a changeset: both become visible together. What is staged of it holds every change up to
   * `from`, but not the files whose content dates from before `from` and whose rows have moved on: the rest brings those.
   */
  #rest(base: number, from: number): PartRoom {
    const staged = this.#parts.index.sumAfter(base, from)
    return { changes: Math.max(1, ROOM.changes - staged.changes), bytes: Math.max(0, ROOM.bytes - staged.bytes) }
  }

  /** The answer to a want: the present state of paths, with the content that the receiver does not claim to have. */
  planRepair(request: number, paths: Want['paths']): Promise<ChangesetPlan> {
    const { index } = this.#parts
    const held = new Set<Planned>()
    const rows = paths.map(([path, digest]): Planned => {
      const row = index.get(path) ?? ({ path, kind: 'absent', sequence: 0, content: 0, size: 0 } as const)
      if (row.kind === 'file' && digest !== null && row.digest === digest) held.add(row)
      return row
    })
    rows.push(...otherNames(rows, held, index.preserved))
    const { head } = index
    const range = { base: head, from: head, to: head, head, request, whole: 0, isWhole: false }
    return this.#plan(rows, range, { held })
  }

  /** A path at which every receiver at the plan's cursor holds this content, when one is known. */
  copyOf(row: IndexedEntry, range: Pick<PlanRange, 'base' | 'whole' | 'request'>): string | null {
    if (range.request !== null || range.base === 0 || row.digest === null || row.size === 0) return null
    return this.#parts.index.held.holderOf(row, range.base, range.whole)
  }

  async #plan(all: Planned[], range: PlanRange, manner: PlanManner): Promise<ChangesetPlan> {
    const { segmentBytes = BOUNDS.segmentBytes, held = NONE, id = nextPlanId++, refersElsewhere } = manner
    const planned: PlannedRow<SlicedFile>[] = []
    const { index, unproven } = this.#parts
    const names = new FirstNames(index.preserved, all, range)
    const doubted: IndexedEntry[] = []
    for (const row of all) {
      const first = names.otherNameOf(row)
      if (first?.isPlanned === true) {
        planned.push({ row, travel: { by: 'link', to: first.path } })
        refersElsewhere?.()
        continue
      }
      const { count } = unproven
      const travel = await this.#travelOf(row, range, held)
      if (travel?.by === 'copy') refersElsewhere?.()
      if (row.kind === 'file' && unproven.count > count) doubted.push(row)
      if (travel !== null) planned.push({ row, travel, ...(first === null ? {} : { link: first.path }) })
    }
    for (const row of doubted) unproven.deferNames(row, planned)
    const rows = inOrder(planned, range)
    const isAlone = range.request === null && range.from === range.base && range.base > 0
    const mayBeOvertaken = isAlone && isOfLargeFiles(rows)
    const sliceBytes = mayBeOvertaken ? overtakenSliceBytes(all) : SLICE_BYTES
    const segments = layOut(rows, segmentBytes, range.request === null ? range.to : null, sliceBytes)
    const summary: PlanSummary = {
      id,
      ...range,
      changes: rows.length,
      bytes: segments.reduce((sum, segment) => sum + segment.tarBytes, 0),
      mayBeOvertaken,
      isLaidOut: true,
      segments: segments.map(({ slice }) => ({ slice: slice === null ? null : sliceLabel(rows[slice.row], slice) })),
    }
    return { summary, all, rows, segments, layOut: null }
  }

  /** Null when the row's content cannot be read now. */
  async #travelOf(row: Planned, range: PlanRange, held: ReadonlySet<Planned>): Promise<Travel<SlicedFile> | null> {
    if (row.kind !== 'file') return { by: 'manifest' }
    const { digest } = row
    if (digest !== null && (held.has(row) || !carries(row, range))) return { by: 'keep', digest }
    const { turn, large, unproven } = this.#parts
    if (turn.isOver) await turn.next()
    const known = this.#copyTravel(row, range)
    if (known !== null || row.size < BOUNDS.leastDeltaBytes) return known ?? { by: 'tar' }
    const planned = await attemptLong(row.path, () => large.plan(row, range))
    if (planned === 'lost' || (planned !== 'whole' && !(planned instanceof SlicedFile))) {
      unproven.defer(row, 'vanished')
      return null
    }
    // The digest of the row may be known by now.
    const found = this.#copyTravel(row, range)
    if (found !== null) return found
    return planned === 'whole' ? { by: 'tar' } : { by: 'slices', file: planned }
  }

  #copyTravel(row: IndexedEntry, range: PlanRange): Travel<SlicedFile> | null {
    const from = this.copyOf(row, range)
    return from === null || row.digest === null ? null : { by: 'copy', from, digest: row.digest }
  }
}

/** Where a file turns out to be another one when it is packed, its other names must not have been told. */
function inOrder(planned: PlannedRow<SlicedFile>[], { request }: PlanRange): PlannedRow<SlicedFile>[] {
  const rows = planned.filter(({ isLost }) => isLost !== true)
  if (request === null) return rows
  const [files, links] = [false, true].map((isLink) => rows.filter(({ travel }) => (travel.by === 'link') === isLink))
  return [...(files ?? []), ...(links ?? [])]
}

/** Changes that were made later may become visible first: nothing small is among these, and nothing that moves. */
function isOfLargeFiles(rows: readonly PlannedRow<SlicedFile>[]): boolean {
  const small = rows.some(({ travel }) => travel.by !== 'slices' && travel.by !== 'keep' && travel.by !== 'manifest')
  return !small && rows.some(({ travel }) => travel.by === 'slices')
}

/** Small, but not so small that there are too many. */
function overtakenSliceBytes(rows: readonly Planned[]): number {
  const largest = Math.max(...rows.map(({ size }) => size))
  return Math.min(SLICE_BYTES, Math.max(BOUNDS.overtakenSliceBytes, Math.ceil(largest / BOUNDS.plannedSlices)))
}

/** Whether a receiver at `base` lacks the bytes, or asked for them. */
function carries(row: IndexedEntry, { request, base }: PlanRange): boolean {
  return request !== null || row.content > base
}

function sliceLabel(planned: PlannedRow<SlicedFile> | undefined, slice: NonNullable<PlannedSegment['slice']>) {
  if (planned?.row.kind !== 'file') return null
  const { path, content } = planned.row
  return { path, content, end: slice.offset + slice.length, isLast: slice.last }
}
