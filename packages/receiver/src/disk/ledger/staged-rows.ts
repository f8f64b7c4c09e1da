/**
 * The rows of a ledger about a series: what is staged completely, and waits for a commit to become visible.
 *
 *   put (each changeset that ends with prepare) ─▶ … ─▶ intent ─▶ burst ─▶ gone, with the record of the commit
 *      └──────────────── clear: the agent does not build on it ─────────────────▶ gone
 *
 * INVARIANT: one row for each path, that of its last change, and the rows together are everything within
 * (base, to]: each staged object that a row names is in staging. They outlive a killed process, not a loss of power.
 * A later changeset outdates what earlier ones say of other paths too: what is above a path that it has is a directory,
 * and nothing is below one that it says to be something else. The row of that directory may lie beyond `to`.
 */
import type { SQLOutputValue } from 'node:sqlite'
import { parentPath, ROOT_PATH } from '@rootferry/protocol'
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
    // Rows without a series are left of one that was forgotten, and go with the next one.
    this.#count = row === undefined ? 0 : this.#counted()
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
      change: changeOf(row),
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
      if (!isNew) unneeded.push(...this.#outdate(rows))
      for (const { path, change, isOwed } of rows) {
        const old = this.#changeAt(path)
        const kept = keptDirectory(old, change)
        const name = old === null || kept !== null ? null : stagedNameOf(old)
        if (name !== null) unneeded.push(name)
        const text = change === null ? null : JSON.stringify(kept ?? change)
        this.#file.run('INSERT OR REPLACE INTO staged VALUES (?, ?, ?)', path, text, Number(isOwed))
      }
      for (const path of usedPartials) this.#file.run('DELETE FROM partial WHERE path = ?', path)
    })
    this.#series = series
    this.#count = this.#counted()
    return unneeded
  }

  #counted(): number {
    return Number(this.#file.row('SELECT count(*) AS count FROM staged')['count'])
  }

  /** Rows that the next ones contradict make way, except of their own paths. @returns names in staging of no more use */
  #outdate(rows: readonly StagedPath[]): string[] {
    const unneeded: (string | null)[] = []
    const own = new Set(rows.map(({ path }) => path))
    const seen = new Set([ROOT_PATH])
    for (const { path, change } of rows) {
      if (change === null) continue
      if (change.kind !== 'directory') unneeded.push(...this.#empty(path, own))
      if (change.kind === 'absent') continue
      for (let at = parentPath(path); !seen.has(at); at = parentPath(at)) {
        seen.add(at)
        const above = own.has(at) ? null : this.#changeAt(at)
        if (above === null || above.kind === 'directory') continue
        this.#file.run('DELETE FROM staged WHERE path = ?', at)
        unneeded.push(stagedNameOf(above))
      }
    }
    return unneeded.filter((name) => name !== null)
  }

  /** Everything below the path is absent. */
  #empty(path: string, own: ReadonlySet<string>): (string | null)[] {
    const below = this.#file
      .all('SELECT path, change FROM staged WHERE path > ? AND path < ?', `${path}/`, `${path}${AFTER_SLASH}`)
      .map((row) => ({ at: String(row['path']), change: changeOf(row) }))
      .filter(({ at, change }) => change !== null && change.kind !== 'absent' && !own.has(at))
    return below.map(({ at, change }) => {
      this.#file.run('UPDATE staged SET change = ? WHERE path = ?', JSON.stringify({ kind: 'absent', path: at }), at)
      return change === null ? null : stagedNameOf(change)
    })
  }

  #changeAt(path: string): StagedChange | null {
    const [row] = this.#file.all('SELECT change FROM staged WHERE path = ?', path)
    return row === undefined ? null : changeOf(row)
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

/** The character that sorts next to `/`. */
const AFTER_SLASH = '0'

function changeOf({ change }: Record<string, SQLOutputValue>): StagedChange | null {
  return typeof change === 'string' ? (JSON.parse(change) as StagedChange) : null
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
  return { ...change, staged: old.staged, stagedMode: old.stagedMode ?? old.mode }
}

function stagedNameOf(change: StagedChange): string | null {
  return change.kind === 'absent' || change.kind === 'link' ? null : change.staged
}
