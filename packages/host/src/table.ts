/**
 * Tables for a terminal: columns as wide as what is in them, numbers to the right, a line of explanation below a row
 * where there is something to explain. Pure; what is shown is escaped by `printable` here, so nobody forgets it.
 */
import { printable } from './printable.ts'

export type Tone = 'good' | 'bad' | 'warning' | 'quiet'

export interface Cell {
  text: string
  tone?: Tone
  /** Numbers stand at the right. */
  right?: boolean
}

export interface Row {
  cells: readonly Cell[]
  /** Below the row, indented. */
  note?: string | null
}

const PAINT: Record<Tone, string> = {
  good: '\u001b[32m',
  bad: '\u001b[31m',
  warning: '\u001b[33m',
  quiet: '\u001b[2m',
}
const PLAIN = '\u001b[0m'
const GAP = '  '

/** Lines with a line break each; empty where there are no rows. */
export function table(headings: readonly string[], rows: readonly Row[], colour: boolean): string {
  if (rows.length === 0) return ''
  const texts = rows.map(({ cells }) => cells.map(({ text }) => printable(text)))
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...texts.map((cells) => cells[column]?.length ?? 0)),
  )
  const isRight = headings.map((_, column) => rows.every(({ cells }) => cells[column]?.right === true))
  const line = (cells: readonly string[], tones: readonly (Tone | undefined)[]) =>
    cells
      .map((text, column) => {
        const width = widths[column] ?? 0
        return paint(isRight[column] === true ? text.padStart(width) : text.padEnd(width), tones[column], colour)
      })
      .join(GAP)
      .trimEnd()
  const lines = [
    line(
      headings,
      headings.map(() => 'quiet' as const),
    ),
  ]
  rows.forEach(({ cells, note }, at) => {
    lines.push(
      line(
        texts[at] ?? [],
        cells.map(({ tone }) => tone),
      ),
    )
    if (note !== undefined && note !== null) lines.push(`${GAP}${paint(printable(note), 'warning', colour)}`)
  })
  return lines.map((text) => `${text}\n`).join('')
}

export function paint(text: string, tone: Tone | undefined, colour: boolean): string {
  return colour && tone !== undefined ? `${PAINT[tone]}${text}${PLAIN}` : text
}
