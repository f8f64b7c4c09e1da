/**
 * The rows of a ledger about a series: what is staged completely, and waits for a commit to become visible.
 *
 *   put (each changeset that ends with prepare) ─▶ … ─▶ intent ─▶ burst ─▶ gone, with the record of the commit
 *      └──────────────── clear: the agent does not build on it ─────────────────▶ gone
 *
 * INVARIANT: one row for each path, that of its last change, and the rows together are everything within
 * (base, to]: each staged object that a row names is in staging. They outlive a killed process, not a loss of power.
 */
import type { SQLOutputValue } from 'node:sqlite'
import type { StagedChange } from '../files/staged-change.ts'
import type { LedgerFile } from './ledger-file.ts'

export interface SeriesRow {
  epoch: string
  /** The term in which it came. */
  term: string
  /** The committed sequence that it refers to. */
  base: number
  /** Everything up to here is staged. */
  to: number
  /** How owners and modes were mapped when it was staged; null: it is not known. */
  mapping: string | null
}

export interface StagedPath {
  path: string
  /** Null: protected here, or owed. */
  change: StagedChange | null
  isOwed: boolean
}

export class StagedRows {
  readonly #file: LedgerFile
  #series: SeriesRow | null = null
  #count = 0

  constructor(file: LedgerFile) {
    this.#file = file
  }

  load(): void {
    const [row] = this.#file.all('SELECT * FROM series')
    this.#series = row === undefined ? null : seriesOf(row)
    this.#count = Number(this.#file.row('SELECT count(*) AS count FROM staged')['count'])
  }

  get series(): Readonly<SeriesRow> | null {
    return this.#series
  }

  /** Paths. */
  get count(): number {
    return this.#count
  }

  all(): StagedPath[] {
    return this.#file.all('SELECT path, change, owed FROM staged').map((row) => ({
      path: String(row['path']),
      change: typeof row['change'] === 'string' ? (JSON.parse(row['change']) as StagedChange) : null,
      isOwed: row['owed'] === 1,
    }))
  }

  /** Names in staging that the rows need. */
  names(): Set<string> {
    const names = new Set<string>()
    if (this.#series === null) return names
    for (const { change } of this.all()) {
      const name = change === null ? null : stagedNameOf(change)
      if (name !== null) names.add(name.split('/')[0] ?? name)
    }
    return names
  }

  /**
   * A changeset of the series is staged. @param usedPartials paths of partials that belong to the rows from now on
   * @returns staged objects that no row needs any more
   */
  put(series: SeriesRow, rows: readonly StagedPath[], usedPartials: readonly string[]): string[] {
    const unneeded: string[] = []
    const isNew = this.#series === null
    this.#file.transaction(() => {
      if (isNew) this.#file.run('DELETE FROM staged')
      const { epoch, term, base, to, mapping } = series
      this.#file.run('INSERT OR REPLACE INTO series VALUES (1, ?, ?, ?, ?, ?)', epoch, term, base, to, mapping)
      for (const { path, change, isOwed } of rows) {
        const [before] = this.#file.all('SELECT change FROM staged WHERE path = ?', path)
        const old = typeof before?.['change'] === 'string' ? (JSON.parse(before['change']) as StagedChange) : null
        const kept = keptDirectory(old, change)
        const name = old === null || kept !== null ? null : stagedNameOf(old)
        if (name !== null) unneeded.push(name)
        const text = change === null ? null : JSON.stringify(kept ?? change)
        this.#file.run('INSERT OR REPLACE INTO staged VALUES (?, ?, ?)', path, text, Number(isOwed))
      }
      for (const path of usedPartials) this.#file.run('DELETE FROM partial WHERE path = ?', path)
    })
    this.#series = series
    this.#count = Number(this.#file.row('SELECT count(*) AS count FROM staged')['count'])
    return unneeded
  }

  clear(): void {
    if (this.#series === null) return
    this.#file.transaction(() => this.erase())
    this.erased()
  }

  /** Part of a transaction of the caller, who calls `erased` after it. */
  erase(): void {
    if (this.#series === null) return
    this.#file.run('DELETE FROM staged')
    this.#file.run('DELETE FROM series')
  }

  erased(): void {
    this.#series = null
    this.#count = 0
  }
}

function seriesOf({ epoch, term, base, upto, mapping }: Record<string, SQLOutputValue>): SeriesRow {
  const points = { base: Number(base), to: Number(upto) }
  return { epoch: String(epoch), term: String(term), ...points, mapping: mapping === null ? null : String(mapping) }
}

/**
 * A staged directory holds what other rows need, and may lie in another staged one: it stays while its path is a directory.
 */
function keptDirectory(old: StagedChange | null, change: StagedChange | null): StagedChange | null {
  if (old?.kind !== 'directory' || change?.kind !== 'directory' || old.staged === null) return null
  return { ...change, staged: old.staged }
}

function stagedNameOf(change: StagedChange): string | null {
  return change.kind === 'absent' || change.kind === 'link' ? null : change.staged
}
