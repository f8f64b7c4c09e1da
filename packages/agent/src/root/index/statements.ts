/** The prepared statements of one database, each made once. Knows SQL as text only. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'

export class Statements {
  readonly #database: DatabaseSync
  readonly #prepared = new Map<string, StatementSync>()
  /** Whoever remembers what was written forgets it when that was undone. */
  rolledBack: () => void = () => undefined

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  one(sql: string, ...values: SQLInputValue[]) {
    return this.#statement(sql).get(...values)
  }

  all(sql: string, ...values: SQLInputValue[]) {
    return this.#statement(sql).all(...values)
  }

  /**
   * Rows as arrays, which are made and read several times as fast as objects. `Values` is the tuple that the SQL
   * selects.
   */
  arrays<Values extends readonly unknown[]>(sql: string, ...values: SQLInputValue[]): Values[] {
    const statement = this.#statement(sql)
    statement.setReturnArrays(true)
    return statement.all(...values) as unknown as Values[]
  }

  run(sql: string, ...values: SQLInputValue[]) {
    return this.#statement(sql).run(...values)
  }

  /** One transaction; an error that `work` throws undoes it. @param undo takes back what `work` changed in memory */
  transaction(work: () => void, undo: () => void = () => undefined): void {
    this.#database.exec('BEGIN')
    try {
      work()
      this.#database.exec('COMMIT')
    } catch (error) {
      // SQLite has rolled back by itself when the disk is full.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      this.rolledBack()
      undo()
      throw error
    }
  }

  /** A write that is on the disk when this returns. */
  durably(write: () => void): void {
    this.#database.exec('PRAGMA synchronous = FULL')
    write()
    this.#database.exec('PRAGMA synchronous = NORMAL')
  }

  #statement(sql: string): StatementSync {
    let statement = this.#prepared.get(sql)
    if (statement === undefined) {
      statement = this.#database.prepare(sql)
      this.#prepared.set(sql, statement)
    }
    return statement
  }
}
