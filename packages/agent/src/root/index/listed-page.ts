/**
 * A page of the index: living entries within a path from a cursor on, grouped by directory, parents first.
 *
 * INVARIANT: the entries of a page, and the paths of their directories, encode to less than the page's bytes, unless
 * the page has a single entry; the first entry that does not fit begins the next page.
 */
import { Buffer } from 'node:buffer'
import { baseName, encodedBytes, isWithin, ROOT_PATH } from '@rootferry/protocol'
import { beganAt, placeOf } from './cursor.ts'
import type { EntryRows, PlacedRow } from './entry-rows.ts'
import { DEFERRED } from './index-schema.ts'
import { childPath, type IndexedEntry, KINDS, parentOf, TOMBSTONE, toEntry } from './indexed-entry.ts'

export interface Listed {
  entries: IndexedEntry[]
  /**
   * Directories that may have lost their last entry since they were listed. Also those that are none any more: they may
   * be there again, and nothing else tells that they were not.
   */
  emptied: ReadonlySet<string>
  next: string | null
  continues: { before: string | null; after: string | null }
}

/** The size of an entry in a listing without names, paths and targets: numbers, a digest, brackets. */
const ENTRY_BYTES = 200

/**
 * `next` is null at the end. `continues` names the directory that the previous page, or this one, left unfinished. The
 * path's own entry is among the entries only when the path is the root's.
 */
export function pageOf(
  rows: EntryRows,
  within: string,
  after: string | null,
  most: { entries: number; bytes: number },
  head: number,
): Listed {
  const from = placeOf(after)
  const began = after === null ? head : (beganAt(after) ?? head)
  const limit = most.entries + 1
  const found =
    within === ROOT_PATH
      ? rows.from(from.directory, from.name, limit)
      : rowsWithin(rows, within, after === null ? null : from, limit)
  const count = Math.min(most.entries, fitting(rows, found, most.bytes))
  const beyond = found[count]
  const page = found.slice(0, count)
  const last = page.at(-1)
  const isUnfinished = beyond !== undefined && beyond.row.directory === last?.row.directory
  const [first] = page
  // A directory that was declared complete is not continued, whatever is created in it until the next page.
  const reached = beyond === undefined || isUnfinished ? last?.row : { directory: beyond.row.directory, name: '' }
  return {
    entries: page
      .filter(({ row }) => row.kind !== TOMBSTONE)
      .map(({ directory, row }) => toEntry(childPath(directory, row.name), row)),
    emptied: emptiedSince(began, rows, page),
    next: beyond === undefined || reached === undefined ? null : `${reached.directory}/${began}/${reached.name}`,
    continues: {
      before: from.name !== '' && first?.row.directory === from.directory ? first.directory : null,
      after: isUnfinished ? beyond.directory : null,
    },
  }
}

function emptiedSince(began: number, rows: EntryRows, page: readonly PlacedRow[]): Set<string> {
  const paths = new Set(page.filter(({ row }) => row.kind === TOMBSTONE).map(({ directory }) => directory))
  for (const path of paths) {
    const own = rows.entry(parentOf(path), baseName(path))
    if (own?.kind !== KINDS.directory && (own?.sequence ?? 0) <= began) paths.delete(path)
  }
  return paths
}

/** How many of the rows fit into this many bytes; at least one. */
function fitting(entries: EntryRows, rows: readonly PlacedRow[], bytes: number): number {
  let used = 0
  let directory = -1
  const end = rows.findIndex(({ directory: path, row }, position) => {
    // A directory has a group of its own, named by its path: for its children, or to show that it has none.
    if (row.directory !== directory) used += encodedBytes(path)
    if (row.kind === KINDS.directory) used += encodedBytes(childPath(path, row.name))
    directory = row.directory
    used += ENTRY_BYTES + encodedBytes(row.name) + (row.target === null ? 0 : encodedBytes(row.target))
    // With the name again in front of it; the text is encoded already.
    if (row.extended !== null && row.extended !== '') used += Buffer.byteLength(row.extended) + encodedBytes(row.name)
    if (row.link !== 0) used += firstNameBytes(entries, row)
    return position > 0 && used > bytes
  })
  return end < 0 ? rows.length : end
}

/** Bytes that tell of which file the entry is another name. */
function firstNameBytes(entries: EntryRows, row: PlacedRow['row']): number {
  const [first] = entries.namesOfLink(row, DEFERRED - 1, 1)
  return first === undefined ? 0 : encodedBytes(childPath(first.directory, first.row.name)) + encodedBytes(row.name)
}

function rowsWithin(
  rows: EntryRows,
  within: string,
  from: { directory: number; name: string } | null,
  limit: number,
): PlacedRow[] {
  const directory = from === null ? within : rows.pathOfDirectory(from.directory)
  if (directory === null || !isWithin(directory, within)) return []
  const found = rows.rest(directory, from?.name ?? '', limit)
  if (found.length < limit) found.push(...rows.below(within, directory, limit - found.length))
  return found
}
