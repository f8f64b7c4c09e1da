/**
 * Answers `list` requests: the index, directory by directory, as `listing` messages.
 *
 * Every living directory gets a group, even an empty one, or a receiver would never look for extraneous entries in it.
 * When the path is not the whole tree, the first part says whether the path exists at all, in an incomplete group of
 * its parent.
 */
import type { Accounts, BulkReads, ConfinedDirectories } from '@rootferry/host/machine'
import {
  ABOVE_ROOT,
  baseName,
  encodeMessage,
  type List,
  type ListedChildren,
  type ListedEntry,
  parentPath,
  ROOT_PATH,
} from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { EntryIndex } from '../index/entry-index.ts'
import { DEFERRED } from '../index/index-schema.ts'
import { extendedOf, type IndexedEntry } from '../index/indexed-entry.ts'
import { OwnerNaming } from '../pack/owner-names.ts'
import { digestFile } from '../scan/content-reader.ts'
import { isNotProvenOther } from '../scan/difference.ts'
import { observe } from '../scan/observe.ts'
import type { Turn } from '../turn.ts'

export interface ListingParts {
  directories: ConfinedDirectories
  reads: BulkReads
  index: EntryIndex
  accounts: Accounts
  nowMs: () => number
  turn: Turn
  /** Whether the content that a receiver was sent may differ from the path's row. */
  isDoubted: (path: string) => boolean
}

/** @returns the `listing` message, encoded */
export async function answerList(list: List, parts: ListingParts): Promise<string> {
  const { index } = parts
  const sequence = index.head
  const { entries, emptied, next, continues } = index.list(list.within, list.after, {
    entries: BOUNDS.listingEntries,
    bytes: BOUNDS.manifestBytes,
  })
  const naming = new OwnerNaming(parts.accounts)
  const groups = new Map<string, ListedChildren>()
  const group = (path: string) => {
    const known = groups.get(path)
    if (known !== undefined) return known
    const made: ListedChildren = { path, entries: [], complete: true }
    groups.set(path, made)
    return made
  }
  if (continues.before !== null) group(continues.before)
  if (list.after === null && list.within !== ROOT_PATH) {
    group(parentPath(list.within)).complete = false
    const own = index.get(list.within)
    if (own !== null) entries.unshift(own)
  }
  for (const entry of entries) {
    naming.noteOwner(entry)
    const parent = entry.path === ROOT_PATH ? ABOVE_ROOT : parentPath(entry.path)
    const line = await listed(entry, list, parts)
    const children = group(parent)
    children.entries.push(line)
    const first = line[1] === 'f' ? index.preserved.nameOfLink(entry) : null
    if (first !== null && first !== entry.path) {
      children.links ??= []
      children.links.push([line[0], first])
    }
    const { extended } = extendedOf(entry)
    if (extended !== undefined && line[1] !== 'u') {
      naming.noteExtended(extended)
      children.extended ??= []
      children.extended.push([line[0], extended])
    }
    if (entry.kind === 'directory' && !index.hasChildren(entry.path)) group(entry.path)
  }
  // The directory may have had children when its own entry was listed.
  for (const path of emptied) if (index.get(path)?.kind === 'directory') group(path)
  if (continues.after !== null) group(continues.after).complete = false
  parts.directories.release()
  return encodeMessage({
    type: 'listing',
    request: list.request,
    sequence,
    directories: [...groups.values()],
    ...naming.names(parts.nowMs()),
    next,
  })
}

async function listed(entry: IndexedEntry, list: List, parts: ListingParts): Promise<ListedEntry> {
  const name = entry.path === ROOT_PATH ? ROOT_PATH : baseName(entry.path)
  const { mode, uid, gid, mtime } = entry
  // The entries in it are listed as well.
  if (entry.kind === 'directory') return [name, 'd', mode, uid, gid, mtime]
  if (entry.sequence === DEFERRED || parts.isDoubted(entry.path)) return [name, 'u']
  if (entry.kind === 'symlink') return [name, 'l', mode, uid, gid, mtime, entry.target ?? '']
  const digest = entry.digest ?? (list.digests ? await digestOfEntry(entry, parts) : null)
  return [name, 'f', mode, uid, gid, mtime, entry.size, list.digests ? digest : null]
}

/** Null when the file differs from its row: the receiver then asks for it, and gets the present version. */
async function digestOfEntry(entry: IndexedEntry, parts: ListingParts): Promise<string | null> {
  let location: string
  try {
    location = parts.directories.locate(entry.path)
  } catch {
    return null
  }
  const read = await digestFile(location, () => parts.turn.next(), parts.reads)
  if (read.fault !== null) return null
  const look = observe(read.stats, null, parts.nowMs())
  if (look.found !== 'entry' || !isNotProvenOther(entry, look.observation)) return null
  parts.index.learnDigests([{ path: entry.path, content: entry.content, digest: read.digest }])
  return read.digest
}
