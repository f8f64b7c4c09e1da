/** Scans what is mounted below a root and reports no changes, again and again, and has status say so. */
import type { OpenedRoot } from './opened-root.ts'
import type { RootReport } from './root-report.ts'
import type { ScanQueue } from './scan/scan-queue.ts'
import type { Timers } from './timers.ts'
import { silentBorders, silentReason } from './watch/silent-borders.ts'

/** How often the whole root is scanned when its watching is degraded, or a part of it that is not watched. */
export const DEGRADED_RESCAN_MS = 30_000

/** Call it while the root is open, more often than the period. */
export function rescanSilent(
  { borders, watcher }: OpenedRoot,
  timers: Timers,
  report: RootReport,
  scans: ScanQueue,
): void {
  const silent = watcher.backend === 'polling' ? [] : silentBorders(borders.present)
  report.silent(silentReason(silent))
  if (silent.length === 0 || timers.has('silent')) return
  timers.after('silent', DEGRADED_RESCAN_MS, () => {
    for (const { path } of silent) scans.hint({ path, extent: 'subtree' })
  })
}
