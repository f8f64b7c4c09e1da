/** Pure text: a receiver at a glance, with a line for each root, the size of its trash, and why it is not ready. */

import { type Cell, count, duration, hookTable, type Page, paint, type Row, size, table } from '@rootferry/host/daemon'
import { printable } from '@rootferry/host/machine'
import { awaitingText, firstJoinLine } from '../serve/first-join.ts'
import type { ReceiverStatus, RootAnswer } from '../serve/http/status-schema.ts'

export function statusReport({ roots, ready, reasons }: ReceiverStatus, now: Date, page: Page): string {
  const { colour } = page
  const headings = ['ROOT', 'STATE', 'SEQUENCE', 'BEHIND', 'PROBLEMS', 'TRASH', 'OLDEST IN TRASH']
  const verdict = ready
    ? paint('ready', 'good', colour)
    : `${paint('not ready', 'bad', colour)}: ${printable(reasons.join('; '))}`
  return `${table(
    headings,
    roots.map((root) => rootRow(root, now)),
    page,
  )}${hookTable(
    roots.map(({ root: name, hooks }) => ({ name, hooks })),
    page,
  )}\n${verdict}\n`
}

function rootRow(root: RootAnswer, now: Date): Row {
  const { connected, phase, failing, lastError, sequence, lag, problems, problemCount, clash, trash, firstJoin } = root
  const isWell = connected && phase === 'live' && failing === null
  const [problem] = problems
  const firstProblem = problem === undefined ? null : `one of its problems: ${problem.path}: ${problem.message}`
  const joining = phase === 'resyncing' && firstJoin !== null ? firstJoinLine(firstJoin) : null
  const waiting = root.awaitsAccept ? awaitingText(root) : null
  return {
    cells: [
      { text: root.root },
      { text: stateWord(root), tone: isWell ? 'good' : 'bad' },
      right(String(sequence)),
      right(lag.sequences === 0 ? '-' : count(lag.sequences)),
      { ...right(count(problemCount)), ...(problemCount === 0 ? {} : { tone: 'warning' as const }) },
      right(trash.batches === 0 ? '-' : size(trash.bytes)),
      { text: trash.oldestAt === null ? '-' : `${ago(trash.oldestAt, now)} ago` },
    ],
    note: waiting ?? failing ?? lastError ?? clash ?? firstProblem ?? joining,
  }
}

function stateWord(root: RootAnswer): string {
  const { failing, connected, phase, awaitsAccept, isBehindOthers, leftBehind, transport } = root
  if (awaitsAccept) return 'awaiting-accept'
  if (failing !== null) return 'failed'
  if (!connected) return 'offline'
  if (isBehindOthers || leftBehind !== null) return 'left-behind'
  return transport === 'nats' ? `${phase}, nats` : phase
}

function ago(time: string, now: Date): string {
  return duration(Math.max(0, (now.getTime() - Date.parse(time)) / 1000))
}

function right(text: string): Cell {
  return { text, right: true }
}
