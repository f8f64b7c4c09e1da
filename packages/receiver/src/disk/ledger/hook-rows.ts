/**
 * The rows of a ledger about runs of hooks that are due: which paths each hook is still to be told of.
 *
 *   a commit that matches ─▶ due ─ the command ended well ─▶ gone
 *
 * INVARIANT: rows come in the transaction of their commit, and go when the command has ended well, so no crash loses a
 * run; it may repeat one. A hook is known by its settings, because its number changes with the configuration.
 */
import { type DueRun, type HookReason, MOST_HOOK_PATHS } from '@rootferry/host/machine'
import type { HookMatch } from '../files/hook-matches.ts'
import type { LedgerFile } from './ledger-file.ts'

/** Not a path: its row counts the paths that found no room. */
const OMITTED = ''

export class HookRows {
  readonly #file: LedgerFile
  #stamp = 0

  constructor(file: LedgerFile) {
    this.#file = file
    this.#stamp = Number(file.row('SELECT coalesce(max(stamp), 0) AS stamp FROM hook_path')['stamp'])
  }

  /** Part of the record of a commit: the caller wraps it into its transaction. @returns what is due now */
  record(matches: readonly HookMatch[], reason: HookReason): DueRun[] {
    return matches.map(({ hook, key, paths }) => {
      this.#stamp += 1
      let omitted = 0
      let room = MOST_HOOK_PATHS - this.#count(key)
      const kept: string[] = []
      for (const path of paths) {
        const isNew = this.#file.all('SELECT 1 FROM hook_path WHERE hook = ? AND path = ?', key, path).length === 0
        if (isNew && room <= 0) omitted += 1
        else kept.push(path)
        if (isNew) room -= 1
      }
      for (const path of kept) this.#put(key, path, reason, 0)
      if (omitted > 0) this.#put(key, OMITTED, reason, this.#omitted(key) + omitted)
      return { hook, stamp: this.#stamp, reason, paths: kept, omitted }
    })
  }

  /** Everything that is due for one hook; null: nothing. */
  due(hook: number, key: string): DueRun | null {
    const rows = this.#file.all('SELECT path, reason, omitted FROM hook_path WHERE hook = ? ORDER BY path', key)
    const [first] = rows
    if (first === undefined) return null
    const paths = rows.map((row) => String(row['path'])).filter((path) => path !== OMITTED)
    return { hook, stamp: this.#stamp, reason: reasonOf(first['reason']), paths, omitted: this.#omitted(key) }
  }

  /** The command ended well, and was told of everything up to that stamp. */
  ran(key: string, stamp: number): void {
    this.#file.run('DELETE FROM hook_path WHERE hook = ? AND stamp <= ?', key, stamp)
  }

  /** Everything that is due for the hooks with these keys; others are not configured any more, and are forgotten. */
  allDue(keys: readonly string[]): DueRun[] {
    this.#file.run('DELETE FROM hook_path WHERE hook NOT IN (SELECT value FROM json_each(?))', JSON.stringify(keys))
    return keys.flatMap((key, hook) => this.due(hook, key) ?? [])
  }

  #put(key: string, path: string, reason: HookReason, omitted: number): void {
    const sql = 'INSERT OR REPLACE INTO hook_path VALUES (?, ?, ?, ?, ?)'
    this.#file.run(sql, key, path, this.#stamp, reason, omitted)
  }

  #count(key: string): number {
    return Number(this.#file.all('SELECT count(*) AS count FROM hook_path WHERE hook = ?', key)[0]?.['count'])
  }

  #omitted(key: string): number {
    const [row] = this.#file.all('SELECT omitted FROM hook_path WHERE hook = ? AND path = ?', key, OMITTED)
    return Number(row?.['omitted'] ?? 0)
  }
}

function reasonOf(value: unknown): HookReason {
  return value === 'first-sync' || value === 'change' || value === 'resync' ? value : 'replay'
}
