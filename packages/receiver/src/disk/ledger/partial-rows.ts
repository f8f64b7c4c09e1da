/** The rows of a ledger about partly received files. Statements only: partial-files.ts knows what they mean. */
import type { LedgerFile } from './ledger-file.ts'

/** A file of which the first `bytes` bytes are in the staging directory under `staged`. */
export interface PartialRow {
  path: string
  epoch: string
  content: number
  staged: string
  bytes: number
  size: number
}

export class PartialRows {
  readonly #file: LedgerFile

  constructor(file: LedgerFile) {
    this.#file = file
  }

  all(): PartialRow[] {
    return this.#file.all('SELECT * FROM partial').map((row) => ({
      path: String(row['path']),
      epoch: String(row['epoch']),
      content: Number(row['content']),
      staged: String(row['staged']),
      bytes: Number(row['bytes']),
      size: Number(row['size']),
    }))
  }

  save({ path, epoch, content, staged, bytes, size }: PartialRow): void {
    const values = [path, epoch, content, staged, bytes, size]
    this.#file.run('INSERT OR REPLACE INTO partial VALUES (?, ?, ?, ?, ?, ?)', ...values)
  }

  drop(path: string): void {
    this.#file.run('DELETE FROM partial WHERE path = ?', path)
  }
}
