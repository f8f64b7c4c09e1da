/** `resync --wait`: polls a resync until it is over, and on a terminal draws the progress of each receiver. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Terminal } from '@rootferry/host/daemon'
import { printable } from '@rootferry/host/machine'
import { Resync, type ResyncStatus, Status } from '../serve/api-schemas.ts'
import type { AdminClient } from './admin-client.ts'
import { progressLines } from './resync-report.ts'

const POLL_MS = 250

/** @param isWhole whether all entries are compared: only then the share that is done is known. @throws Failure */
export async function followed(
  client: AdminClient,
  ordered: ResyncStatus,
  isWhole: boolean,
  terminal: Terminal,
): Promise<ResyncStatus> {
  let drawn = 0
  for (let resync = ordered; ; resync = await client.get(`/v1/resyncs/${ordered.id}`, Resync)) {
    if (terminal.isTerminal) {
      const status = await client.get('/v1/status', Status)
      const lines = fitted(progressLines(resync, status, isWhole), terminal)
      terminal.say(
        `${drawn > 0 ? `\u001b[${drawn}A` : ''}${lines.map((line) => `\r\u001b[K${line}\n`).join('')}\u001b[J`,
      )
      drawn = lines.length
    }
    if (resync.state !== 'running') return resync
    await delay(POLL_MS)
  }
}

/** Lines that are drawn over must be on the screen: lines that wrap, or have scrolled away, are not. */
function fitted(lines: readonly string[], terminal: Terminal): string[] {
  const most = Math.max(1, terminal.rows() - 2)
  const shown = lines.length <= most ? lines : [...lines.slice(0, most - 1), `and ${lines.length - most + 1} more`]
  return shown.map((line) => printable(line).slice(0, Math.max(1, terminal.columns() - 1)))
}
