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

/** Living entries below a directory, parents before children. */
export function* descendantsOf(
  index: { childrenAfter(directory: string, name: string): ChildrenPage },
  directory: string,
): Generator<KnownEntry> {
  for (let after: string | null = ''; after !== null; ) {
    const page = index.childrenAfter(directory, after)
    for (const entry of page.entries) {
      yield entry
      if (entry.kind === 'directory') yield* descendantsOf(index, entry.path)
    }
    after = page.next
  }
}
