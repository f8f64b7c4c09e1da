/**
 * Which paths changed in a range of sequences, for the hooks that run when all receivers have it. A path that changed
 * again after the range is not in it: the next range has it.
 */
import { MOST_HOOK_PATHS } from '@rootferry/host/machine'
import { PathFilter } from '@rootferry/protocol'
import type { RootRequests } from '../../root-messages.ts'
import type { EntryIndex } from '../index/entry-index.ts'
import type { Turn } from '../turn.ts'

/** Read from the index at a time: less than a turn's work. */
const PAGE_ROWS = 1_000

export interface ChangedPathsParts {
  index: Pick<EntryIndex, 'changesAfter'>
  /** Null while the docroot is closed: then there is no other work. */
  turn: Pick<Turn, 'isOver' | 'next'> | null
}

/** @throws TurnsEnded when the docroot was opened anew */
export async function changedPaths(
  { after, to, match }: RootRequests['changed']['takes'],
  { index, turn }: ChangedPathsParts,
): Promise<RootRequests['changed']['answers']> {
  const filter = new PathFilter(match)
  const paths: string[] = []
  let omitted = 0
  for (let from = after; ; ) {
    const rows = index.changesAfter(from, PAGE_ROWS, to)
    for (const { path, kind } of rows) {
      if (!filter.excludesWithParents(path, kind)) continue
      if (paths.length < MOST_HOOK_PATHS) paths.push(path)
      else omitted += 1
    }
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE_ROWS) return { paths, omitted }
    from = last.sequence
    if (turn?.isOver === true) await turn.next()
  }
}
