/**
 * The SQLite file under the ledger: opening it, its schema version, setting a damaged one aside, and running
 * statements. Knows tables and pragmas, not their meaning.
 */
import { mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite'
import { databaseDamage, EXIT, errorMessage, Failure, isDatabaseDamaged, isDatabaseHeld } from '@rootferry/host/machine'

const SCHEMA_VERSION = 11
const FILE = 'ledger.sqlite'

/** Added in version 2. */
const REPAIRED = 'CREATE TABLE repaired (path TEXT PRIMARY KEY, commits INTEGER NOT NULL) STRICT, WITHOUT ROWID;'
/** Added in version 3. A target that had a position counts as complete: it is compared or replayed before it is trusted. */
const HOOK_PATH = `
  CREATE TABLE hook_path (
    hook TEXT, path TEXT, stamp INTEGER NOT NULL, reason TEXT NOT NULL, omitted INTEGER NOT NULL,
    PRIMARY KEY (hook, path)
  ) STRICT, WITHOUT ROWID;
  ALTER TABLE state ADD COLUMN complete INTEGER NOT NULL DEFAULT 0;
  UPDATE state SET complete = epoch IS NOT NULL;
`

/** Added in version 4. */
const SERIES = `
  CREATE TABLE series (
    id INTEGER PRIMARY KEY CHECK (id = 1), epoch TEXT NOT NULL, term TEXT NOT NULL, base INTEGER NOT NULL,
    upto INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE staged (path TEXT PRIMARY KEY, change TEXT, owed INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`

/** Added in version 5. */
const AFTER_LOSS = 'ALTER TABLE state ADD COLUMN after_loss INTEGER NOT NULL DEFAULT 0;'

/** Added in version 6. */
const MAPPING = 'CREATE TABLE mapping (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL) STRICT;'

/** Added in version 7. */
const PRESERVED = `
  ALTER TABLE state ADD COLUMN preserved TEXT;
  ALTER TABLE owed ADD COLUMN digest TEXT;
`

/** Added in version 8. */
const AHEAD = 'CREATE TABLE ahead (path TEXT PRIMARY KEY, upto INTEGER NOT NULL) STRICT, WITHOUT ROWID;'

/** Added in version 9. */
const VOLUMES = 'ALTER TABLE state ADD COLUMN volumes TEXT;'

/** Added in version 10. Of what was staged before the mapping is not known. */
const STAGED_MAPPING = 'ALTER TABLE series ADD COLUMN mapping TEXT;'

/** Added in version 11. What was protected before is not known. */
const PROTECT = 'ALTER TABLE state ADD COLUMN protect TEXT;'

const SCHEMA = `
  CREATE TABLE state (
    id INTEGER PRIMARY KEY CHECK (id = 1), boot_id TEXT, clean INTEGER NOT NULL, root_identity TEXT, root_time INTEGER,
    epoch TEXT, term TEXT, sequence INTEGER NOT NULL, durable_term TEXT, durable_sequence INTEGER NOT NULL,
    filter TEXT NOT NULL
  ) STRICT;
  INSERT INTO state VALUES (1, NULL, 1, NULL, NULL, NULL, NULL, 0, NULL, 0, '[]');
  CREATE TABLE intent (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL) STRICT;
  CREATE TABLE owed (path TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  ${REPAIRED}
  CREATE TABLE partial (
    path TEXT PRIMARY KEY, epoch TEXT NOT NULL, content INTEGER NOT NULL, staged TEXT NOT NULL, bytes INTEGER NOT NULL,
    size INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  ${HOOK_PATH}
  ${SERIES}
  ${AFTER_LOSS}
  ${MAPPING}
  ${PRESERVED}
  ${AHEAD}
  ${VOLUMES}
  ${STAGED_MAPPING}
  ${PROTECT}
  PRAGMA user_version = ${SCHEMA_VERSION};
`

export type LedgerLog = (level: 'info' | 'warn', message: string, details: Record<string, unknown>) => void
export type LedgerRow = Record<string, SQLOutputValue>

export class LedgerFile {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  private constructor(database: DatabaseSync) {
    this.#database = database
  }

  /**
   * Opens the ledger in `directory`, or begins a new one; a damaged file is set aside as `ledger.corrupt-<n>`.
   * @throws Failure when it is in use, from a newer version, or cannot be opened
   */
  static open(directory: string, log: LedgerLog): LedgerFile {
    const path = join(directory, FILE)
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      return new LedgerFile(openDatabase(path))
    } catch (error) {
      if (error instanceof Failure) throw error
      if (!isDatabaseDamaged(error)) throw cannotOpen(path, error)
      const aside = setAside(directory)
      log('warn', 'the ledger was damaged and is set aside: the target will be compared as a whole', { aside })
    }
    return new LedgerFile(openDatabase(path))
  }

  run(sql: string, ...values: SQLInputValue[]): void {
    this.#statement(sql).run(...values)
  }

  all(sql: string, ...values: SQLInputValue[]): LedgerRow[] {
    return this.#statement(sql).all(...values)
  }

  /** The only row of a query that always has one. */
  row(sql: string): LedgerRow {
    const row = this.#statement(sql).get()
    if (row === undefined) throw new Error('the ledger lost its state row')
    return row
  }

  transaction(act: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      act()
      this.#database.exec('COMMIT')
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  /** Everything that `act` writes, and everything written before, survives a loss of power. */
  synced(act: () => void): void {
    this.#database.exec('PRAGMA synchronous = FULL')
    try {
      act()
    } finally {
      this.#database.exec('PRAGMA synchronous = NORMAL')
    }
  }

  checkpoint(): void {
    this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  }

  close(): void {
    this.#database.close()
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.#database.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}

function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path)
  try {
    // No second process may use the file, which also avoids the shared-memory file. Checkpoints are rare and run in the
    // background, because they sync.
    database.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
      PRAGMA wal_autocheckpoint = 8000`)
    const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
    if (version > SCHEMA_VERSION) {
      const known = `this one knows version ${SCHEMA_VERSION}`
      throw new Failure(
        EXIT.badConfiguration,
        `${path} was written by a newer rootferry (version ${version}), ${known}`,
      )
    }
    if (version === 0) database.exec(`BEGIN; ${SCHEMA} COMMIT`)
    const later = [REPAIRED, HOOK_PATH, SERIES, AFTER_LOSS, MAPPING, PRESERVED, AHEAD, VOLUMES, STAGED_MAPPING, PROTECT]
    const added = version === 0 ? '' : later.slice(version - 1).join('')
    if (added !== '') database.exec(`BEGIN; ${added} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`)
    const check = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
    if (check !== 'ok') throw databaseDamage(String(check))
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function setAside(directory: string): string {
  const names = new Set(readdirSync(directory))
  let number = 1
  while (names.has(`ledger.corrupt-${number}`)) number += 1
  const aside = `ledger.corrupt-${number}`
  for (const suffix of ['', '-wal', '-shm', '-journal']) {
    if (names.has(FILE + suffix)) renameSync(join(directory, FILE + suffix), join(directory, aside + suffix))
  }
  return aside
}

function cannotOpen(path: string, error: unknown): Failure {
  const why = isDatabaseHeld(error) ? 'is in use by another process' : `cannot be opened: ${errorMessage(error)}`
  return new Failure(EXIT.failed, `${path} ${why}`, { cause: error })
}
