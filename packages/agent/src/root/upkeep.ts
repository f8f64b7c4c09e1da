/**
 * The timed side work of a root's thread: writes down what packing learnt, frees memory that is not needed, and drops
 * the tombstones that every receiver is past.
 */
import { IdleCollector } from '@rootferry/host/machine'
import type { FromRoot } from '../root-messages.ts'
import { decodeToldHooks } from '../told-hooks.ts'
import type { EntryIndex } from './index/entry-index.ts'
import type { Packer } from './pack/packer.ts'
import type { Timers } from './timers.ts'

const IDLE_FLUSH_MS = 200
const TRIM_MS = 2_000
const PURGE_MS = 600_000
/**
 * A receiver that was not seen for this long no longer keeps tombstones alive: it will have to compare. Nor does a hook
 * that has failed for this long.
 */
const FORGOTTEN_MS = 7 * 24 * 3_600_000

export interface UpkeepParts {
  index: EntryIndex
  timers: Timers
  /** The packer of the open docroot. */
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

  /** For as long as segments keep memory, whether or not the root rests. */
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
    const told = decodeToldHooks(index.memory.note('hooks')).filter(({ atMs }) => Date.now() - atMs < FORGOTTEN_MS)
    const needed = [...known.map(({ durable }) => durable), ...told.map(({ sequence }) => sequence)]
    index.dropTombstones(Math.min(index.head, ...needed))
  }
}
