/** How large a tree is, roughly and fast: decides how it is watched while nothing else is known about it. */
import { readdirSync } from 'node:fs'

/** Entries below a directory, or `enough` when there are that many. */
export function countEntries(path: string, enough: number): number {
  let count = 0
  const waiting = [path]
  for (let directory = waiting.pop(); directory !== undefined && count < enough; directory = waiting.pop()) {
    try {
      for (const entry of readdirSync(directory, { withFileTypes: true })) {
        count += 1
        if (entry.isDirectory()) waiting.push(`${directory}/${entry.name}`)
      }
    } catch (error) {
      // Unreadable or gone: the scan will report it, and this is an estimate.
      if (!(error instanceof Error)) throw error
    }
  }
  return Math.min(count, enough)
}
