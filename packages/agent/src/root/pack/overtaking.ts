/**
 * Pure decision: which changes go ahead of a changeset that is under way and brings large files.
 *
 * INVARIANT: what goes ahead keeps the order in which it was recorded, up to the first change that cannot go; and it
 * touches nothing that the changeset under way touches, so that either can be made visible before the other. It takes
 * no content from elsewhere, and takes nothing away that a receiver holds at its base: later changes may refer to that.
 * So whatever the base allows to be said of a receiver holds for one to which changes went ahead as well.
 *
 *   large file, held file that is deleted      waits, and others pass it
 *   directory that the changeset changes too   waits, and others pass it: only its time is news
 *   symlink, file with several names, or
 *   whatever meets the changeset               waits, and so does everything after it
 */
import { parentPath, ROOT_PATH } from '@rootferry/protocol'
import type { IndexedEntry } from '../index/indexed-entry.ts'
import { lineBytes, type Planned as Row } from './changeset-plan.ts'

/** The changeset that is under way, to receivers that have committed `base`. */
export interface UnderWay {
  base: number
  to: number
  kinds: ReadonlyMap<string, Row['kind']>
  /** Directories above its paths. */
  above: ReadonlySet<string>
}

export interface Known {
  get(path: string): IndexedEntry | null
  /** Whether something ever was below the path. */
  hadChildren(path: string): boolean
  /** Whether later versions of the file may be told as differences from one that receivers hold. */
  isDeltaBase(path: string): boolean
}

/** How much goes at once. */
export interface Room {
  changes: number
  /** Of the files together, and of each: a larger one is large. */
  bytes: number
  /** Of the encoded changes. */
  manifestBytes: number
}

type Verdict = 'goes' | 'waits' | 'stops'

export function underWay(base: number, to: number, rows: readonly Row[]): UnderWay {
  const kinds = new Map(rows.map(({ path, kind }) => [path, kind]))
  const above = new Set<string>()
  for (const { path } of rows) for (const directory of directoriesAbove(path)) above.add(directory)
  return { base, to, kinds, above }
}

/**
 * @param rows those above `after`, in order @param after the end of what went ahead before
 * @returns the rows that go, and the sequence up to which all rows go or wait
 */
export function goAhead(
  rows: readonly Row[],
  changeset: UnderWay,
  after: number,
  known: Known,
  room: Room,
): { rows: Row[]; to: number } {
  const going: Row[] = []
  const made = new Set<string>()
  let bytes = 0
  let manifestBytes = 0
  let to = after
  for (const row of rows) {
    const verdict = verdictOf(row, changeset, { ...known, isThere })
    if (verdict === 'stops') break
    if (verdict === 'goes') {
      bytes += row.kind === 'file' ? row.size : 0
      manifestBytes += lineBytes(row, { by: 'manifest' })
      const isFull = going.length === room.changes || bytes > room.bytes || manifestBytes > room.manifestBytes
      if (isFull && going.length > 0) break
      going.push(row)
      if (row.kind === 'directory') made.add(row.path)
    }
    to = row.sequence
  }
  return { rows: going, to }

  /** Whether the receiver has this directory when the rows that go are visible. */
  function isThere(directory: string): boolean {
    if (directory === ROOT_PATH || made.has(directory)) return true
    const row = known.get(directory)
    if (row?.kind !== 'directory') return false
    const wentAhead = row.content > changeset.to && row.content <= after
    return row.content <= changeset.base || (wentAhead && !changeset.kinds.has(directory))
  }

  function verdictOf(
    row: Row,
    { base, kinds, above }: UnderWay,
    facts: Known & { isThere(directory: string): boolean },
  ): Verdict {
    const { path, kind } = row
    if (kind === 'symlink' || (kind === 'file' && row.link !== 0)) return 'stops'
    if (kind === 'file' && row.size > room.bytes) return 'waits'
    const meets = kinds.get(path)
    const isHeld = row.content <= base
    if (meets !== undefined) return kind === 'directory' && meets === 'directory' && isHeld ? 'waits' : 'stops'
    if (kind !== 'directory' && above.has(path)) return 'stops'
    const isBase = !isHeld && facts.isDeltaBase(path)
    if (kind === 'absent') return isHeld || isBase || facts.hadChildren(path) ? 'waits' : 'goes'
    if (isBase || (kind === 'file' && facts.hadChildren(path))) return 'stops'
    const isReplaced = directoriesAbove(path).some((directory) => (kinds.get(directory) ?? 'directory') !== 'directory')
    if (isReplaced || (path !== ROOT_PATH && !facts.isThere(parentPath(path)))) return 'stops'
    return 'goes'
  }
}

function directoriesAbove(path: string): string[] {
  const directories: string[] = []
  for (let at = path; at !== ROOT_PATH; ) {
    at = parentPath(at)
    directories.push(at)
  }
  return directories
}
