/**
 * The rows of a ledger about owed paths: the owed ones, and those whose repair may not be on disk yet.
 *
 *   owed ─ a commit makes it right ─▶ repaired ─ synced ─▶ gone
 *     ◀──────── loss of power ────────┘
 *
 * INVARIANT: a path leaves these rows only when its repair survives a loss of power. The caller wraps `record`,
 * `synced` and `recall` into its own transactions.
 */
import { parentPath } from '@rootferry/protocol'
import { AheadRows } from './ahead-rows.ts'
import type { LedgerFile } from './ledger-file.ts'
import { MappingRow } from './mapping-row.ts'
import { ProtectRow } from './protect-row.ts'
import { VolumeRow } from './volume-row.ts'

export interface OwedPath {
  path: string
  /** Of its content, when that is here and only attributes were refused. */
  digest: string | null
}

export class DebtRows {
  /** What is owed to the whole tree. */
  readonly mapping: MappingRow
  /** What is owed if another connection begins before the position is there. */
  readonly ahead: AheadRows
  /** What is owed to the filesystems that are mounted in the target. */
  readonly volumes: VolumeRow
  /** What is owed to the paths that were protected. */
  readonly protect: ProtectRow
  readonly #file: LedgerFile
  #count = 0
  #commits = 0
  /** The count from which commits are of the present target. */
  #since = 0
  #hasRepaired = false

  constructor(file: LedgerFile) {
    this.#file = file
    this.mapping = new MappingRow(file)
    this.ahead = new AheadRows(file)
    this.volumes = new VolumeRow(file)
    this.protect = new ProtectRow(file)
  }

  load(): void {
    this.#commits = Number(this.#file.row('SELECT coalesce(max(commits), 0) AS commits FROM repaired')['commits'])
    this.#hasRepaired = this.#commits > 0
    this.#countOwed()
  }

  /** Owed paths. */
  get count(): number {
    return this.#count
  }

  has(path: string): boolean {
    return this.#count > 0 && this.#file.all('SELECT 1 FROM owed WHERE path = ?', path).length > 0
  }

  /** Whether the path is owed, and its content is not known to be right. */
  lacksContent(path: string): boolean {
    return this.#count > 0 && this.#file.all('SELECT 1 FROM owed WHERE path = ? AND digest IS NULL', path).length > 0
  }

  /** Counts the commits. */
  get commits(): number {
    return this.#commits
  }

  /** The commits so far are of another target. */
  beginAnew(): void {
    this.#commits += 1
    this.#since = this.#commits
  }

  /** Whether a count of commits is of the present target. */
  isOfTarget(commits: number): boolean {
    return commits >= this.#since
  }

  get hasRepaired(): boolean {
    return this.#hasRepaired
  }

  /** @returns at most `limit` owed paths, in order, after `after` */
  owed(after: string, limit: number): OwedPath[] {
    const rows = this.#file.all('SELECT path, digest FROM owed WHERE path > ? ORDER BY path LIMIT ?', after, limit)
    return rows.map(({ path, digest }) => ({ path: String(path), digest: typeof digest === 'string' ? digest : null }))
  }

  /** These paths are no longer the receiver's concern, whether they are right or not. */
  drop(paths: readonly string[]): void {
    this.#file.transaction(() => {
      for (const path of paths) {
        this.#file.run('DELETE FROM owed WHERE path = ?', path)
        this.#file.run('DELETE FROM repaired WHERE path = ?', path)
      }
    })
    this.#countOwed()
  }

  /** All debts are found out anew. */
  clear(): void {
    this.#file.transaction(() => {
      this.#file.run('DELETE FROM owed')
      this.#file.run('DELETE FROM repaired')
    })
    this.#count = 0
    this.#hasRepaired = false
  }

  /** What is ahead of the position is owed from now on: another connection begins. */
  takeOverAhead(): void {
    if (!this.ahead.hasAny) return
    this.#file.transaction(() => this.ahead.fallDue())
    this.#countOwed()
  }

  /** Part of the record of a commit. */
  record(cleared: readonly string[], owed: readonly string[], held: readonly (readonly [string, string])[]): void {
    const commits = this.#commits + 1
    for (const path of cleared) {
      this.#file.run('INSERT OR REPLACE INTO repaired SELECT path, ? FROM owed WHERE path = ?', commits, path)
      this.#file.run('DELETE FROM owed WHERE path = ?', path)
    }
    for (const path of owed) this.#file.run('INSERT OR IGNORE INTO owed (path) VALUES (?)', path)
    for (const [path, digest] of held) this.#file.run('UPDATE owed SET digest = ? WHERE path = ?', digest, path)
  }

  /** The record is written. */
  recorded(cleared: readonly string[], owed: readonly string[]): void {
    this.#commits += 1
    if (cleared.length > 0) this.#hasRepaired = true
    if (cleared.length + owed.length > 0) this.#countOwed()
  }

  /** All changes of the first `commits` commits are on disk. */
  synced(commits: number): void {
    if (!this.#hasRepaired) return
    this.#file.run('DELETE FROM repaired WHERE commits <= ?', commits)
    this.#hasRepaired = this.#file.all('SELECT path FROM repaired LIMIT 1').length > 0
  }

  /** Repairs that were not synced are lost: their paths are owed again, and so are the times of their directories. */
  recall(): void {
    for (const { path } of this.#file.all('SELECT path FROM repaired'))
      this.#file.run('INSERT OR IGNORE INTO owed (path) VALUES (?)', parentPath(String(path)))
    this.#file.run('INSERT OR IGNORE INTO owed (path) SELECT path FROM repaired')
    this.#file.run('DELETE FROM repaired')
    this.mapping.forget()
  }

  #countOwed(): void {
    this.#count = Number(this.#file.row('SELECT count(*) AS count FROM owed')['count'])
  }
}
