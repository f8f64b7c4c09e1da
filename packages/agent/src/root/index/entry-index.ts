/**
 * The index: what the docroot was when it was last looked at, and at which sequence each path last changed.
 *
 * INVARIANT: a receiver that committed sequence S of this epoch holds, for every row with sequence ≤ S, what the row
 * says. So what it missed is the rows above S, and nothing else has to be remembered about it. Deletions stay as
 * tombstones until every known receiver is durably past them (`horizon` is the highest that was dropped).
 *
 * A *term* is one life of the agent within an epoch. A receiver names the term of its sequence; one that saw changes
 * which this index never recorded (it was restored from a backup, or copied) is found out by that. See `knows`.
 *
 * One thread owns an index. Everything is synchronous; a write is one transaction.
 */

import type { DatabaseSync } from 'node:sqlite'
import { ABOVE_ROOT, baseName, type EntryKind, isWithin, joinPath, parentPath, ROOT_PATH } from '@rootferry/protocol'
import type { Totals } from '../../root-messages.ts'
import { IndexQueries, type PlacedRow, type Row } from './index-queries.ts'
import { DEFERRED } from './index-schema.ts'

/** What `lstat` says of an object that can be sent, and for a symlink where it leads. */
export interface Observation {
  kind: EntryKind
  mode: number
  uid: number
  gid: number
  size: number
  mtime: number
  /** Microseconds; 0 when it is too fresh to tell a later write from this one. Of a directory: its birth. */
  ctime: number
  inode: number
  target: string | null
}

/** A row, but for its digest: most who look at rows do not need it, and it stands in a table of its own. */
export interface KnownEntry extends Observation {
  path: string
  sequence: number
  /** Sequence at which the bytes last changed: names this version of the content within the epoch. */
  content: number
}

export interface IndexedEntry extends KnownEntry {
  digest: string | null
}

export interface Tombstone {
  path: string
  kind: 'absent'
  sequence: number
}

/** What a scan found at a path: `digest` null where it is not known; `sameBytes` keeps the content number. */
export type Finding =
  | { path: string; observation: Observation; digest: string | null; sameBytes: boolean }
  | { path: string; observation: null }

export interface Listed {
  entries: IndexedEntry[]
  /** Directories in which something was deleted: it may have been all that was in them. */
  emptied: ReadonlySet<string>
  next: string | null
  continues: { before: string | null; after: string | null }
}

const KINDS = { file: 1, directory: 2, symlink: 3 } as const
const KIND_NAMES: readonly (EntryKind | null)[] = [null, 'file', 'directory', 'symlink']
const TOMBSTONE = 0

export class EntryIndex {
  readonly epoch: string
  readonly term: string
  readonly #database: DatabaseSync
  readonly #queries: IndexQueries
  readonly #totals: Totals
  #head: number
  #horizon: number

  /**
   * @param identity random and new: this life's term, and the epoch of an index that has none yet
   * @param renewEpoch takes the new epoch in any case: rows may have been lost, so receivers have to compare
   */
  constructor(database: DatabaseSync, identity: { epoch: string; term: string }, renewEpoch: boolean) {
    this.#database = database
    this.#queries = new IndexQueries(database)
    this.epoch = (renewEpoch ? null : this.#queries.meta('epoch')) ?? identity.epoch
    this.term = identity.term
    this.#head = Number(this.#queries.meta('head') ?? 0)
    this.#horizon = Number(this.#queries.meta('horizon') ?? 0)
    this.#totals = this.#queries.totals()
    this.#transaction(() => {
      this.#queries.setMeta('epoch', this.epoch)
      this.#queries.beginTerm(this.term, this.#head)
    })
  }

  get head(): number {
    return this.#head
  }

  get horizon(): number {
    return this.#horizon
  }

  get totals(): Readonly<Totals> {
    return this.#totals
  }

  /** Whether a receiver that was told `sequence` in `term` was told what this index remembers. */
  knows(term: string, sequence: number): boolean {
    const end = this.#queries.endOfTerm(term, this.#head)
    return end !== null && sequence <= end
  }

  get(path: string): IndexedEntry | null {
    const row = this.#queries.entry(parentOf(path), baseName(path))
    return row === null || row.kind === TOMBSTONE ? null : toEntry(path, row)
  }

  /** Living children of a directory, by name. */
  children(directory: string): Map<string, KnownEntry> {
    const found = new Map<string, KnownEntry>()
    for (const row of this.#queries.children(directory)) {
      if (row.kind !== TOMBSTONE) found.set(row.name, toKnown(joinPath(directory, row.name), row))
    }
    return found
  }

  /** Digest of a content number, where it was learnt. */
  digest(content: number): string | null {
    return this.#queries.digest(content)
  }

  /** Living entries below a directory, parents before children. */
  *descendants(directory: string): Generator<KnownEntry> {
    for (const entry of this.children(directory).values()) {
      yield entry
      if (entry.kind === 'directory') yield* this.descendants(entry.path)
    }
  }

  /**
   * Records what a scan found, each finding at the next sequence, in one transaction.
   * @returns the new head
   */
  record(findings: readonly Finding[]): number {
    this.#transaction(() => {
      for (const finding of findings) this.#recordOne(finding)
      this.#queries.setMeta('head', String(this.#head))
    })
    return this.#head
  }

  /** Notes a new ctime or inode of an entry whose attributes and bytes are what they were: not a change. */
  refresh(path: string, observation: Observation): void {
    this.#queries.refresh(parentOf(path), baseName(path), observation.ctime, observation.inode)
  }

  /** Drops rows without a tombstone: the path is no longer ours to speak of (a filter now excludes it). */
  forget(paths: readonly string[]): void {
    this.#transaction(() => {
      for (const path of paths) {
        const entry = this.get(path)
        if (entry === null) continue
        this.#count(entry, -1)
        this.#queries.remove(parentOf(path), baseName(path))
        this.#queries.removeDigest(entry.content)
        this.#queries.removeChunks(parentOf(path), baseName(path))
      }
    })
  }

  /** Takes entries out of every changeset until they are recorded again: their bytes could not be had. */
  defer(paths: readonly string[]): void {
    this.#transaction(() => {
      for (const path of paths) this.#queries.setSequence(parentOf(path), baseName(path), DEFERRED)
    })
  }

  /** Paths whose rows are deferred: after a restart they have to be looked at again. */
  deferred(): string[] {
    return this.#queries.withSequence(DEFERRED).map(({ directory, row }) => childPath(directory, row.name))
  }

  /** Digests learnt while packing: kept only where the row is still the one that was packed. */
  learnDigests(learnt: readonly { path: string; content: number; digest: string }[]): void {
    this.#transaction(() => {
      for (const { path, content, digest } of learnt) {
        this.#queries.setDigest(parentOf(path), baseName(path), content, digest)
      }
    })
  }

  /** Chunks of versions that were sent, as ChunkList reads them. */
  learnChunks(learnt: readonly { path: string; content: number; chunks: Uint8Array }[]): void {
    this.#transaction(() => {
      for (const { path, content, chunks } of learnt) {
        this.#queries.setChunks(parentOf(path), baseName(path), content, chunks)
      }
    })
  }

  hasChunks(content: number): boolean {
    return this.#queries.hasChunks(content)
  }

  /** Chunks of the version of a file that a receiver holds that committed `from`, and nothing later; or null. */
  chunksAt(path: string, from: number): Uint8Array | null {
    return this.#queries.chunksUpTo(parentOf(path), baseName(path), from)
  }

  /** Rows above `from` in order of sequence, at most `limit`. */
  changesAfter(from: number, limit: number): (IndexedEntry | Tombstone)[] {
    return this.#queries.after(from, this.#head, limit).map(({ directory, row }) => {
      const path = childPath(directory, row.name)
      return row.kind === TOMBSTONE ? { path, kind: 'absent', sequence: row.sequence } : toEntry(path, row)
    })
  }

  /**
   * Files that changed within (from, to], and whose attributes alone did after it: they are not among the rows up to
   * `to`, and who is told later that the content stays has to have it by then. In order of their content.
   */
  movedOn(from: number, to: number, limit: number): IndexedEntry[] {
    const rows = this.#queries.movedOn(from, to, this.#head, limit)
    return rows.map(({ directory, row }) => toEntry(childPath(directory, row.name), row))
  }

  /** A path at which a receiver that committed `from`, and nothing later, holds content of this digest; or null. */
  holderOf(digest: string, size: number, from: number): string | null {
    for (const { directory, row } of this.#queries.byDigest(digest, from)) {
      const stillThere = row.kind === KINDS.file || (row.kind === TOMBSTONE && row.sequence > from)
      if (stillThere && row.size === size) return childPath(directory, row.name)
    }
    return null
  }

  /**
   * Living entries within a path from a cursor on, grouped by directory, parents first; `next` is null at the end.
   * `continues` names the directory that the previous part, or this one, left unfinished. The path's own entry is among
   * them only when it is the root's.
   */
  list(within: string, after: string | null, limit: number): Listed {
    const from = parseCursor(after)
    const rows =
      within === ROOT_PATH
        ? this.#queries.from(from.directory, from.name, limit + 1)
        : this.#rowsWithin(within, after === null ? null : from, limit + 1)
    const beyond = rows.length > limit ? rows.pop() : undefined
    const last = rows.at(-1)
    const isUnfinished = beyond !== undefined && beyond.row.directory === last?.row.directory
    const first = rows[0]
    // A directory that was told to be complete is not gone on with, whatever is made in it until the next page.
    const reached = beyond === undefined || isUnfinished ? last?.row : { directory: beyond.row.directory, name: '' }
    return {
      entries: rows
        .filter(({ row }) => row.kind !== TOMBSTONE)
        .map(({ directory, row }) => toEntry(childPath(directory, row.name), row)),
      emptied: new Set(rows.filter(({ row }) => row.kind === TOMBSTONE).map(({ directory }) => directory)),
      next: beyond === undefined || reached === undefined ? null : `${reached.directory}/${reached.name}`,
      continues: {
        before: from.name !== '' && first?.row.directory === from.directory ? first.directory : null,
        after: isUnfinished ? beyond.directory : null,
      },
    }
  }

  /** Paths of files that were seen with this inode. Costs a pass over the whole index. */
  pathsOfInode(inode: number): string[] {
    return this.#queries.byInode(inode).map(({ directory, row }) => childPath(directory, row.name))
  }

  hasChildren(directory: string): boolean {
    return this.#queries.hasChildren(directory)
  }

  /** Whether any path holds, or held until after `from`, a large file of this size. */
  hasOtherOfSize(size: number, from: number): boolean {
    return this.#queries.hasSettledOfSize(size, from)
  }

  /** Persists how far a receiver is; creates its row. */
  saveWatermark(receiver: string, committed: number, durable: number, seenMs: number): void {
    this.#queries.saveReceiver(receiver, committed, durable, seenMs)
  }

  watermarks(): { name: string; committed: number; durable: number; seen: number }[] {
    return this.#queries.receivers()
  }

  forgetReceiver(receiver: string): void {
    this.#queries.removeReceiver(receiver)
  }

  /** Drops tombstones up to a sequence that every known receiver is durably past. */
  dropTombstones(upTo: number): void {
    if (upTo <= this.#horizon) return
    this.#transaction(() => {
      this.#queries.dropTombstones(upTo)
      this.#horizon = upTo
      this.#queries.setMeta('horizon', String(upTo))
    })
  }

  meta(name: string): string | null {
    return this.#queries.meta(name)
  }

  setMeta(name: string, value: string): void {
    this.#queries.setMeta(name, value)
  }

  close(): void {
    this.#database.close()
  }

  #rowsWithin(within: string, from: { directory: number; name: string } | null, limit: number): PlacedRow[] {
    const directory = from === null ? within : this.#queries.pathOfDirectory(from.directory)
    if (directory === null || !isWithin(directory, within)) return []
    const rows = this.#queries.rest(directory, from?.name ?? '', limit)
    if (rows.length < limit) rows.push(...this.#queries.below(within, directory, limit - rows.length))
    return rows
  }

  #recordOne(finding: Finding): void {
    const { path } = finding
    const directory = parentOf(path)
    const name = baseName(path)
    const row = this.#queries.entry(directory, name)
    const before = row === null || row.kind === TOMBSTONE ? null : toEntry(path, row)
    if (finding.observation === null) {
      if (before === null) return
      this.#count(before, -1)
      this.#queries.bury(directory, name, ++this.#head)
      this.#queries.removeChunks(directory, name)
      return
    }
    if (before !== null) this.#count(before, -1)
    const sequence = ++this.#head
    const { observation } = finding
    const content = finding.sameBytes && before !== null ? before.content : sequence
    if (row !== null && row.content !== content) this.#queries.removeDigest(row.content)
    this.#queries.put(directory, name, { ...observation, kind: KINDS[observation.kind], sequence, content })
    if (finding.digest !== null) this.#queries.setDigest(directory, name, content, finding.digest)
    if (before !== null && observation.kind !== before.kind) this.#queries.removeChunks(directory, name)
    this.#count(observation, 1)
  }

  #count(entry: Observation, sign: 1 | -1): void {
    if (entry.kind === 'directory') this.#totals.directories += sign
    else if (entry.kind === 'symlink') this.#totals.symlinks += sign
    else {
      this.#totals.files += sign
      this.#totals.bytes += sign * entry.size
    }
  }

  #transaction(work: () => void): void {
    this.#database.exec('BEGIN')
    try {
      work()
      this.#database.exec('COMMIT')
    } catch (error) {
      // SQLite has rolled back by itself when the disk is full.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }
}

/** The root's own row stands in a directory of its own, above the root. */
function parentOf(path: string): string {
  return path === ROOT_PATH ? ABOVE_ROOT : parentPath(path)
}

function childPath(directory: string, name: string): string {
  return directory === ABOVE_ROOT ? ROOT_PATH : joinPath(directory, name)
}

function parseCursor(cursor: string | null): { directory: number; name: string } {
  if (cursor === null) return { directory: 0, name: '' }
  const slash = cursor.indexOf('/')
  return { directory: Number(cursor.slice(0, slash)), name: cursor.slice(slash + 1) }
}

function toEntry(path: string, row: Row): IndexedEntry {
  return { ...toKnown(path, row), digest: row.digest }
}

function toKnown(path: string, row: Row): KnownEntry {
  const kind = KIND_NAMES[row.kind]
  if (kind === null || kind === undefined) throw new Error(`index row of kind ${row.kind}`)
  return {
    path,
    kind,
    mode: row.mode,
    uid: row.uid,
    gid: row.gid,
    size: row.size,
    mtime: row.mtime,
    ctime: row.ctime,
    inode: row.inode,
    target: row.target,
    sequence: row.sequence,
    content: row.content,
  }
}
