/** Answers `expand` requests: the entries of some directories, without what is in directories below them. */
import { Buffer } from 'node:buffer'
import { baseName, type Expand, ROOT_PATH } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import { placeOf } from '../index/cursor.ts'
import type { KnownEntry } from '../index/indexed-entry.ts'
import { ListingGroups, type ListingParts } from './listing-groups.ts'

/** Numbers, brackets and commas of an entry, and its name once more. */
const ENTRY_BYTES = 800

/** @returns the `listing` message, encoded. A directory that is not there any more has no group */
export async function answerExpand({ request, within, after }: Expand, parts: ListingParts): Promise<string> {
  const { index } = parts
  const sequence = index.head
  const groups = new ListingGroups(parts, false)
  // The number in its cursor is that of one of the directories asked for.
  const start = placeOf(after)
  let [entries, bytes] = [0, 0]
  for (const [position, path] of within.entries()) {
    if (position < start.directory || index.get(path)?.kind !== 'directory') continue
    const name = position === start.directory ? start.name : ''
    if (entries >= BOUNDS.listingEntries || bytes >= BOUNDS.manifestBytes)
      return groups.message(request, sequence, `${position}/`)
    bytes += ENTRY_BYTES + Buffer.byteLength(path)
    const own = path === ROOT_PATH && name === '' ? index.get(ROOT_PATH) : null
    if (own !== null) await groups.add(own)
    groups.of(path)
    for (const entry of childrenAfter(index, path, name)) {
      if (entries >= BOUNDS.listingEntries || bytes >= BOUNDS.manifestBytes) {
        groups.of(path).complete = false
        return groups.message(request, sequence, `${position}/${groups.of(path).entries.at(-1)?.[0] ?? name}`)
      }
      await groups.add({ ...entry, digest: null })
      entries += 1
      bytes +=
        ENTRY_BYTES + 6 * Buffer.byteLength(`${baseName(entry.path)}${entry.target ?? ''}${entry.extended ?? ''}`)
    }
  }
  return groups.message(request, sequence, null)
}

function* childrenAfter(index: ListingParts['index'], directory: string, name: string): Generator<KnownEntry> {
  for (let after: string | null = name; after !== null; ) {
    const page = index.childrenAfter(directory, after)
    yield* page.entries
    after = page.next
  }
}
