/**
 * Answers `summarize` requests: a digest of each living directory, in parts, directories in the order of their numbers.
 *
 * The index may move on while a part is made: what a receiver then takes for a difference comes to it as a change.
 */
import type { Accounts } from '@rootferry/host/machine'
import {
  ABOVE_ROOT,
  type DirectorySummary,
  directoryDigest,
  encodedBytes,
  encodeMessage,
  type Summarize,
  type SummarizedEntry,
  shortened,
} from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import { placeOf } from '../index/cursor.ts'
import type { EntryIndex } from '../index/entry-index.ts'
import type { PlacedRow } from '../index/entry-rows.ts'
import { DEFERRED } from '../index/index-schema.ts'
import { childPath, KINDS, TOMBSTONE } from '../index/indexed-entry.ts'
import { OwnerNaming } from '../pack/owner-names.ts'
import type { Turn } from '../turn.ts'

export interface SummaryParts {
  index: EntryIndex
  accounts: Accounts
  nowMs: () => number
  turn: Turn
  /** Whether the content that a receiver was sent may differ from the path's row. */
  isDoubted: (path: string) => boolean
}

/** Rows that are read at once. */
const ROWS = 1_250
const SUMMARY_BYTES = 80
const LETTERS = { [KINDS.file]: 'f', [KINDS.directory]: 'd', [KINDS.symlink]: 'l' } as const

/** @returns the `summary` message, encoded */
export async function answerSummarize({ request, after, owners }: Summarize, parts: SummaryParts): Promise<string> {
  const { index, turn } = parts
  const sequence = index.head
  let at = placeOf(after)
  const part = new SummaryPart(parts, owners, at.name !== '')
  let next: string | null = null
  for (let rows = index.rowsAfter(at, ROWS); next === null && rows.length > 0; rows = index.rowsAfter(at, ROWS)) {
    for (const { directory, row } of rows) {
      if (part.isFullBefore(row.directory)) next = `${row.directory}/`
      else if (part.isOverfull) next = part.cutAfter(at)
      if (next !== null) break
      part.add(directory, row)
      at = row
    }
    if (turn.isOver) await turn.next()
  }
  return part.message(request, sequence, next)
}

class SummaryPart {
  readonly #parts: SummaryParts
  readonly #owners: boolean
  readonly #naming: OwnerNaming
  readonly #summaries: DirectorySummary[] = []
  #before: string | null = null
  #bytes = 0
  #rows = 0
  #continues: boolean
  /** The directory whose rows come. `isSettled`: all of its entries can be told of. */
  #open: { number: number; path: string; entries: SummarizedEntry[]; isSettled: boolean } | null = null

  /** @param continues the last part has left its directory unfinished */
  constructor(parts: SummaryParts, owners: boolean, continues: boolean) {
    this.#parts = parts
    this.#owners = owners
    this.#naming = new OwnerNaming(parts.accounts)
    this.#continues = continues
  }

  /** Whether the directory of that number does not belong to this part any more. */
  isFullBefore(number: number): boolean {
    if (this.#open === null || this.#open.number === number) return false
    return (
      this.#summaries.length >= BOUNDS.summaryDirectories ||
      this.#bytes >= BOUNDS.manifestBytes ||
      this.#rows >= BOUNDS.summaryRows
    )
  }

  /** Whether the empty directories of one directory have filled it. */
  get isOverfull(): boolean {
    return this.#summaries.length >= 2 * BOUNDS.summaryDirectories || this.#bytes >= 2 * BOUNDS.manifestBytes
  }

  /** Nobody can make one digest of a directory in two parts. @returns where the next part begins */
  cutAfter({ directory, name }: { directory: number; name: string }): string {
    if (this.#open !== null) this.#open.isSettled = false
    return `${directory}/${name}`
  }

  add(directory: string, row: PlacedRow['row']): void {
    this.#rows += 1
    if (this.#open?.number !== row.directory) {
      this.#close()
      this.#open = { number: row.directory, path: directory, entries: [], isSettled: !this.#continues }
      this.#continues = false
    }
    const letter = LETTERS[row.kind as keyof typeof LETTERS]
    if (row.kind === TOMBSTONE || letter === undefined || this.#open === null) return
    const { index, isDoubted } = this.#parts
    const path = childPath(directory, row.name)
    if (letter === 'd' && !index.hasChildren(path)) this.#tell(path, [], true)
    else if (letter !== 'd' && (row.sequence === DEFERRED || isDoubted(path))) this.#open.isSettled = false
    const { name, mode, uid, gid, mtime, size, target } = row
    const owner = this.#owners ? { uid, gid } : { uid: 0, gid: 0 }
    if (this.#owners) this.#naming.noteOwner(row)
    const rest = letter === 'f' ? size : (target ?? '')
    this.#open.entries.push({ name, letter, mode: letter === 'l' ? 0 : mode, ...owner, mtime, rest })
  }

  message(request: number, sequence: number, next: string | null): string {
    this.#close()
    const names = this.#naming.names(this.#parts.nowMs())
    return encodeMessage({ type: 'summary', request, sequence, directories: this.#summaries, ...names, next })
  }

  #close(): void {
    if (this.#open === null) return
    const { path, entries, isSettled } = this.#open
    this.#open = null
    // The root's own entry has no directory in the tree. A directory may have lost its last entry since it was told of.
    if (path === ABOVE_ROOT || (entries.length === 0 && this.#parts.index.get(path)?.kind !== 'directory')) return
    this.#tell(path, entries, isSettled)
  }

  #tell(path: string, entries: SummarizedEntry[], isSettled: boolean): void {
    const [common, rest] = shortened(path, this.#before)
    this.#before = path
    this.#bytes += SUMMARY_BYTES + encodedBytes(rest)
    this.#summaries.push([common, rest, entries.length, isSettled ? directoryDigest(entries) : null])
  }
}
