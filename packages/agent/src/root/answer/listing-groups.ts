/** The `listing` message while it is made: entries by directory, as receivers are told of them. */
import type { Accounts, BulkReads, ConfinedDirectories } from '@rootferry/host/machine'
import {
  ABOVE_ROOT,
  baseName,
  encodeMessage,
  type ListedChildren,
  type ListedEntry,
  parentPath,
  ROOT_PATH,
} from '@rootferry/protocol'
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

export class ListingGroups {
  readonly #parts: ListingParts
  readonly #digests: boolean
  readonly #groups = new Map<string, ListedChildren>()
  readonly #naming: OwnerNaming

  /** @param digests whether files are read whose digest is not known */
  constructor(parts: ListingParts, digests: boolean) {
    this.#parts = parts
    this.#digests = digests
    this.#naming = new OwnerNaming(parts.accounts)
  }

  /** The group of a directory, which is made where there is none. */
  of(path: string): ListedChildren {
    const known = this.#groups.get(path)
    if (known !== undefined) return known
    const made: ListedChildren = { path, entries: [], complete: true }
    this.#groups.set(path, made)
    return made
  }

  async add(entry: IndexedEntry): Promise<void> {
    const { index } = this.#parts
    this.#naming.noteOwner(entry)
    const parent = entry.path === ROOT_PATH ? ABOVE_ROOT : parentPath(entry.path)
    const line = await listed(entry, this.#digests, this.#parts)
    const children = this.of(parent)
    children.entries.push(line)
    const first = line[1] === 'f' ? index.preserved.nameOfLink(entry) : null
    if (first !== null && first !== entry.path) {
      children.links ??= []
      children.links.push([line[0], first])
    }
    const { extended } = extendedOf(entry)
    if (extended !== undefined && line[1] !== 'u') {
      this.#naming.noteExtended(extended)
      children.extended ??= []
      children.extended.push([line[0], extended])
    }
  }

  /** @returns the `listing` message, encoded */
  message(request: number, sequence: number, next: string | null): string {
    const { directories, nowMs } = this.#parts
    directories.release()
    const groups = [...this.#groups.values()]
    return encodeMessage({
      type: 'listing',
      request,
      sequence,
      directories: groups,
      ...this.#naming.names(nowMs()),
      next,
    })
  }
}

async function listed(entry: IndexedEntry, digests: boolean, parts: ListingParts): Promise<ListedEntry> {
  const name = entry.path === ROOT_PATH ? ROOT_PATH : baseName(entry.path)
  const { mode, uid, gid, mtime } = entry
  // The entries in it are listed as well.
  if (entry.kind === 'directory') return [name, 'd', mode, uid, gid, mtime]
  if (entry.sequence === DEFERRED || parts.isDoubted(entry.path)) return [name, 'u']
  if (entry.kind === 'symlink') return [name, 'l', mode, uid, gid, mtime, entry.target ?? '']
  const digest = entry.digest ?? (digests ? await digestOfEntry(entry, parts) : null)
  return [name, 'f', mode, uid, gid, mtime, entry.size, digests ? digest : null]
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
