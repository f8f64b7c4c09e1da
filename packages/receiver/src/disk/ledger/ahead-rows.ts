/**
 * The rows of a ledger about paths that are ahead of the target's position: small changes overtook a changeset there.
 *
 *   shown ─ the position has reached `upto` ─▶ gone
 *     └──── another connection begins first ──▶ owed: the agent says what the path is now
 *
 * INVARIANT: a path that an overtake has changed has a row until everything up to that overtake is committed, or until
 * the path is owed. The agent need not know on another connection, or in another life, what this target was shown.
 */
import type { LedgerFile } from './ledger-file.ts'

export class AheadRows {
  readonly #file: LedgerFile
  #hasAny: boolean

  constructor(file: LedgerFile) {
    this.#file = file
    this.#hasAny = this.#file.all('SELECT 1 FROM ahead LIMIT 1').length > 0
  }

  get hasAny(): boolean {
    return this.#hasAny
  }

  /**
   * Part of the record of a commit. @param shown the paths that it shows as they are at `to` @param position where the
   * target stands afterwards; null: where it was
   */
  record(shown: { paths: readonly string[]; to: number } | null, position: number | null): void {
    for (const path of shown?.paths ?? [])
      this.#file.run('INSERT OR REPLACE INTO ahead VALUES (?, ?)', path, shown?.to ?? 0)
    this.#hasAny ||= (shown?.paths.length ?? 0) > 0
    if (position !== null && this.#hasAny) this.#file.run('DELETE FROM ahead WHERE upto <= ?', position)
  }

  /** Part of a transaction of the caller, who counts debts anew. */
  fallDue(): void {
    this.#file.run('INSERT OR IGNORE INTO owed (path) SELECT path FROM ahead')
    this.clear()
  }

  /** The position that they are ahead of is not known any more. */
  clear(): void {
    this.#file.run('DELETE FROM ahead')
    this.#hasAny = false
  }
}
