/**
 * What a root's thread does beside its work, by time: writes down what packing learnt, gives memory back when nobody
 * needs it, and drops the tombstones that every receiver is past.
 */
import { IdleCollector } from '@rootferry/host/machine'
import type { FromRoot } from '../root-messages.ts'
import type { EntryIndex } from './index/entry-index.ts'
import type { Packer } from './pack/packer.ts'
import type { Timers } from './timers.ts'

const IDLE_FLUSH_MS = 200
const TRIM_MS = 2_000
const PURGE_MS = 600_000
/** A receiver that was not heard of for this long no longer keeps tombstones alive: it will have to compare. */
const FORGOTTEN_MS = 7 * 24 * 3_600_000

export interface UpkeepParts {
  index: EntryIndex
  timers: Timers
  /** Of the docroot that is open. */
  packer: () => Packer | null
  post: (message: FromRoot) => void
}

export class Upkeep {
  readonly #parts: UpkeepParts
  readonly #collector: IdleCollector

  constructor(parts: UpkeepParts) {
    this.#parts = parts
    this.#collector = new IdleCollector(() => {
      parts.packer()?.trim()
      parts.post({ type: 'rested' })
    })
  }

  begin(): void {
    this.#parts.timers.every('purge', PURGE_MS, () => this.#purge())
  }

  close(): void {
    this.#collector.close()
  }

  /** A segment was packed. */
  packed(bytes: number): void {
    const { timers, packer } = this.#parts
    if (packer()?.hasLearnt === true) timers.after('flush', IDLE_FLUSH_MS, () => packer()?.flushLearnt())
    this.trimLater()
    this.#collector.worked(bytes)
  }

  /** A scan of everything is over. */
  scannedAll(): void {
    this.#collector.collectSoon()
  }

  /** As long as segments keep memory, whether the root rests or not. */
  trimLater(): void {
    const { timers, packer } = this.#parts
    if (timers.has('trim')) return
    timers.after('trim', TRIM_MS, () => {
      if (packer()?.trim() === true) this.trimLater()
    })
  }

  #purge(): void {
    const { index } = this.#parts
    const known = index.memory.watermarks().filter(({ seen }) => Date.now() - seen < FORGOTTEN_MS)
    index.dropTombstones(Math.min(index.head, ...known.map(({ durable }) => durable)))
  }
}
