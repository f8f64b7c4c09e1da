/** Rows of entries by the number of their directory and by their name, without the digests, which are in another table. */
import { type PlacedRow, placed, type RowValues } from './entry-rows.ts'
import type { Statements } from './statements.ts'

const AFTER = `SELECT entries.*, NULL, directories.path FROM entries JOIN directories ON directories.id = entries.directory
  WHERE (entries.directory, entries.name) > (?, ?) ORDER BY entries.directory, entries.name LIMIT ?`

export function rowsWithoutDigests(sql: Statements, directory: number, name: string, limit: number): PlacedRow[] {
  return sql.arrays<RowValues>(AFTER, directory, name, limit).map(placed)
}
