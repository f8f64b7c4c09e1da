/** Pure text: the hooks of a daemon's roots, for the verb status of both daemons. */
import type { HookStatus } from './hook-runs.ts'
import { count } from './numbers.ts'
import { type Page, type Row, table } from './table.ts'

/** @returns nothing where there are no hooks */
export function hookTable(roots: readonly { name: string; hooks: readonly HookStatus[] }[], page: Page): string {
  const rows = roots.flatMap(({ name, hooks }) =>
    hooks.map(({ command, isDue, runs, failures, lastError }): Row => {
      const isFailing = lastError !== null
      const state = isFailing ? 'failing' : isDue ? 'due' : 'idle'
      return {
        cells: [
          { text: command },
          { text: name },
          { text: state, tone: isFailing ? 'bad' : isDue ? 'warning' : 'good' },
          { text: count(runs), right: true },
          { text: count(failures), right: true },
        ],
        note: lastError,
      }
    }),
  )
  return rows.length === 0 ? '' : `\n${table(['HOOK', 'ROOT', 'STATE', 'RUNS', 'FAILED'], rows, page)}`
}
