/**
 * Pure decision: how the changes of a changeset are laid out in segments.
 *
 * Changes keep their order. A segment is filled until its archive would exceed what the order says, or its manifest
 * would become too long. A file that no segment can hold becomes slices, each a segment of its own, and so does a file
 * that is sent as a delta. Content that the receiver already has costs only a line of the manifest.
 * INVARIANT: the manifest of a segment encodes to less than BOUNDS.manifestBytes, unless it holds a single change.
 */
import { Buffer } from 'node:buffer'
import { type Delta, encodedBytes, LIMITS } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import { partsOf } from '../delta/recipe.ts'
import type { IndexedEntry, Tombstone } from '../index/indexed-entry.ts'

export type Planned = IndexedEntry | Tombstone

/** How a row travels, as planner.ts decides. */
export type Travel<File extends { delta: Delta | null }> =
  | { by: 'manifest' }
  | { by: 'keep'; digest: string }
  | { by: 'copy'; from: string; digest: string }
  /** The file is another name of the one at `to`. */
  | { by: 'link'; to: string }
  | { by: 'tar' }
  | { by: 'slices'; file: File }

export interface PlannedRow<File extends { delta: Delta | null }> {
  row: Planned
  travel: Travel<File>
  /** The file that it is another name of, where its content comes nevertheless. */
  link?: string
  /** It was to be another name of a file of which another version is sent, or nothing. */
  isLost?: boolean
}

export interface PlannedSlice {
  /** Position of the file in the changeset's rows. */
  row: number
  offset: number
  length: number
  last: boolean
  /** How the slice is made from the receiver's version; null: the archive holds all of it. */
  delta: Delta | null
}

export interface PlannedSegment {
  /** Rows [first, end) are described here; none for a slice that is not the last of its file. */
  first: number
  end: number
  /** Upper bound of the archive's size, if every file is as the index says. */
  tarBytes: number
  /** With this segment every change up to that sequence has been described; null: that cannot be said here. */
  to: number | null
  slice: PlannedSlice | null
}

const TAR_BLOCK = 512
const TAR_END = 1024
/** `tarBytes` of a segment without content. */
export const EMPTY_ARCHIVE = TAR_END
/** The size of a change in the manifest without paths and targets: numbers, a digest, names of fields. */
const CHANGE_BYTES = 300

/** The most content that one segment's archive can hold. */
export const SLICE_BYTES = LIMITS.segmentBytes - TAR_BLOCK - TAR_END

export function tarBytesOf(size: number): number {
  return TAR_BLOCK + Math.ceil(size / TAR_BLOCK) * TAR_BLOCK
}

/**
 * @param segmentBytes of an archive, and of a manifest, unless a single file has more
 * @param to where all of the rows together lead; null: nowhere
 * @param sliceBytes of a file that is sent as it is
 */
export function layOut<File extends { delta: Delta | null }>(
  rows: readonly PlannedRow<File>[],
  segmentBytes: number,
  to: number | null,
  sliceBytes = SLICE_BYTES,
): PlannedSegment[] {
  const segments: PlannedSegment[] = []
  const mostManifestBytes = Math.min(BOUNDS.manifestBytes, segmentBytes)
  let first = 0
  let tarBytes = TAR_END
  let manifestBytes = 0
  const close = (end: number) => {
    if (end > first) segments.push({ first, end, tarBytes, slice: null, to: null })
    first = end
    tarBytes = TAR_END
    manifestBytes = 0
  }
  rows.forEach(({ row, travel, link }, position) => {
    const size = row.kind === 'file' ? row.size : 0
    if (travel.by === 'slices') {
      const { delta } = travel.file
      close(position)
      segments.push(...(delta === null ? slicesOf(size, position, sliceBytes) : toldSlicesOf(delta, position)))
      first = position + 1
      return
    }
    const bytes = travel.by === 'tar' ? tarBytesOf(size) : 0
    const line = lineBytes(row, travel) + (link === undefined ? 0 : encodedBytes(link))
    const full = position - first >= LIMITS.segmentChanges || manifestBytes + line > mostManifestBytes
    if (position > first && (full || (bytes > 0 && tarBytes + bytes > Math.max(segmentBytes, TAR_END + bytes)))) {
      close(position)
    }
    tarBytes += bytes
    manifestBytes += line
  })
  close(rows.length)
  if (to !== null) tellEnds(segments, rows, to)
  return segments
}

/** Rows that have moved on beyond the end come last, and say nothing about how much was described before them. */
function tellEnds(segments: PlannedSegment[], rows: readonly { row: Planned }[], to: number): void {
  const beyond = rows.findIndex(({ row }) => row.sequence > to)
  const ordered = beyond < 0 ? rows.length : beyond
  for (const segment of segments) {
    const isWhole = segment.slice === null || segment.slice.last
    if (isWhole && segment.end <= ordered) segment.to = rows[segment.end - 1]?.row.sequence ?? null
  }
  const last = segments.at(-1)
  if (last !== undefined) last.to = to
}

/** The size of a change in the manifest, at the most. */
export function lineBytes<File extends { delta: Delta | null }>(row: Planned, travel: Travel<File>): number {
  const target = row.kind === 'symlink' && row.target !== null ? encodedBytes(row.target) : 0
  const origin = travel.by === 'copy' ? encodedBytes(travel.from) : travel.by === 'link' ? encodedBytes(travel.to) : 0
  // The text is encoded already.
  const extended = row.kind === 'absent' ? 0 : Buffer.byteLength(row.extended ?? '')
  return CHANGE_BYTES + encodedBytes(row.path) + target + origin + extended
}

function slicesOf(size: number, row: number, sliceBytes: number): PlannedSegment[] {
  const slices: PlannedSegment[] = []
  for (let offset = 0; offset < size; offset += sliceBytes) {
    const length = Math.min(sliceBytes, size - offset)
    slices.push(sliceSegment({ row, offset, length, last: offset + length === size, delta: null }, length))
  }
  return slices
}

function toldSlicesOf({ base, steps: recipe }: Delta, row: number): PlannedSegment[] {
  const parts = partsOf(recipe, SLICE_BYTES)
  return parts.map(({ offset, length, steps, carried }, number) => {
    return sliceSegment({ row, offset, length, last: number === parts.length - 1, delta: { base, steps } }, carried)
  })
}

function sliceSegment(slice: PlannedSlice, carried: number): PlannedSegment {
  const { row, last } = slice
  const tarBytes = TAR_END + (carried === 0 ? 0 : tarBytesOf(carried))
  return { first: row, end: last ? row + 1 : row, tarBytes, slice, to: null }
}
