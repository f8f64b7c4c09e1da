/**
 * Pure decision: how the changes of a changeset are laid out in segments.
 *
 * Changes keep their order. A segment is filled until its archive would pass BOUNDS.segmentBytes or its manifest would get too
 * long; a file that no segment can hold becomes slices, each a segment of its own, and so does one that is told in
 * terms of what the receiver has. Content that the receiver has already costs a line of manifest only.
 */
import { type Delta, LIMITS } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import { partsOf } from '../delta/recipe.ts'
import type { IndexedEntry, Tombstone } from '../index/indexed-entry.ts'

export type Planned = IndexedEntry | Tombstone

export interface PlannedSlice {
  /** Position of the file in the changeset's rows. */
  row: number
  offset: number
  length: number
  last: boolean
  /** How it is made of what the receiver has; null: its archive holds all of it. */
  delta: Delta | null
}

export interface PlannedSegment {
  /** Rows [first, end) are described here; none for a slice that is not the last of its file. */
  first: number
  end: number
  /** Upper bound of the archive's size, should every file be what the index says. */
  tarBytes: number
  slice: PlannedSlice | null
}

const TAR_BLOCK = 512
const TAR_END = 1024
/** `tarBytes` of a segment without content. */
export const EMPTY_ARCHIVE = TAR_END
/** A rough upper bound of what the manifest says of a change beside its path. */
const MANIFEST_LINE_BYTES = 300

/** The most content that one segment's archive can hold. */
export const SLICE_BYTES = LIMITS.segmentBytes - TAR_BLOCK - TAR_END

export function tarBytesOf(size: number): number {
  return TAR_BLOCK + Math.ceil(size / TAR_BLOCK) * TAR_BLOCK
}

/**
 * @param carries whether the row's content has to travel
 * @param deltaOf how it is made of what the receiver has, or null
 */
export function layOut(
  rows: readonly Planned[],
  carries: (row: Planned, position: number) => boolean,
  deltaOf: (position: number) => Delta | null,
): PlannedSegment[] {
  const segments: PlannedSegment[] = []
  let first = 0
  let tarBytes = TAR_END
  let manifestBytes = 0
  const close = (end: number) => {
    if (end > first) segments.push({ first, end, tarBytes, slice: null })
    first = end
    tarBytes = TAR_END
    manifestBytes = 0
  }
  rows.forEach((row, position) => {
    const size = row.kind === 'file' && carries(row, position) ? row.size : null
    const delta = size === null ? null : deltaOf(position)
    if (size !== null && (size > SLICE_BYTES || delta !== null)) {
      close(position)
      segments.push(...(delta === null ? slicesOf(size, position) : toldSlicesOf(delta, position)))
      first = position + 1
      return
    }
    const bytes = size === null ? 0 : tarBytesOf(size)
    const line = MANIFEST_LINE_BYTES + 2 * row.path.length
    const full = position - first >= LIMITS.segmentChanges || manifestBytes + line > BOUNDS.manifestBytes
    if (
      position > first &&
      (full || (bytes > 0 && tarBytes + bytes > Math.max(BOUNDS.segmentBytes, TAR_END + bytes)))
    ) {
      close(position)
    }
    tarBytes += bytes
    manifestBytes += line
  })
  close(rows.length)
  return segments
}

function slicesOf(size: number, row: number): PlannedSegment[] {
  const slices: PlannedSegment[] = []
  for (let offset = 0; offset < size; offset += SLICE_BYTES) {
    const length = Math.min(SLICE_BYTES, size - offset)
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
  return { first: row, end: last ? row + 1 : row, tarBytes, slice }
}
