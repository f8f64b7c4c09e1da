/**
 * Hints in, scans out: collects hints until they have settled, and has the scanner follow them, one scan at a time.
 *
 *   hint ─▶ coalescer ─▶ batch ─▶ scan, in slices that give way to packing ─▶ advanced
 *
 * Large files that only their bytes can tell are read in the background, and files whose bytes could not be had are
 * hinted at again later. Knows no receivers, and no states of a root.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import PQueue from 'p-queue'
import type { OpenTree } from './open-tree.ts'
import type { WatchSettings } from './root-messages.ts'
import type { Timers } from './timers.ts'
import { Coalescer } from './tree/coalesce.ts'
import { digestFile, type ReadFault } from './tree/content-reader.ts'
import type { EntryIndex } from './tree/entry-index.ts'
import { observe } from './tree/observe.ts'
import { Retries } from './tree/retries.ts'
import type { Hint } from './tree/watcher.ts'

const SLICE_MS = 10

export interface ScanQueueEvents {
  /** The index has news; the oldest hint behind them came at `seenMs`. */
  advanced(seenMs: number): void
  scanned(tookMs: number): void
  /** A file's bytes can not be read, and no retry by time will help. */
  unreadable(path: string, message: string): void
}

export class ScanQueue {
  readonly #index: EntryIndex
  readonly #timers: Timers
  readonly #events: ScanQueueEvents
  readonly #retries = new Retries()
  readonly #scans = new PQueue({ concurrency: 1 })
  readonly #digests = new PQueue({ concurrency: 1 })
  #coalescer: Coalescer
  #tree: OpenTree | null = null
  #firstHintMs: number | null = null

  constructor(index: EntryIndex, timers: Timers, watch: WatchSettings, events: ScanQueueEvents) {
    this.#index = index
    this.#timers = timers
    this.#events = events
    this.#coalescer = new Coalescer(watch)
  }

  /** What waits is dropped: whoever calls this scans the whole tree next. */
  configure(watch: WatchSettings): void {
    this.#coalescer = new Coalescer(watch)
  }

  /** Scans run on this tree from now on; with null they end where they are. */
  use(tree: OpenTree | null): void {
    this.#tree = tree
  }

  /** Resolves when no scan and no reading in the background is under way. */
  async idle(): Promise<void> {
    await this.#scans.onIdle()
    await this.#digests.onIdle()
  }

  /** Resolves when every scan that was asked for so far is done. */
  scanned(): Promise<void> {
    return this.#scans.onIdle()
  }

  hint(hint: Hint): void {
    const now = Date.now()
    this.#firstHintMs ??= now
    this.#coalescer.add(hint, now)
    const dueAt = this.#coalescer.dueAt()
    if (dueAt !== null && !this.#timers.has('batch')) this.#timers.after('batch', dueAt - now, () => this.#takeBatch())
  }

  /** Scans at once, without waiting for more hints. */
  scan(hints: Hint[]): void {
    const seenMs = this.#firstHintMs ?? Date.now()
    this.#firstHintMs = null
    void this.#scans.add(() => this.#runScan(hints, seenMs))
  }

  largeSuspect(path: string): void {
    void this.#digests.add(() => this.#settleLarge(path))
  }

  /** The bytes of a file could not be had: looks again when there is a chance. */
  retry(path: string, fault: ReadFault['fault'], message: string): void {
    const delayMs = this.#retries.delayAfter(path, fault, Date.now())
    if (delayMs === null) this.#events.unreadable(path, message)
    else if (delayMs === 0) this.hint({ path, extent: 'entry' })
    else this.#timers.after(`retry ${path}`, delayMs, () => this.hint({ path, extent: 'entry' }))
  }

  #takeBatch(): void {
    const now = Date.now()
    const batch = this.#coalescer.take(now)
    if (batch.length > 0) this.scan(batch)
    const dueAt = this.#coalescer.dueAt()
    if (dueAt !== null) this.#timers.after('batch', dueAt - now, () => this.#takeBatch())
  }

  async #runScan(hints: Hint[], seenMs: number): Promise<void> {
    const tree = this.#tree
    if (tree === null) return
    const began = performance.now()
    let head = this.#index.head
    let sliceBegan = began
    const steps = tree.scanner.scan(hints)
    for (let step = steps.next(); step.done !== true; step = steps.next()) {
      if (performance.now() - sliceBegan < SLICE_MS) continue
      head = this.#announce(head, seenMs)
      await nextTurn()
      sliceBegan = performance.now()
      if (this.#tree !== tree) return
    }
    this.#announce(head, seenMs)
    this.#events.scanned(performance.now() - began)
  }

  #announce(head: number, seenMs: number): number {
    if (this.#index.head > head) this.#events.advanced(seenMs)
    return this.#index.head
  }

  async #settleLarge(path: string): Promise<void> {
    const tree = this.#tree
    if (tree === null) return
    let location: string
    try {
      location = tree.directories.locate(path)
    } catch {
      // A directory above it is gone: its own hint is under way.
      return
    }
    const read = await digestFile(location, () => nextTurn())
    if (read.fault !== null) return this.retry(path, read.fault, '')
    const look = observe(read.stats, null, Date.now())
    await this.#scans.add(() => {
      if (this.#tree !== tree || look.found !== 'entry') return
      const head = this.#index.head
      tree.scanner.settle(path, look.observation, read.digest)
      this.#announce(head, Date.now())
    })
  }
}
