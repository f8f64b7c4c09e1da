/**
 * node:sqlite for code under simulation: real SQLite in memory, stored where the simulated disk has the file.
 *
 *   SAVEPOINT synced … SAVEPOINT transaction … RELEASE transaction        what a loss of power takes: all after `synced`
 *
 * A committed transaction survives the end of a process; an unfinished one does not. A loss of power may take what was
 * committed since the last commit with synchronous=FULL, or checkpoint. One process at a time, as in exclusive mode.
 */
import {
  DatabaseSync as Engine,
  type StatementSync as EngineStatement,
  type SQLInputValue,
  type SQLOutputValue,
} from 'node:sqlite'
import { fault, placeOf } from './disk-paths.ts'
import { presentMachine, presentProcess } from './farm.ts'
import type { Inode } from './inode.ts'
import type { Machine } from './machine.ts'
import type { Process } from './scheduler.ts'

const BUSY = 5
const FULL = 13
const SYNC_PRAGMA = /PRAGMA synchronous = (FULL|NORMAL)/gi
const KEPT_OUT =
  /PRAGMA (?:synchronous|locking_mode|journal_mode|wal_autocheckpoint|busy_timeout|cache_size)\s*=\s*[\w-]+\s*;?/gi
const WRITES = /^\s*(?:INSERT|UPDATE|DELETE|REPLACE)/i

/** The file, which outlives the processes that open it. */
export class StoredDatabase {
  readonly #engine = new Engine(':memory:')
  readonly #statements = new Map<string, EngineStatement>()
  /** What observers have read since the last change, by statement and values: they ask after each turn. */
  readonly #observed = new Map<string, Record<string, SQLOutputValue>[]>()
  holder: Process | null = null
  isInTransaction = false

  constructor() {
    this.#engine.exec('SAVEPOINT synced')
  }

  /** Runs what may change it. */
  change<Result>(act: (engine: Engine) => Result): Result {
    this.#observed.clear()
    return act(this.#engine)
  }

  /** Rows for an observer, who must not change them; none before there are tables, or amid a transaction. */
  observe(sql: string, values: SQLInputValue[]): readonly Record<string, SQLOutputValue>[] {
    // It ends with its process, though nobody has opened the file since.
    if (this.holder?.isDead === true) this.rollBack()
    if (this.isInTransaction || Number(this.#observe('PRAGMA user_version', [])[0]?.['user_version']) === 0) return []
    return this.#observe(sql, values)
  }

  /** @param asArrays rows come as arrays instead of objects */
  prepare(sql: string, asArrays = false): EngineStatement {
    const known = this.#statements.get(sql) ?? this.#engine.prepare(sql)
    this.#statements.set(sql, known)
    known.setReturnArrays(asArrays)
    return known
  }

  rollBack(): void {
    if (!this.isInTransaction) return
    this.isInTransaction = false
    this.change((engine) => engine.exec('ROLLBACK TO transacted; RELEASE transacted'))
  }

  sync(): void {
    this.#engine.exec('RELEASE synced; SAVEPOINT synced')
  }

  losePower(): void {
    this.rollBack()
    this.holder = null
    this.change((engine) => engine.exec('ROLLBACK TO synced'))
  }

  #observe(sql: string, values: SQLInputValue[]): Record<string, SQLOutputValue>[] {
    const question = values.length === 0 ? sql : `${sql} ${JSON.stringify(values)}`
    const rows = this.#observed.get(question) ?? this.prepare(sql).all(...values)
    this.#observed.set(question, rows)
    return rows
  }
}

/**
 * Rows of a database of a machine, for an observer; none when the database does not exist yet, or in the middle of a
 * transaction.
 */
export function rowsOf(machine: Machine, path: string, sql: string, ...values: SQLInputValue[]) {
  const stored = machine.disk.find(path)?.attached
  return stored instanceof StoredDatabase ? stored.observe(sql, values) : []
}

export class DatabaseSync {
  readonly #stored: StoredDatabase
  readonly #machine: Machine
  readonly #owner: Process | null
  #isSynchronous = true

  constructor(path: string) {
    this.#machine = presentMachine()
    this.#owner = presentProcess()
    this.#stored = openStored(this.#machine, path)
    const { holder } = this.#stored
    if (holder !== null && !holder.isDead && holder !== this.#owner) throw sqliteError(BUSY, 'database is locked')
    this.#stored.rollBack()
    this.#stored.holder = this.#owner
  }

  get isTransaction(): boolean {
    return this.#stored.isInTransaction
  }

  exec(sql: string): void {
    this.#machine.step('reads')
    for (const [, level] of sql.matchAll(SYNC_PRAGMA)) this.#isSynchronous = level?.toUpperCase() === 'FULL'
    for (const part of sql
      .replaceAll(KEPT_OUT, '')
      .split(/\b(BEGIN(?: \w+)?|COMMIT|ROLLBACK|PRAGMA wal_checkpoint\(\w+\))/)) {
      this.#run(part)
    }
  }

  prepare(sql: string): StatementSync {
    const stored = this.#stored
    return new StatementSync(
      (asArrays) => stored.prepare(sql, asArrays),
      (act) => (WRITES.test(sql) ? this.#writing(act) : this.#reading(act)),
    )
  }

  close(): void {
    this.#machine.step('reads')
    this.#stored.rollBack()
    this.#stored.sync()
    this.#stored.holder = null
  }

  #run(part: string): void {
    const stored = this.#stored
    if (part.startsWith('BEGIN')) {
      stored.change((engine) => engine.exec('SAVEPOINT transacted'))
      stored.isInTransaction = true
    } else if (part === 'COMMIT') {
      this.#refuseWhenFull()
      this.#commitStep()
      stored.isInTransaction = false
      stored.change((engine) => engine.exec('RELEASE transacted'))
      if (this.#isSynchronous) stored.sync()
    } else if (part === 'ROLLBACK') stored.rollBack()
    else if (part.startsWith('PRAGMA wal_checkpoint')) stored.sync()
    else if (part.replaceAll(/[;\s]/g, '') !== '') stored.change((engine) => engine.exec(part))
  }

  #reading<Result>(act: () => Result): Result {
    this.#machine.step('reads')
    return act()
  }

  /** Runs a statement as a transaction of its own, unless one is open. */
  #writing<Result>(act: () => Result): Result {
    this.#machine.step('reads')
    if (this.#stored.isInTransaction) return this.#stored.change(act)
    this.#refuseWhenFull()
    this.#commitStep()
    const result = this.#stored.change(act)
    if (this.#isSynchronous) this.#stored.sync()
    return result
  }

  #refuseWhenFull(): void {
    if (this.#machine.isFull && this.#owner !== null) throw sqliteError(FULL, 'database or disk is full')
  }

  #commitStep(): void {
    const code = this.#machine.step('changes')
    if (code !== null) throw sqliteError(FULL, `database or disk is full (${code})`)
  }
}

type Around = <Result>(act: () => Result) => Result

/**
 * The engine's statements are shared by all callers that prepare the same text, so each caller's settings are kept
 * here.
 */
export class StatementSync {
  readonly #prepared: (asArrays: boolean) => EngineStatement
  readonly #around: Around
  #asArrays = false

  constructor(prepared: (asArrays: boolean) => EngineStatement, around: Around) {
    this.#prepared = prepared
    this.#around = around
    prepared(false)
  }

  setReturnArrays(asArrays: boolean): void {
    this.#asArrays = asArrays
  }

  run(...values: SQLInputValue[]) {
    return this.#around(() => this.#prepared(this.#asArrays).run(...values))
  }

  get(...values: SQLInputValue[]) {
    return this.#around(() => this.#prepared(this.#asArrays).get(...values))
  }

  all(...values: SQLInputValue[]) {
    return this.#around(() => this.#prepared(this.#asArrays).all(...values))
  }
}

function openStored(machine: Machine, path: string): StoredDatabase {
  const { directory, name, inode } = placeOf(machine, path, 'open', true)
  const file = inode ?? newFile(machine, directory, name)
  if (file.kind !== 'file') throw fault('EISDIR', 'open', path)
  if (!(file.attached instanceof StoredDatabase)) file.attached = new StoredDatabase()
  if (file.attached instanceof StoredDatabase) return file.attached
  throw new Error('no database is stored here')
}

function newFile(machine: Machine, directory: Inode, name: string): Inode {
  if (machine.isFull) throw sqliteError(14, 'unable to open database file')
  machine.step('allocates')
  const made = machine.disk.make('file', 0o644, directory.device)
  machine.disk.attach(directory, name, made)
  return made
}

function sqliteError(code: number, message: string): Error {
  return Object.assign(new Error(message), { code: 'ERR_SQLITE_ERROR', errcode: code })
}

export function databasesOn({ disk }: Machine): StoredDatabase[] {
  const found: StoredDatabase[] = []
  const walk = (inode: Inode) => {
    if (inode.attached instanceof StoredDatabase) found.push(inode.attached)
    for (const below of inode.entries.values()) walk(below)
  }
  walk(disk.root)
  return found
}
