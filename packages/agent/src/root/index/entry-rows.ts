/**
 * The rows of entries and of their directories: rows in, rows out. Knows SQL, and about the meaning of a row only that
 * kind 0 is a tombstone and kind 1 a file.
 */
import { Buffer } from 'node:buffer'
import type { SQLInputValue } from 'node:sqlite'
import { BOUNDS } from '../../bounds.ts'
import type { Totals } from '../../root-messages.ts'
import { DEFERRED } from './index-schema.ts'
import type { Statements } from './statements.ts'

/** A row of `entries`, with the digest of its content. */
export interface Row {
  directory: number
  name: string
  sequence: number
  content: number
  kind: number
  mode: number
  uid: number
  gid: number
  size: number
  mtime: number
  ctime: number
  inode: number
  target: string | null
  extended: string | null
  link: number
  /** The parts that the latest change has changed, see changed-parts.ts. */
  changed: number
  digest: string | null
}

/** The same as SQLite returns it: arrays are made and read several times as fast as objects. */
export type RowValues = [
  directory: number,
  name: string,
  sequence: number,
  content: number,
  kind: number,
  mode: number,
  uid: number,
  gid: number,
  size: number,
  mtime: number,
  ctime: number,
  inode: number,
  target: string | null,
  extended: string | null,
  link: number,
  changed: number,
  digest: string | null,
  parent?: string,
]

/** What of an entry may be other without a change. */
export type Refreshed = Pick<Row, 'ctime' | 'inode' | 'extended' | 'link'>

/** What all names of a file have in common. */
export type LinkedRow = Pick<Row, 'link' | 'size' | 'mtime' | 'mode' | 'uid' | 'gid' | 'extended'>

/** A row together with the path of its directory. */
export interface PlacedRow {
  directory: string
  row: Row
}

const ROWS = 'SELECT entries.*, digests.digest FROM entries LEFT JOIN digests ON digests.content = entries.content'
/** Each number is of one path at most. */
const MARKS_AFTER = `SELECT sequence AS mark FROM entries WHERE sequence > ?
  UNION SELECT content FROM entries WHERE kind = 1 AND content <> sequence AND content > ?
  ORDER BY mark LIMIT 1 OFFSET ?`
/** By the directory's path in one statement: a walk asks for each directory once, and remembers none. */
const CHILDREN = 'FROM directories JOIN entries ON entries.directory = directories.id WHERE directories.path = ?'
const NAMES = `WHERE link = ? AND link <> 0 AND kind = 1 AND sequence <= ? AND size = ? AND mtime = ?
  AND mode = ? AND uid = ? AND gid = ? AND extended IS ? ORDER BY entries.directory, entries.name LIMIT ?`
const MOST_DIRECTORY_IDS = 4_096

export class EntryRows {
  readonly #sql: Statements
  /** Recently used directory numbers; the table is the authority. */
  readonly #directoryIds = new Map<string, number>()

  constructor(sql: Statements) {
    this.#sql = sql
    sql.rolledBack = () => this.#directoryIds.clear()
  }

  totals(): Totals {
    const totals: Totals = { files: 0, directories: 0, symlinks: 0, bytes: 0 }
    for (const row of this.#sql.all('SELECT kind, count(*) AS n, total(size) AS bytes FROM entries GROUP BY kind')) {
      if (row['kind'] === 1) {
        totals.files = Number(row['n'])
        totals.bytes = Number(row['bytes'])
      } else if (row['kind'] === 2) totals.directories = Number(row['n'])
      else if (row['kind'] === 3) totals.symlinks = Number(row['n'])
    }
    return totals
  }

  entry(directory: string, name: string): Row | null {
    const id = this.findDirectory(directory)
    if (id === null) return null
    const [values] = this.#sql.arrays<RowValues>(`${ROWS} WHERE entries.directory = ? AND entries.name = ?`, id, name)
    return values === undefined ? null : rowOf(values)
  }

  /** The next rows of a directory after a name, without digests: at most BOUNDS.listedNames. */
  childrenAfter(directory: string, name: string): Row[] {
    const page = `AND entries.name > ? ORDER BY entries.name LIMIT ${BOUNDS.listedNames}`
    return this.#sql.arrays<RowValues>(`SELECT entries.*, NULL ${CHILDREN} ${page}`, directory, name).map(rowOf)
  }

  put(directory: string, name: string, row: Omit<Row, 'directory' | 'name' | 'digest'>): void {
    this.#sql.run(
      'INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      this.directoryId(directory),
      name,
      row.sequence,
      row.content,
      row.kind,
      row.mode,
      row.uid,
      row.gid,
      row.size,
      row.mtime,
      row.ctime,
      row.inode,
      row.target,
      row.extended,
      row.link,
      row.changed,
    )
  }

  /**
   * Turns a row into a tombstone; what described the file stays, to say what a receiver may still hold there. Of a
   * deferred row no receiver needs to hold anything.
   */
  bury(directory: string, name: string, sequence: number): void {
    this.#sql.run(
      `UPDATE entries SET kind = 0, sequence = ?, content = CASE sequence WHEN ${DEFERRED} THEN ? ELSE content END
       WHERE directory = ? AND name = ?`,
      sequence,
      sequence,
      this.directoryId(directory),
      name,
    )
  }

  remove(directory: string, name: string): void {
    this.#sql.run('DELETE FROM entries WHERE directory = ? AND name = ?', this.directoryId(directory), name)
  }

  refresh(directory: string, name: string, { ctime, inode, extended, link }: Refreshed): void {
    this.#sql.run(
      'UPDATE entries SET ctime = ?, inode = ?, extended = ?, link = ? WHERE directory = ? AND name = ?',
      ctime,
      inode,
      extended,
      link,
      this.directoryId(directory),
      name,
    )
  }

  /**
   * A row of this content gets the sequence DEFERRED; a tombstone of this content takes its own sequence as its
   * content.
   */
  defer(directory: string, name: string, content: number): void {
    this.#sql.run(
      `UPDATE entries SET content = CASE kind WHEN 0 THEN sequence ELSE content END,
         sequence = CASE kind WHEN 0 THEN sequence ELSE ? END
       WHERE directory = ? AND name = ? AND content = ?`,
      DEFERRED,
      this.directoryId(directory),
      name,
      content,
    )
  }

  /** What was looked at besides attributes is to be looked at again. */
  forgetExtended(): void {
    this.#sql.run('UPDATE entries SET extended = NULL, link = 0 WHERE extended IS NOT NULL OR link <> 0')
  }

  withSequence(sequence: number): PlacedRow[] {
    return this.#placed('WHERE entries.sequence = ?', sequence)
  }

  after(from: number, head: number, limit: number, end: 'first' | 'last'): PlacedRow[] {
    const order = end === 'first' ? 'ASC' : 'DESC'
    return this.#placed(`WHERE sequence > ? AND sequence <= ? ORDER BY sequence ${order} LIMIT ?`, from, head, limit)
  }

  /** See EntryIndex. */
  endWithin(from: number, changes: number): number | null {
    const row = this.#sql.one(MARKS_AFTER, from, from, changes - 1)
    return row === undefined ? null : Number(row['mark'])
  }

  sumAfter(from: number, head: number): { changes: number; bytes: number } {
    const row = this.#sql.one(
      `SELECT count(*) AS changes, total(CASE kind WHEN 1 THEN size ELSE 0 END) AS bytes
       FROM entries WHERE sequence > ? AND sequence <= ?`,
      from,
      head,
    )
    return { changes: Number(row?.['changes'] ?? 0), bytes: Number(row?.['bytes'] ?? 0) }
  }

  /** Files whose content dates from (from, to] and whose rows have moved on beyond `to`, in order of their content. */
  movedOn(from: number, to: number, head: number, limit: number): PlacedRow[] {
    return this.#placed(
      `WHERE kind = 1 AND entries.content <> sequence AND entries.content > ? AND entries.content <= ?
       AND sequence > ? AND sequence <= ? ORDER BY entries.content LIMIT ?`,
      from,
      to,
      to,
      head,
      limit,
    )
  }

  from(directory: number, name: string, limit: number): PlacedRow[] {
    return this.#placed(
      'WHERE (entries.directory, entries.name) > (?, ?) ORDER BY entries.directory, entries.name LIMIT ?',
      directory,
      name,
      limit,
    )
  }

  pathOfDirectory(id: number): string | null {
    const row = this.#sql.one('SELECT path FROM directories WHERE id = ?', id)
    return row === undefined ? null : String(row['path'])
  }

  /** Rows of one directory after a name, in order. */
  rest(directory: string, name: string, limit: number): PlacedRow[] {
    return this.#placed(
      'WHERE directories.path = ? AND entries.name > ? ORDER BY entries.name LIMIT ?',
      directory,
      name,
      limit,
    )
  }

  /** Rows of the directories below one, those after `after` by path, parents first. */
  below(directory: string, after: string, limit: number): PlacedRow[] {
    return this.#placed(
      'WHERE directories.path > ? AND directories.path < ? ORDER BY directories.path, entries.name LIMIT ?',
      after > `${directory}/` ? after : `${directory}/`,
      `${directory}0`,
      limit,
    )
  }

  /**
   * The first names of a file that has several, among those that are not younger than a sequence. A name whose row tells
   * of other attributes was looked at before or after a change, and a link to it would lose that change.
   */
  namesOfLink(row: LinkedRow, upTo: number, limit: number): PlacedRow[] {
    const { link, size, mtime, mode, uid, gid, extended } = row
    return this.#placed(NAMES, link, upTo, size, mtime, mode, uid, gid, extended, limit)
  }

  /** Files only. */
  byInode(inode: number): PlacedRow[] {
    return this.#placed('WHERE inode = ? AND kind = 1', inode)
  }

  hasChildren(directory: string): boolean {
    return this.#sql.one(`SELECT 1 ${CHILDREN} AND kind <> 0 LIMIT 1`, directory) !== undefined
  }

  hasSettledOfSize(size: number, upTo: number): boolean {
    const large = `SELECT 1 FROM entries WHERE size = ? AND size > ${BOUNDS.leastSizedBytes} AND content <= ? LIMIT 1`
    return this.#sql.one(large, size, upTo) !== undefined
  }

  /** A directory of which nothing is left loses its number. */
  dropTombstones(upTo: number): void {
    const dropped = 'FROM entries WHERE kind = 0 AND sequence <= ?'
    const directories = this.#sql
      .all(`SELECT DISTINCT directory ${dropped}`, upTo)
      .map((row) => Number(row['directory']))
    this.#sql.run(`DELETE FROM digests WHERE content IN (SELECT content ${dropped})`, upTo)
    this.#sql.run(`DELETE ${dropped}`, upTo)
    const isEmpty = 'NOT EXISTS (SELECT 1 FROM entries WHERE directory = directories.id)'
    for (const id of directories) this.#sql.run(`DELETE FROM directories WHERE id = ? AND ${isEmpty}`, id)
    this.#directoryIds.clear()
  }

  #placed(clause: string, ...values: SQLInputValue[]): PlacedRow[] {
    const rows = this.#sql.arrays<RowValues>(
      `SELECT entries.*, digests.digest, directories.path AS parent FROM entries
       JOIN directories ON directories.id = entries.directory
       LEFT JOIN digests ON digests.content = entries.content ${clause}`,
      ...values,
    )
    return rows.map(placed)
  }

  /** The number of a directory that ever had a row in it, or null. */
  findDirectory(path: string): number | null {
    const known = this.#directoryIds.get(path)
    if (known !== undefined) return known
    const row = this.#sql.one('SELECT id FROM directories WHERE path = ?', path)
    return row === undefined ? null : this.#rememberDirectory(path, Number(row['id']))
  }

  /** The same; assigns a number if there was none. */
  directoryId(path: string): number {
    const known = this.findDirectory(path)
    if (known !== null) return known
    const { lastInsertRowid } = this.#sql.run('INSERT INTO directories (path) VALUES (?)', path)
    return this.#rememberDirectory(path, Number(lastInsertRowid))
  }

  #rememberDirectory(path: string, id: number): number {
    if (this.#directoryIds.size >= MOST_DIRECTORY_IDS) this.#directoryIds.clear()
    this.#directoryIds.set(path, id)
    return id
  }
}

/** @param values of a row, its digest, and the path of its directory */
export function placed(values: RowValues): PlacedRow {
  return { directory: values[17] ?? '', row: rowOf(values) }
}

function rowOf(values: RowValues): Row {
  const [directory, name, sequence, content, kind, mode, uid, gid, size, mtime, ctime, inode, target] = values
  const [extended, link, changed, digest] = [values[13], values[14], values[15], values[16]]
  return {
    directory,
    name,
    sequence,
    content,
    kind,
    mode,
    uid,
    gid,
    size,
    mtime,
    ctime,
    inode,
    target,
    extended,
    link,
    changed,
    digest,
  }
}

/** A digest's first 48 bits, by which the table of digests is searched. */
export function firstBits(digest: string): number {
  return Buffer.from(digest.slice(0, 8), 'base64url').readUIntBE(0, 6)
}
