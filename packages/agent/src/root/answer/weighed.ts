/** How much content changed above each of some sequences. Every row is read once, however many sequences there are. */
import type { RootRequests } from '../../root-messages.ts'
import type { EntryIndex } from '../index/entry-index.ts'

/** @param after ascending */
export function weighed(
  { after, to }: RootRequests['weigh']['takes'],
  index: Pick<EntryIndex, 'sumAfter'>,
): RootRequests['weigh']['answers'] {
  const bytes: number[] = []
  let above = 0
  for (let at = after.length - 1; at >= 0; at -= 1) {
    above += index.sumAfter(after[at] ?? to, after[at + 1] ?? to).bytes
    bytes[at] = above
  }
  return { bytes }
}
