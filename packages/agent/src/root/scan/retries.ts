/**
 * Pure bookkeeping: when to look again at files whose bytes could not be read.
 *
 * Gone or outgrown: at once, and the scanner will see why. Written to all the time: later, and later each time, so that
 * a log that never rests does not keep the agent busy; the same for trouble that is not of the file. Unreadable: at
 * the next hint or rescan.
 */

import { backoffMs } from '@rootferry/host/machine'
import { BOUNDS } from '../../bounds.ts'
import type { ReadFault } from './content-reader.ts'

export const LOOKS = { firstMs: 500, mostMs: 60_000 }
export const FORGET_MS = 300_000

export class Retries {
  readonly #attempts = new Map<string, { count: number; lastMs: number }>()

  /** @returns milliseconds until the next look, or null when no time is set for it */
  delayAfter(path: string, fault: ReadFault['fault'], nowMs: number): number | null {
    if (fault === 'vanished' || fault === 'outgrown') return 0
    if (fault === 'unreadable') return null
    const known = this.#attempts.get(path)
    const count = known === undefined || nowMs - known.lastMs > FORGET_MS ? 0 : known.count + 1
    if (known === undefined && this.#attempts.size >= BOUNDS.rememberedRetries) this.#attempts.clear()
    this.#attempts.set(path, { count, lastMs: nowMs })
    return backoffMs(count, LOOKS)
  }
}
