/** Figures and how they are printed. */
import { readFileSync } from 'node:fs'

export interface Row {
  what: string
  ours: string
  peer: string
  ratio: string
  target: string
}

export function residentOf(pid: number | undefined): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const megabytes = (field: string) => Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1000)
  return { now: megabytes('VmRSS'), peak: megabytes('VmHWM') }
}

export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

export function spread(samples: readonly number[], unit: string): string {
  if (samples.length === 1) return `${median(samples).toFixed(2)} ${unit}`
  return `${median(samples).toFixed(2)} ${unit} (${Math.min(...samples).toFixed(2)}–${Math.max(...samples).toFixed(2)})`
}
