/**
 * When V8 collects garbage: tuned for daemons that move gigabytes through buffers and then rest.
 *
 * V8 starts a full collection for every few dozen megabytes of buffers that come and go, though a collection of young
 * objects alone would free them all. And V8 collects when a thread allocates, not when it rests: after a first sync it
 * would hold a hundred megabytes for as long as nothing happens.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

type Collect = (options: { type: 'minor' } | { type: 'major'; flavor: 'last-resort' }) => void

let collect: Collect | null = null

/**
 * Buffers that may come and go before young objects are collected: a fraction of the amount that triggers a full
 * collection.
 */
const YOUNG_BYTES = 12 * 1024 * 1024

/** Call it once, while there is only one thread. */
export function tuneCollector(): void {
  // On few cores the helper threads of a young collection cost more than they save.
  setFlagsFromString('--no-parallel-scavenge')
  // V8 would begin a full collection whenever less room is left than its young space has, which is always so: after
  // every collection of young objects, though nothing has grown. The value is a percentage of the room that a heap has
  // until it must collect.
  setFlagsFromString('--incremental-marking-soft-trigger=80')
  setFlagsFromString('--incremental-marking-hard-trigger=95')
  setFlagsFromString('--expose-gc')
}

/** Collects everything. Takes some tens of milliseconds: call it when no work waits. */
export function collectGarbage(): void {
  collector()({ type: 'major', flavor: 'last-resort' })
}

/** Counts the memory of buffers that a thread receives or sends, and collects the garbage that they leave. */
export class BufferGarbage {
  #bytes = 0

  passed(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes < YOUNG_BYTES) return
    this.#bytes = 0
    collector()({ type: 'minor' })
  }
}

function collector(): Collect {
  if (collect === null) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as Collect
  }
  return collect
}
