/**
 * Tables for a terminal: columns as wide as their content, numbers aligned to the right, and an explanation below a row
 * that needs one. Pure. This file escapes everything that it shows with `printable`, so that no caller can forget to.
 */
import { printable } from '../machine/printable.ts'

export type Tone = 'good' | 'bad' | 'warning' | 'quiet'

export interface Cell {
  text: string
  tone?: Tone
  /** Aligned to the right, for numbers. */
  right?: boolean
}

export interface Row {
  cells: readonly Cell[]
  /** A line below the row, indented. */
  note?: string | null
}

/** The place where a table is shown. */
export interface Page {
  colour: boolean
  /** Columns; Infinity where lines may be of any length. */
  width: number
}

const PAINT: Record<Tone, string> = {
  good: '\u001b[32m',
  bad: '\u001b[31m',
  warning: '\u001b[33m',
  quiet: '\u001b[2m',
}
const PLAIN = '\u001b[0m'
const GAP = '  '

/** The lines, each with a line break; empty for no rows. Where lines would wrap, a line for each cell instead. */
export function table(headings: readonly string[], rows: readonly Row[], { colour, width }: Page): string {
  if (rows.length === 0) return ''
  const texts = rows.map(({ cells }) => cells.map(({ text }) => printable(text)))
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...texts.map((cells) => cells[column]?.length ?? 0)),
  )
  const isWide = widths.reduce((sum, each) => sum + each + GAP.length, -GAP.length) > width
  const lines = isWide ? records(headings, rows, colour) : grid(headings, rows, widths, colour)
  return lines.map((text) => `${text}\n`).join('')
}

function grid(headings: readonly string[], rows: readonly Row[], widths: readonly number[], colour: boolean): string[] {
  const isRight = headings.map((_, column) => rows.every(({ cells }) => cells[column]?.right === true))
  const line = (cells: readonly Cell[]) =>
    cells
      .map(({ text, tone }, column) => {
        const shown = printable(text)
        const width = widths[column] ?? 0
        return paint(isRight[column] === true ? shown.padStart(width) : shown.padEnd(width), tone, colour)
      })
      .join(GAP)
      .trimEnd()
  const heading = line(headings.map((text) => ({ text, tone: 'quiet' })))
  return [heading, ...rows.flatMap((row) => [line(row.cells), ...note(row, colour)])]
}

/** One record per row, with an empty line between them. */
function records(headings: readonly string[], rows: readonly Row[], colour: boolean): string[] {
  const width = Math.max(...headings.map((heading) => heading.length))
  return rows.flatMap((row, at) => [
    ...(at === 0 ? [] : ['']),
    ...row.cells.map(({ text, tone }, column) => {
      const heading = paint((headings[column] ?? '').padEnd(width), 'quiet', colour)
      return `${heading}${GAP}${paint(printable(text), tone, colour)}`
    }),
    ...note(row, colour),
  ])
}

function note({ note: text }: Row, colour: boolean): string[] {
  return text === undefined || text === null ? [] : [`${GAP}${paint(printable(text), 'warning', colour)}`]
}

export function paint(text: string, tone: Tone | undefined, colour: boolean): string {
  return colour && tone !== undefined ? `${PAINT[tone]}${text}${PLAIN}` : text
}
