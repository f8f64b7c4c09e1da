/**
 * Which of the files that were asked for before they are replaced or removed had been there for a while. They are the
 * agent's earlier versions, and no copy of them is kept. What was just written may be this host's own, and so may all that
 * was asked for before a restart.
 */
import { lstatSync } from 'node:fs'

const WHILE_MS = 60_000
/** Paths. Beyond that all are forgotten, and copies are kept. */
const MOST = 500_000

export class AskedFirst {
  /** By path: the time of change of what was there, in milliseconds. */
  readonly #seen = new Map<string, number>()

  /** What is at the location will be asked for. */
  note(path: string, location: string): void {
    const changedMs = changeOf(location)
    if (changedMs === null || changedMs > Date.now() - WHILE_MS) return
    if (this.#seen.size >= MOST) this.#seen.clear()
    this.#seen.set(path, changedMs)
  }

  /** Whether it is that which was noted; asked for once. */
  take(path: string, location: string): boolean {
    const seenMs = this.#seen.get(path)
    return this.#seen.delete(path) && changeOf(location) === seenMs
  }
}

function changeOf(location: string): number | null {
  return lstatSync(location, { throwIfNoEntry: false })?.ctimeMs ?? null
}
