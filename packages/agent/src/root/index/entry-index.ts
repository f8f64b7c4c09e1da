/**
 * The index: the docroot as it was when it was last looked at, and the sequence at which each path last changed.
 *
 * INVARIANT: a receiver that committed sequence S of this epoch holds, for every row with sequence ≤ S, what the row
 * says. So it misses exactly the rows above S, and nothing else must be remembered about it. Deletions stay as
 * tombstones until every known receiver is durably past them (`horizon` is the highest that was dropped).
 *
 * A *term* is one life of the agent within an epoch. A receiver names the term of its sequence. A receiver that saw
 * changes which this index never recorded (because the index was restored from a backup, or copied) is found out by
 * that. See `knows`.
 *
 * One thread owns an index. Everything is synchronous; a write is one transaction.
 */

import type { DatabaseSync } from 'node:sqlite'
import { baseName } from '@rootferry/protocol'
import type { Totals } from '../../root-messages.ts'
import { changedBits } from './changed-parts.ts'
import { type ChildrenPage, childrenPage } from './children-page.ts'
import { ContentRows } from './content-rows.ts'
import { EntryRows, type PlacedRow } from './entry-rows.ts'
import { HeldContent } from './held-content.ts'
import { DEFERRED } from './index-schema.ts'
import {
  childPath,
  type Finding,
  type IndexedChange,
  type IndexedEntry,
  KINDS,
  type Observation,
  parentOf,
  TOMBSTONE,
  toEntry,
  toKnown,
} from './indexed-entry.ts'
import { type Listed, pageOf } from './listed-page.ts'
import { MemoryRows } from './memory-rows.ts'
import { PreservedRows } from './preserved-rows.ts'
import { rowsWithoutDigests } from './rows-without-digests.ts'
import { Statements } from './statements.ts'

export class EntryIndex {
  readonly epoch: string
  readonly term: string
  /** Notes, terms and receivers. */
  readonly memory: MemoryRows
  /** What receivers provably hold. */
  readonly held: HeldContent
  readonly preserved: PreservedRows
  readonly #database: DatabaseSync
  readonly #sql: Statements
  readonly #entries: EntryRows
  readonly #contents: ContentRows
  #totals: Totals = { files: 0, directories: 0, symlinks: 0, bytes: 0 }
  #head = 0
  #horizon: number

  /**
   * @param identity random and new: this life's term, and the epoch of an index that has none yet
   * @param renewEpoch takes the new epoch in any case: rows may have been lost, so receivers must compare
   */
  constructor(database: DatabaseSync, identity: { epoch: string; term: string }, renewEpoch: boolean) {
    this.#database = database
    this.#sql = new Statements(database)
    this.memory = new MemoryRows(this.#sql)
    this.#entries = new EntryRows(this.#sql)
    this.#contents = new ContentRows(this.#sql, this.#entries)
    this.preserved = new PreservedRows({ sql: this.#sql, memory: this.memory, entries: this.#entries })
    this.epoch = (renewEpoch ? null : this.memory.note('epoch')) ?? identity.epoch
    this.term = identity.term
    this.#load()
    this.#horizon = Number(this.memory.note('horizon') ?? 0)
    this.held = new HeldContent(this.#sql, this.#contents, this.#head)
    this.#sql.transaction(() => {
      this.memory.setNote('epoch', this.epoch)
      this.memory.beginTerm(this.term, this.#head)
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

  /** Whether a receiver that was told `sequence` in `term` was told the history that this index remembers. */
  knows(term: string, sequence: number): boolean {
    const end = this.memory.endOfTerm(term, this.#head)
    return end !== null && sequence <= end
  }

  get(path: string): IndexedEntry | null {
    const row = this.#entries.entry(parentOf(path), baseName(path))
    return row === null || row.kind === TOMBSTONE ? null : toEntry(path, row)
  }

  /** The next living children of a directory after a name, in order; `next` is the name to continue after, or null. */
  childrenAfter(directory: string, name: string): ChildrenPage {
    return childrenPage(this.#entries, directory, name)
  }

  /** Digest of a content number, if it was learnt. */
  digest(content: number): string | null {
    return this.#contents.digest(content)
  }

  /**
   * Records the findings of a scan, each at the next sequence, in one transaction.
   * @returns the new head
   */
  record(findings: readonly Finding[]): number {
    if (findings.length === 0) return this.#head
    const work = () => {
      for (const finding of findings) this.#recordOne(finding)
      this.memory.setNote('head', String(this.#head))
    }
    // What was not written was not recorded.
    this.#sql.transaction(work, () => this.#load())
    return this.#head
  }

  /** Records a new ctime or inode of an entry with the same attributes and bytes: not a change. */
  refresh(path: string, observation: Observation): void {
    this.#entries.refresh(parentOf(path), baseName(path), observation)
  }

  /** Drops rows without a tombstone: a filter excludes the paths now, so the agent no longer speaks for them. */
  forget(paths: readonly string[]): void {
    this.#sql.transaction(() => {
      for (const path of paths) {
        const entry = this.get(path)
        if (entry === null) continue
        count(this.#totals, entry, -1)
        this.#entries.remove(parentOf(path), baseName(path))
        this.#contents.removeDigest(entry.content)
        this.#contents.removeChunks(parentOf(path), baseName(path))
      }
    })
  }

  /**
   * The content of a path left a changeset, because its bytes could not be read. The row is in no changeset until it is
   * recorded again, and neither it nor a tombstone in its place proves any more that receivers hold that content.
   */
  defer(path: string, content: number): void {
    this.#sql.transaction(() => {
      this.#entries.defer(parentOf(path), baseName(path), content)
      this.#contents.defer(parentOf(path), baseName(path), content)
    })
  }

  /** Receivers may have got another file than this content: no change refers to it any more. */
  doubt(path: string, content: number): void {
    this.#contents.doubt(parentOf(path), baseName(path), content)
  }

  /** Paths whose rows are deferred: after a restart they must be looked at again. */
  deferred(): string[] {
    return this.#entries.withSequence(DEFERRED).map(({ directory, row }) => childPath(directory, row.name))
  }

  /** Digests learnt while packing, kept only if the row is still the one that was packed. */
  learnDigests(learnt: readonly { path: string; content: number; digest: string }[]): void {
    this.#sql.transaction(() => {
      for (const { path, content, digest } of learnt)
        this.#contents.setDigest(parentOf(path), baseName(path), content, digest)
    })
  }

  /** Chunks of versions that were sent, in the form that ChunkList reads. */
  learnChunks(learnt: readonly { path: string; content: number; chunks: Uint8Array }[]): void {
    this.#sql.transaction(() => {
      for (const { path, content, chunks } of learnt)
        this.#contents.setChunks(parentOf(path), baseName(path), content, chunks)
    })
  }

  hasChunks(content: number): boolean {
    return this.#contents.hasChunks(content)
  }

  /** Rows above `from`, and up to `to`, at most `limit`: the first ones or, newest first, the last ones. */
  changesAfter(from: number, limit: number, to = this.#head, end: 'first' | 'last' = 'first'): IndexedChange[] {
    return this.#entries.after(from, to, limit, end).map(toChange)
  }

  /**
   * Files whose content changed within (from, to] and whose attributes alone changed after it: they are not among the
   * rows up to `to`, and a receiver that is told later that the content stays must have it by then. In order of their
   * content.
   */
  movedOn(from: number, to: number, limit: number): IndexedEntry[] {
    return this.#entries.movedOn(from, to, this.#head, limit).map(toPlacedEntry)
  }

  /** Rows after that one, by the number of their directory and by their name, without digests. */
  rowsAfter({ directory, name }: { directory: number; name: string }, limit: number): PlacedRow[] {
    return rowsWithoutDigests(this.#sql, directory, name, limit)
  }

  /** A page of the living entries within a path, see pageOf. */
  list(within: string, after: string | null, most: { entries: number; bytes: number }): Listed {
    return pageOf(this.#entries, within, after, most, this.head)
  }

  /** Paths of files that were seen with this inode. */
  pathsOfInode(inode: number): string[] {
    return this.#entries.byInode(inode).map(({ directory, row }) => childPath(directory, row.name))
  }

  hasChildren(directory: string): boolean {
    return this.#entries.hasChildren(directory)
  }

  /** Whether any path holds, or held until after `from`, a large file of this size. */
  hasOtherOfSize(size: number, from: number): boolean {
    return this.#entries.hasSettledOfSize(size, from)
  }

  /** Drops tombstones up to a sequence that every known receiver is durably past. */
  dropTombstones(upTo: number): void {
    if (upTo <= this.#horizon) return
    this.#sql.transaction(() => {
      this.#entries.dropTombstones(upTo)
      this.#horizon = upTo
      this.memory.setNote('horizon', String(upTo))
    })
  }

  /** How many rows are within (from, to], and the bytes of the files among them. */
  sumAfter(from: number, to = this.#head): { changes: number; bytes: number } {
    return this.#entries.sumAfter(from, to)
  }

  /**
   * How far so many changes after `from` lead, with those of the files whose content dates from before that end although
   * their rows have moved on; null: to the head.
   */
  endWithin(from: number, changes: number): number | null {
    return this.#entries.endWithin(from, changes)
  }

  close(): void {
    this.#database.close()
  }

  #load(): void {
    this.#head = Number(this.memory.note('head') ?? 0)
    this.#totals = this.#entries.totals()
  }

  #recordOne(finding: Finding): void {
    const { path } = finding
    const directory = parentOf(path)
    const name = baseName(path)
    const row = this.#entries.entry(directory, name)
    const before = row === null || row.kind === TOMBSTONE ? null : toEntry(path, row)
    if (finding.observation === null) {
      if (before === null) return
      count(this.#totals, before, -1)
      this.#entries.bury(directory, name, ++this.#head)
      this.#contents.removeChunks(directory, name)
      return
    }
    if (before !== null) count(this.#totals, before, -1)
    const sequence = ++this.#head
    const { observation } = finding
    // A row that was deferred since it was compared has come to nobody.
    const sameBytes = finding.sameBytes && before?.sequence !== DEFERRED
    const content = sameBytes && before !== null ? before.content : sequence
    if (row !== null && row.content !== content) this.#contents.removeDigest(row.content)
    const changed = changedBits(before, observation, sameBytes)
    this.#entries.put(directory, name, { ...observation, kind: KINDS[observation.kind], sequence, content, changed })
    if (finding.digest !== null) this.#contents.setDigest(directory, name, content, finding.digest)
    if (before !== null && observation.kind !== before.kind) this.#contents.removeChunks(directory, name)
    count(this.#totals, observation, 1)
  }
}

function count(totals: Totals, entry: Observation, sign: 1 | -1): void {
  if (entry.kind === 'directory') totals.directories += sign
  else if (entry.kind === 'symlink') totals.symlinks += sign
  else {
    totals.files += sign
    totals.bytes += sign * entry.size
  }
}

function toChange({ directory, row }: PlacedRow): IndexedChange {
  const path = childPath(directory, row.name)
  const { sequence, content, size, digest, changed } = row
  if (row.kind === TOMBSTONE) return { path, kind: 'absent', sequence, content, size }
  return { ...toKnown(path, row), digest, changed }
}

function toPlacedEntry({ directory, row }: PlacedRow): IndexedEntry {
  return toEntry(childPath(directory, row.name), row)
}
