/**
 * When V8 collects garbage, told by who knows better: daemons that move gigabytes through buffers and then rest.
 *
 * V8 starts a full collection for every few dozen megabytes of buffers that come and go, though a look at the young
 * objects alone would free them all. And it collects when a thread allocates, not when it rests: after a first sync it
 * would sit on a hundred megabytes for as long as nothing happens.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

type Collect = (options: { type: 'minor' } | { type: 'major'; flavor: 'last-resort' }) => void

let collect: Collect | null = null

/** Buffers that may come and go before the young garbage is collected: a fraction of what makes V8 collect everything. */
const YOUNG_BYTES = 12 * 1024 * 1024

/** Call once, before there is more than one thread. */
export function tuneCollector(): void {
  // On few cores the helper threads of a young collection cost more than they save.
  setFlagsFromString('--no-parallel-scavenge')
  // V8 would begin a full collection when there is less room than its young space has, which is always: after every
  // young one, though nothing has grown. In percent of the room that a heap has until it must collect.
  setFlagsFromString('--incremental-marking-soft-trigger=80')
  setFlagsFromString('--incremental-marking-hard-trigger=95')
  setFlagsFromString('--expose-gc')
}

/** Collects everything. Takes some tens of milliseconds: call it when nobody waits. */
export function collectGarbage(): void {
  collector()({ type: 'major', flavor: 'last-resort' })
}

/** Counts the memory of buffers that a thread receives or sends, and collects what they leave behind. */
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
