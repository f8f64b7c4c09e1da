/**
 * Answers `list` requests: the index, directory by directory, as `listing` messages.
 *
 * Every living directory gets a group, even an empty one, or a receiver would never look for extraneous entries in it. So
 * does one that went since the listing began: it may have been listed, and be there again.
 * When the path is not the whole tree, the first part says whether the path exists at all, in an incomplete group of
 * its parent.
 */
import { type List, parentPath, ROOT_PATH } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import { ListingGroups, type ListingParts } from './listing-groups.ts'

/** @returns the `listing` message, encoded */
export async function answerList(list: List, parts: ListingParts): Promise<string> {
  const { index } = parts
  const sequence = index.head
  const { entries, emptied, next, continues } = index.list(list.within, list.after, {
    entries: BOUNDS.listingEntries,
    bytes: BOUNDS.manifestBytes,
  })
  const groups = new ListingGroups(parts, list.digests)
  if (continues.before !== null) groups.of(continues.before)
  if (list.after === null && list.within !== ROOT_PATH) {
    groups.of(parentPath(list.within)).complete = false
    const own = index.get(list.within)
    if (own !== null) entries.unshift(own)
  }
  for (const entry of entries) {
    await groups.add(entry)
    if (entry.kind === 'directory' && !index.hasChildren(entry.path)) groups.of(entry.path)
  }
  for (const path of emptied) groups.of(path)
  if (continues.after !== null) groups.of(continues.after).complete = false
  return groups.message(list.request, sequence, next)
}
