/**
 * Which name of a file with several names travels with the content, in one plan. The others travel as links to it.
 *
 *   a changeset   a name that its receivers have by then, else a planned one whose content they have, else the first
 *   a repair      the first of all names: the same for every want, so that names that are asked for apart come together
 *
 * A name whose row tells of other attributes, from before a change or after it, is not the first name of this one: the
 * change would be lost.
 * INVARIANT: the first name is at the receivers when the plan is committed, or in the plan: a name is told as a link to
 * another one only if that holds, except in a repair, where its content comes too.
 */
import { LIMITS } from '@rootferry/protocol'
import type { IndexedEntry } from '../index/indexed-entry.ts'
import type { PreservedRows } from '../index/preserved-rows.ts'
import type { Planned } from './changeset-plan.ts'
import type { PlanRange } from './planner.ts'

export class FirstNames {
  readonly #names: Pick<PreservedRows, 'nameOfLink'>
  readonly #range: PlanRange
  /** By file and attributes: a planned name that comes before the others, as it may turn out to be another file. */
  readonly #planned = new Map<string, IndexedEntry>()
  readonly #paths = new Set<string>()
  readonly #known = new Map<string, string | null>()

  constructor(names: Pick<PreservedRows, 'nameOfLink'>, rows: readonly Planned[], range: PlanRange) {
    this.#names = names
    this.#range = range
    for (const row of rows) {
      if (row.kind !== 'file' || row.link === 0) continue
      this.#paths.add(row.path)
      const first = this.#planned.get(fileOf(row))
      const isHeld = (name: IndexedEntry) => name.content <= range.base
      if (first === undefined || (isHeld(row) && !isHeld(first))) this.#planned.set(fileOf(row), row)
    }
  }

  /**
   * The first name of the file; null for that one itself, and for a file with one name.
   * @returns `isPlanned`: the receivers have it when the plan is committed, and need no content for this name
   */
  otherNameOf(row: Planned): { path: string; isPlanned: boolean } | null {
    if (row.kind !== 'file' || row.link === 0) return null
    const file = fileOf(row)
    let first = this.#known.get(file)
    if (first === undefined) {
      first = this.#firstOf(row)
      this.#known.set(file, first)
    }
    if (first === null || first === row.path) return null
    return { path: first, isPlanned: this.#range.request === null || this.#paths.has(first) }
  }

  #firstOf(row: IndexedEntry): string | null {
    const { request, from } = this.#range
    if (request !== null) return this.#names.nameOfLink(row)
    return this.#names.nameOfLink(row, from) ?? this.#planned.get(fileOf(row))?.path ?? null
  }
}

/**
 * The other names of files that a repair makes anew under their first names: at the receiver they are names of the file
 * that was there before. Those that it did not ask for come too, as far as there is room.
 */
export function otherNames(
  rows: readonly Planned[],
  held: ReadonlySet<Planned>,
  preserved: Pick<PreservedRows, 'namesOfLink'>,
): IndexedEntry[] {
  const paths = new Set(rows.map(({ path }) => path))
  const others: IndexedEntry[] = []
  for (const row of rows) {
    if (row.kind !== 'file' || row.link === 0 || held.has(row)) continue
    const room = LIMITS.changesetChanges - paths.size
    const [first, ...rest] = preserved.namesOfLink(row, room + 1)
    if (first?.path !== row.path) continue
    for (const other of rest) {
      if (paths.has(other.path)) continue
      paths.add(other.path)
      others.push(other)
    }
  }
  return others
}

/** One text for all rows that tell the same of one file. */
function fileOf({ link, size, mtime, mode, uid, gid, extended }: IndexedEntry): string {
  return `${link} ${size} ${mtime} ${mode} ${uid} ${gid} ${extended}`
}
