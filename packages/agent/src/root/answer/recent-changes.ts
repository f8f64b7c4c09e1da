/**
 * What changed, newest last, from the index alone: a path is there once, with its latest change. A path that changed
 * again is at its new place.
 */
import { isWithin, ROOT_PATH } from '@rootferry/protocol'
import type { RootRequests } from '../../root-messages.ts'
import { partsOf } from '../index/changed-parts.ts'
import type { EntryIndex } from '../index/entry-index.ts'
import type { IndexedChange } from '../index/indexed-entry.ts'
import type { Turn } from '../turn.ts'

/** Read from the index at a time: less than a turn's work. */
const PAGE_ROWS = 1_000

export interface RecentChangesParts {
  index: Pick<EntryIndex, 'changesAfter'>
  /** Null while the docroot is closed: then there is no other work. */
  turn: Pick<Turn, 'isOver' | 'next'> | null
}

/**
 * With `after` the first changes above it, else the last ones. `next` is the place from which the rest follows.
 * @throws TurnsEnded when the docroot was opened anew
 */
export async function recentChanges(
  { after, to, within, limit }: RootRequests['recent']['takes'],
  { index, turn }: RecentChangesParts,
): Promise<RootRequests['recent']['answers']> {
  const found: IndexedChange[] = []
  const take = (rows: readonly IndexedChange[]) => {
    for (const row of rows)
      if (found.length < limit && (within === ROOT_PATH || isWithin(row.path, within))) found.push(row)
  }
  for (let from = after ?? to; found.length < limit; ) {
    const rows =
      after === null ? index.changesAfter(0, PAGE_ROWS, from, 'last') : index.changesAfter(from, PAGE_ROWS, to)
    take(rows)
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE_ROWS) break
    from = after === null ? last.sequence - 1 : last.sequence
    if (turn?.isOver === true) await turn.next()
  }
  const isCut = after !== null && found.length === limit
  const next = isCut ? (found.at(-1)?.sequence ?? to) : to
  if (after === null) found.reverse()
  return { changes: found.map(changeOf), next }
}

function changeOf(row: IndexedChange): RootRequests['recent']['answers']['changes'][number] {
  const { path, sequence, kind } = row
  if (kind === 'absent') return { sequence, path, kind: 'deleted', changed: [], bytes: 0 }
  // Where the attributes alone changed, no content was sent.
  const bytes = kind === 'file' && row.content === sequence ? row.size : 0
  return { sequence, path, kind, changed: partsOf(row.changed), bytes }
}
