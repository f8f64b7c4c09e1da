/**
 * The index's tables, and the opening of its database.
 *
 * `directories` gives every directory that has children, or tombstones of some, a number, so that a path costs its name
 * only. `entries` is clustered by (directory, name): listing one directory is one contiguous read. Kind 0 is a
 * tombstone. Times are REAL because microseconds of the far future do not fit an integer that JavaScript can read back.
 *
 * Digests have a table of their own, by content number: they are learnt in that order, so a first sync appends. They
 * are found by the first bits as an integer; an index of the random texts themselves cost four times as much to fill.
 *
 * `chunks` holds the chunks of the last versions of a large file, so that the next version can be sent as a delta.
 */
import { DatabaseSync } from 'node:sqlite'
import { EXIT, Failure, isDatabaseHeld } from '@rootferry/host/machine'
import { BOUNDS } from '../../bounds.ts'

export const SCHEMA_VERSION = 1

/**
 * The sequence of a row that waits for its file to become readable or still: it belongs to no changeset until the file
 * is looked at again.
 */
export const DEFERRED = Number.MAX_SAFE_INTEGER

const TABLES = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE terms (id INTEGER PRIMARY KEY, term TEXT NOT NULL UNIQUE, start INTEGER NOT NULL);
CREATE TABLE receivers (
  name TEXT PRIMARY KEY, committed INTEGER NOT NULL, durable INTEGER NOT NULL, seen INTEGER NOT NULL,
  whole INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE directories (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
CREATE TABLE entries (
  directory INTEGER NOT NULL, name TEXT NOT NULL,
  sequence INTEGER NOT NULL, content INTEGER NOT NULL, kind INTEGER NOT NULL,
  mode INTEGER NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL, size INTEGER NOT NULL,
  mtime REAL NOT NULL, ctime REAL NOT NULL, inode INTEGER NOT NULL, target TEXT, extended TEXT,
  link INTEGER NOT NULL DEFAULT 0, changed INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (directory, name)
) WITHOUT ROWID;
CREATE INDEX entries_sequence ON entries (sequence);
CREATE INDEX entries_large ON entries (size) WHERE size > ${BOUNDS.leastSizedBytes};
CREATE INDEX entries_moved_on ON entries (content) WHERE kind = 1 AND content <> sequence;
CREATE TABLE digests (
  content INTEGER PRIMARY KEY, digest TEXT NOT NULL, bits INTEGER NOT NULL, directory INTEGER NOT NULL, name TEXT NOT NULL
);
CREATE INDEX digests_bits ON digests (bits);
CREATE TABLE chunks (content INTEGER PRIMARY KEY, directory INTEGER NOT NULL, name TEXT NOT NULL, list BLOB NOT NULL);
CREATE INDEX chunks_path ON chunks (directory, name);
`

/** Also made in an index of an earlier agent. */
const LATER_INDEXES = `
DROP INDEX IF EXISTS entries_inode;
CREATE INDEX IF NOT EXISTS entries_object ON entries (inode);
CREATE INDEX IF NOT EXISTS entries_gone ON entries (sequence) WHERE kind = 0;
`

/**
 * Opens the index's database, making the tables in an empty one.
 * @throws Failure when another agent holds it or it comes from a newer version; the SQLite error when it is damaged
 */
export function openIndexDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file)
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA busy_timeout = 0;')
    lock(database, file)
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -8000;')
    const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
    if (version > SCHEMA_VERSION) {
      throw new Failure(
        EXIT.badConfiguration,
        `${file}: written by a newer Rootferry (index version ${version}), this one reads ${SCHEMA_VERSION}`,
      )
    }
    if (version === 0) database.exec(`BEGIN; ${TABLES} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT;`)
    database.exec(LATER_INDEXES)
    addLaterColumns(database)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/**
 * An index of an earlier agent does not know which of its receivers had everything, and when; nothing about what is
 * preserved besides attributes; and not which parts of an entry its latest change has changed.
 */
function addLaterColumns(database: DatabaseSync): void {
  addColumn(database, 'receivers', 'whole', 'INTEGER NOT NULL DEFAULT 0')
  addColumn(database, 'entries', 'extended', 'TEXT')
  addColumn(database, 'entries', 'link', 'INTEGER NOT NULL DEFAULT 0')
  addColumn(database, 'entries', 'changed', 'INTEGER NOT NULL DEFAULT 0')
  database.exec('CREATE INDEX IF NOT EXISTS entries_linked ON entries (link) WHERE link <> 0')
}

function addColumn(database: DatabaseSync, table: string, column: string, type: string): void {
  const columns = database.prepare(`PRAGMA table_info(${table})`).all()
  if (!columns.some(({ name }) => name === column)) database.exec(`ALTER TABLE ${table} ADD COLUMN ${column} ${type}`)
}

function lock(database: DatabaseSync, file: string): void {
  try {
    database.exec('BEGIN EXCLUSIVE; COMMIT;')
  } catch (error) {
    if (!isDatabaseHeld(error)) throw error
    throw new Failure(EXIT.failed, `${file}: in use by another agent`, { cause: error })
  }
}
