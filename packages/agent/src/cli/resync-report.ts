/** Pure text: a resync while it runs, with a line for each receiver, and its findings when it is over. */

import { bar, count, type Page, type Row, size, type Tone, table } from '@rootferry/host/daemon'
import { EXIT } from '@rootferry/host/machine'
import type { ResyncStatus, ResyncSummary } from '../serve/schemas/resyncs.ts'
import type { StatusAnswer } from '../serve/schemas/status.ts'

type Figures = ResyncStatus['receivers'][string]

/** Differences that are shown for each receiver; `--json` has more. */
const MOST_SHOWN = 20

const TONES: Record<Figures['state'], Tone> = {
  pending: 'quiet',
  running: 'warning',
  done: 'good',
  failed: 'bad',
  cancelled: 'bad',
}

/** 1 when it did not reach its end, 3 when anything differed, repaired or not. */
export function resyncExitCode({ state, receivers }: ResyncStatus): number {
  if (state !== 'done') return EXIT.failed
  return Object.values(receivers).some((figures) => drift(figures) > 0) ? EXIT.degraded : EXIT.ok
}

/** One line per receiver, the running ones first. @param isWhole whether each receiver compares all entries */
export function progressLines(resync: ResyncStatus, status: StatusAnswer, isWhole: boolean): string[] {
  const all = Object.entries(resync.receivers)
  const width = Math.max(0, ...all.map(([name]) => name.length))
  return all
    .toSorted(([, one], [, other]) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state))
    .map(([name, figures]) => {
      const told = figures.state === 'pending' ? whyPending(name, resync, status) : progress(figures)
      const share = isWhole ? shareOf(name, figures, resync, status) : null
      return `${name.padEnd(width)}  ${share === null ? '' : `${bar(share)}  `}${told}`
    })
}

const ORDER: Figures['state'][] = ['running', 'pending', 'failed', 'cancelled', 'done']

function progress(figures: Figures): string {
  const { state, checked, repaired, bytes, error } = figures
  if (state === 'failed' || state === 'cancelled') return `${state}${error === null ? '' : `: ${error}`}`
  return `${count(checked)} compared, ${count(drift(figures))} differ, ${count(repaired)} repaired, ${size(bytes)}`
}

/** @returns null where it cannot be known */
function shareOf(name: string, { state, checked }: Figures, resync: ResyncStatus, status: StatusAnswer): number | null {
  if (state === 'done') return 1
  const roots = status.receivers.filter((part) => part.name === name && covers(resync, part.root))
  const entries = status.roots
    .filter((root) => roots.some((part) => part.root === root.name))
    .reduce((sum, { entries: { files, directories, symlinks } }) => sum + files + directories + symlinks, 0)
  return entries === 0 ? null : Math.min(1, checked / entries)
}

function covers(resync: ResyncStatus, root: string): boolean {
  return resync.root === null || resync.root === root
}

/** A receiver whose part is not over. */
export interface Unfinished {
  name: string
  why: string
  /** Whether it takes somebody, or the receiver's return, before its part continues. */
  isStuck: boolean
}

export function unfinished(resync: ResyncStatus, status: StatusAnswer): Unfinished[] {
  return Object.entries(resync.receivers)
    .filter(([, { state }]) => state === 'pending' || state === 'running')
    .map(([name, { state }]) => {
      const obstacle = obstacleOf(name, resync, status)
      return { name, why: obstacle?.why ?? state, isStuck: obstacle?.isStuck ?? false }
    })
}

/** The reason why a receiver's part has not begun: the root, the receiver, or only others that come first. */
function whyPending(name: string, resync: ResyncStatus, status: StatusAnswer): string {
  const obstacle = obstacleOf(name, resync, status)
  if (obstacle === null) return 'waits for the look at the source, or for another resync'
  return `waits: ${obstacle.why}${obstacle.why === 'offline' ? ', runs when it is back' : ''}`
}

const STUCK: ReadonlySet<string> = new Set(['offline', 'expected', 'awaiting-accept', 'failed'])

/** What keeps a receiver's part from going on; null: nothing but its turn. */
function obstacleOf(name: string, resync: ResyncStatus, { roots, receivers }: StatusAnswer) {
  const parts = receivers.filter((part) => part.name === name && covers(resync, part.root))
  const served = roots.filter(({ name: root }) => parts.some((part) => part.root === root))
  const stopped = served.find(({ state }) => state === 'halted' || state === 'unavailable')
  if (stopped !== undefined) return { why: `root ${stopped.name} is ${stopped.state}`, isStuck: true }
  // Nothing of its present tree leaves it before the release.
  const held = served.find(({ hold }) => hold !== null)
  if (held !== undefined) return { why: `root ${held.name} is held`, isStuck: true }
  const late = parts.filter(({ state }) => state !== 'live')
  const worst = late.find(({ state }) => STUCK.has(state)) ?? late[0]
  return worst === undefined ? null : { why: worst.state, isStuck: STUCK.has(worst.state) }
}

const MOST_NAMED = 3

/** A line for each resync, with the receivers that are not done. */
export function resyncsReport(resyncs: readonly ResyncSummary[], page: Page): string {
  const rows = resyncs.map(({ id, root, check, dryRun, state, createdAt, receivers }): Row => {
    const all = Object.entries(receivers)
    const open = all.filter(([, figures]) => figures.state === 'pending' || figures.state === 'running')
    const named = open.slice(0, MOST_NAMED).map(([name, figures]) => `${name} ${figures.state}`)
    const more = open.length > named.length ? ` and ${count(open.length - named.length)} more` : ''
    const differ = all.reduce((sum, [, figures]) => sum + drift(figures), 0)
    return {
      cells: [
        { text: id },
        { text: root ?? 'all' },
        { text: state, tone: TONES[state] },
        { text: `${check}${dryRun ? ', dry run' : ''}` },
        { text: createdAt },
        { text: count(differ), right: true },
        { text: `${count(all.length - open.length)} of ${count(all.length)}`, right: true },
      ],
      note: state === 'running' && open.length > 0 ? `not done: ${named.join(', ')}${more}` : null,
    }
  })
  return table(['RESYNC', 'ROOT', 'STATE', 'CHECK', 'CREATED', 'DIFFER', 'DONE'], rows, page)
}

export function resyncReport(resync: ResyncStatus, page: Page): string {
  const headings = ['RECEIVER', 'STATE', 'COMPARED', 'MISSING', 'CHANGED', 'EXTRANEOUS', 'REPAIRED', 'RECEIVED']
  const rows = Object.entries(resync.receivers).map(([name, figures]): Row => {
    const { state, checked, missing, changed, extraneous, repaired, bytes, error } = figures
    const numbers = [checked, missing, changed, extraneous, repaired].map((number) => count(number))
    return {
      cells: [
        { text: name },
        { text: state, tone: TONES[state] },
        ...[...numbers, size(bytes)].map((text) => ({ text, right: true })),
      ],
      note: error,
    }
  })
  if (rows.length === 0) return 'no receiver was ever here: nothing was compared\n'
  const kind = resync.dryRun ? ' (dry run: nothing was changed)' : ''
  return `${table(headings, rows, page)}${differences(resync, page.colour)}resync ${resync.id} is ${resync.state}${kind}\n`
}

function differences({ receivers }: ResyncStatus, colour: boolean): string {
  const rows = Object.entries(receivers).flatMap(([name, figures]) => {
    const shown = figures.differences.slice(0, MOST_SHOWN)
    const left = drift(figures) - shown.length
    const paths = shown.map(({ root, path, kind }): Row => {
      const place = root === undefined ? path : `${root}: ${path}`
      return { cells: [{ text: name }, { text: kind }, { text: place }] }
    })
    return left > 0 ? [...paths, { cells: [{ text: name }, { text: '' }, { text: `and ${count(left)} more` }] }] : paths
  })
  return rows.length === 0
    ? ''
    : `\n${table(['RECEIVER', 'DIFFERENCE', 'PATH'], rows, { colour, width: Number.POSITIVE_INFINITY })}\n`
}

function drift({ missing, changed, extraneous }: Pick<Figures, 'missing' | 'changed' | 'extraneous'>): number {
  return missing + changed + extraneous
}
