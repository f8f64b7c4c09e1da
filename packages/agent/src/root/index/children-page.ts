/** A directory's living children as scans compare them: in portions, in order of their names, without digests. */
import { joinPath } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { EntryRows } from './entry-rows.ts'
import { type KnownEntry, TOMBSTONE, toKnown } from './indexed-entry.ts'

export interface ChildrenPage {
  entries: KnownEntry[]
  /** The name after which to continue, or null. */
  next: string | null
}

export function childrenPage(rows: EntryRows, directory: string, after: string): ChildrenPage {
  const found = rows.childrenAfter(directory, after)
  const living = found.filter(({ kind }) => kind !== TOMBSTONE)
  return {
    entries: living.map((row) => toKnown(joinPath(directory, row.name), row)),
    next: found.length < BOUNDS.listedNames ? null : (found.at(-1)?.name ?? null),
  }
}
