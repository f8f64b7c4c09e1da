/** The size of a tree, as the guard judges losses by it. */
import type { EntryIndex } from '../index/entry-index.ts'

/** Living entries without the root's own row, which always stays. */
export function livingEntries({ totals }: Pick<EntryIndex, 'totals'>): number {
  const { files, directories, symlinks } = totals
  return Math.max(0, files + directories + symlinks - 1)
}
