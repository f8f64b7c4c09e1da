/** What a test has measured: said at once, and kept for the list at the end. */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { DIRECTORY } from './shop.ts'

export function figure(what: string, value: string): void {
  const line = `${what}: ${value}`
  console.log(`    ${line}`)
  appendFileSync(join(DIRECTORY, 'figures'), `${line}\n`)
}

/** Milliseconds of several tries, in the words of a figure. */
export function tries(milliseconds: readonly number[]): string {
  const sorted = milliseconds.toSorted((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  return `${Math.round(median)} ms, at most ${Math.round(sorted.at(-1) ?? 0)} ms, of ${sorted.length} tries`
}

export function seconds(sinceMs: number): string {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`
}
