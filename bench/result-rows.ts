/** The rows of the result, and how they are printed. */
import { readFileSync } from 'node:fs'

export interface Row {
  what: string
  ours: string
  peer: string
  ratio: string
  target: string
}

/** A row without a peer. */
export function ownRow(what: string, ours: string, target: string): Row {
  return { what, ours, peer: '', ratio: '', target }
}

/** A row compared with a peer, in seconds. */
export function pairedRow(what: string, ours: readonly number[], peer: readonly number[], target: string): Row {
  const ratio = `${(median(ours) / median(peer)).toFixed(2)}×`
  return { what, ours: spread(ours, 's'), peer: spread(peer, 's'), ratio, target }
}

export function residentOf(pid: number | undefined): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const megabytes = (field: string) => Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1000)
  return { now: megabytes('VmRSS'), peak: megabytes('VmHWM') }
}

export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5)
}

export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length * share)] ?? 0
}

export function spread(samples: readonly number[], unit: string): string {
  if (samples.length === 1) return `${median(samples).toFixed(2)} ${unit}`
  return `${median(samples).toFixed(2)} ${unit} (${Math.min(...samples).toFixed(2)}–${Math.max(...samples).toFixed(2)})`
}

export function markdown(table: readonly Row[]): string {
  const columns = ['what', 'ours', 'peer', 'ratio', 'target'] as const
  const widths = columns.map((column) => Math.max(column.length, ...table.map((row) => row[column].length)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |\n`
  const rows = table.map((row) => line(columns.map((column) => row[column])))
  return line(columns) + line(widths.map((width) => '-'.repeat(width))) + rows.join('')
}
