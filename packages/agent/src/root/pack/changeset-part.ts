/**
 * A part of a replay that is cut by size: its end, and the rows from beyond that end that come with it.
 *
 *   moved on   files whose content dates from before the end although their rows have moved on beyond it. Without those,
 *              a later part would say that their content stays, to a receiver that never got it
 *   led to     what a symlink of the part leads to: whoever pointed it there had made that before, and receivers follow the
 *              symlink when the part is visible
 *
 * Both come again with the part in which their rows are. Reads the index only.
 */
import { dirname, resolve } from 'node:path/posix'
import { Refusal } from '@rootferry/host/machine'
import { isBelowAny, LIMITS } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { EntryIndex } from '../index/entry-index.ts'
import type { Planned } from './changeset-plan.ts'

/** How much a changeset may have. */
export interface PartRoom {
  changes: number
  bytes: number
}

export const ROOM: PartRoom = { changes: LIMITS.changesetChanges, bytes: BOUNDS.changesetBytes }

export interface PartRange {
  from: number
  /** What receivers hold by its rows: below `from` where the beginning of a changeset is staged. */
  told: number
  /** Null: nothing is led to. `head` is how far rows may come. */
  leads: { rootPath: string; head: number } | null
}

/**
 * @param end where all of the rows together lead; null: to the last of them
 * @throws Refusal when what was staged of a changeset has changed too much for its rest to fit into another
 */
export function partWithContent(
  index: EntryIndex,
  { from, told, leads }: PartRange,
  rows: Planned[],
  end: number | null,
): { rows: Planned[]; to: number } {
  for (let part = rows; ; part = part.slice(0, Math.ceil(part.length / 2))) {
    const isAll = part.length === rows.length && end !== null
    const to = isAll ? end : (part.at(-1)?.sequence ?? from)
    const moved = index.movedOn(told, to, LIMITS.changesetChanges)
    const own = [...part, ...moved]
    const led = leads === null ? [] : ledTo(index, own, { to, ...leads })
    if (fits([...own, ...led])) return { rows: [...own, ...led], to }
    if (part.length > 1) continue
    // A symlink that leads to more than a changeset holds does not wait for that.
    if (fits(own)) return { rows: own, to }
    // The room for bytes is no bound of the wire, and one large file goes beyond it: what is staged is not given up for it.
    if (told < from && own.length <= LIMITS.changesetChanges) return { rows: own, to }
    if (told < from) throw new Refusal('too much has changed of what the receiver has staged')
    const some = moved.slice(0, Math.max(1, withinBytes(moved).length))
    return { rows: some, to: some.at(-1)?.content ?? to }
  }
}

export function withinBytes<Row extends Planned>(rows: Row[], most: number = ROOM.bytes): Row[] {
  let bytes = 0
  const end = rows.findIndex((row, position) => {
    bytes += row.kind === 'file' ? row.size : 0
    return position > 0 && bytes > most
  })
  return end < 0 ? rows : rows.slice(0, end)
}

function fits(rows: Planned[]): boolean {
  return rows.length <= LIMITS.changesetChanges && withinBytes(rows).length === rows.length
}

/** As far as it is among the next rows: only so many are looked through. */
function ledTo(
  index: EntryIndex,
  own: readonly Planned[],
  { rootPath, to, head }: { rootPath: string; to: number; head: number },
): Planned[] {
  const targets = new Set(
    own.flatMap((row) => (row.kind === 'symlink' ? [targetOf(row.path, row.target ?? '', rootPath)] : [])),
  )
  if (targets.size === 0) return []
  const isLedTo = (path: string) => targets.has(path) || isBelowAny(path, targets)
  const known = new Set(own.map(({ path }) => path))
  return index
    .changesAfter(to, LIMITS.changesetChanges, head)
    .filter(({ path, kind }) => kind !== 'absent' && !known.has(path) && isLedTo(path))
}

/** Outside of the root it is nothing that any path is within. */
function targetOf(path: string, target: string, rootPath: string): string {
  const at = resolve(rootPath, dirname(path), target)
  return at.startsWith(`${rootPath}/`) ? at.slice(rootPath.length + 1) : '..'
}
