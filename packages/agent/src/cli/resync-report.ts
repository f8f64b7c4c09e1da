/** Pure text: a resync while it runs, a line for each receiver, and what it found when it is over. */
import { bar, count, EXIT, type Row, size, type Tone, table } from '@rootferry/host'
import type { ResyncAnswer } from '../http/schemas.ts'

type Figures = ResyncAnswer['receivers'][string]

/** Differences that are shown of each receiver; `--json` has more. */
const MOST_SHOWN = 20

const TONES: Record<Figures['state'], Tone> = {
  pending: 'quiet',
  running: 'warning',
  done: 'good',
  failed: 'bad',
  cancelled: 'bad',
}

/** 1 when it did not come to its end, 3 when anything differed, mended or not. */
export function resyncExitCode({ state, receivers }: ResyncAnswer): number {
  if (state !== 'done') return EXIT.failed
  return Object.values(receivers).some((figures) => drift(figures) > 0) ? EXIT.degraded : EXIT.ok
}

/** One line a receiver. @param entries how many each has to compare; null: not known */
export function progressLines({ receivers }: ResyncAnswer, entries: number | null): string[] {
  return Object.entries(receivers).map(([name, figures]) => {
    const { state, checked, repaired, bytes } = figures
    const share = state === 'done' ? 1 : entries === null || entries === 0 ? null : Math.min(1, checked / entries)
    const shown = share === null ? '' : `${bar(share)} `
    const found = `${count(checked)} compared, ${count(drift(figures))} differ, ${count(repaired)} repaired, ${size(bytes)}`
    return `${name} ${shown}${state === 'pending' ? 'waits until it is connected and free' : found}`
  })
}

export function resyncReport(resync: ResyncAnswer, colour: boolean): string {
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
  const kind = resync.dryRun ? ' (dry run: nothing was changed)' : ''
  return `${table(headings, rows, colour)}${differences(resync, colour)}resync ${resync.id} is ${resync.state}${kind}\n`
}

function differences({ receivers }: ResyncAnswer, colour: boolean): string {
  const rows = Object.entries(receivers).flatMap(([name, figures]) => {
    const shown = figures.differences.slice(0, MOST_SHOWN)
    const left = drift(figures) - shown.length
    const paths = shown.map(({ path, kind }): Row => ({ cells: [{ text: name }, { text: kind }, { text: path }] }))
    return left > 0 ? [...paths, { cells: [{ text: name }, { text: '' }, { text: `and ${count(left)} more` }] }] : paths
  })
  return rows.length === 0 ? '' : `\n${table(['RECEIVER', 'DIFFERENCE', 'PATH'], rows, colour)}\n`
}

function drift({ missing, changed, extraneous }: Figures): number {
  return missing + changed + extraneous
}
