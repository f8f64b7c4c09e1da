/**
 * What the agent remembers apart from the tree, in the index's database: notes by name, its own lives (terms), and how
 * far each receiver is. Only these tables of the index know receivers.
 */
import { BOUNDS } from '../../bounds.ts'
import type { Statements } from './statements.ts'

export interface Watermark {
  name: string
  committed: number
  durable: number
  /** The last sequence at which the receiver had everything that the index held then; 0: never. */
  whole: number
  /** Milliseconds of the wall clock. */
  seen: number
}

export class MemoryRows {
  readonly #sql: Statements

  constructor(sql: Statements) {
    this.#sql = sql
  }

  note(name: string): string | null {
    const row = this.#sql.one('SELECT value FROM meta WHERE name = ?', name)
    return row === undefined ? null : String(row['value'])
  }

  setNote(name: string, value: string): void {
    this.#sql.run('INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value', name, value)
  }

  /** A note that also a loss of power does not take back. */
  keepNote(name: string, value: string): void {
    this.#sql.durably(() => this.setNote(name, value))
  }

  beginTerm(term: string, head: number): void {
    this.#sql.run('INSERT INTO terms (term, start) VALUES (?, ?)', term, head)
    this.#sql.run('DELETE FROM terms WHERE id <= (SELECT max(id) FROM terms) - ?', BOUNDS.rememberedTerms)
  }

  /** The last sequence that was assigned in a term, or null for an unknown term. */
  endOfTerm(term: string, head: number): number | null {
    const row = this.#sql.one(
      'SELECT (SELECT min(start) FROM terms AS later WHERE later.id > terms.id) AS next FROM terms WHERE term = ?',
      term,
    )
    return row === undefined ? null : Number(row['next'] ?? head)
  }

  /** Persists how far a receiver is; creates its row. */
  saveWatermark({ name, committed, durable, whole, seen }: Watermark): void {
    this.#sql.run('INSERT OR REPLACE INTO receivers VALUES (?, ?, ?, ?, ?)', name, committed, durable, seen, whole)
  }

  /** See Watermark. */
  wholeOf(receiver: string): number {
    return Number(this.#sql.one('SELECT whole FROM receivers WHERE name = ?', receiver)?.['whole'] ?? 0)
  }

  watermarks(): Watermark[] {
    return this.#sql.all('SELECT * FROM receivers').map((row) => ({
      name: String(row['name']),
      committed: Number(row['committed']),
      durable: Number(row['durable']),
      whole: Number(row['whole']),
      seen: Number(row['seen']),
    }))
  }

  forgetReceiver(receiver: string): void {
    this.#sql.run('DELETE FROM receivers WHERE name = ?', receiver)
  }
}
