/**
 * The order of symlinks that point elsewhere: who deploys makes a release whole and then points `current` at it. So such
 * a swap is recorded when all batches of hints that came before it are, however they overtake each other. A scan that
 * some earlier hint called for may find it while its own hint still waits, and then what came before waits too. Pure
 * bookkeeping.
 *
 *   found by a scan ── no other batch is open, and no hint at it waits ──▶ recorded by that scan, last
 *         └── otherwise left out ── those batches end, and that of its hint ──▶ looked at again, and recorded
 *
 * So does one while a hint waits at something in what it points to, and while a scan of no batch is under way of which it
 * may be a part that the rest of the release has been found, and not recorded.
 *
 * What a symlink led to goes after it was pointed elsewhere. So what is gone waits while a symlink that leads there, by its
 * row, waits or is hinted at. All hints at what came before a look are known when its findings are judged: see `caughtUp`
 * in watcher.ts.
 */
import { isWithin } from '@rootferry/protocol'
import type { EntryIndex } from '../index/entry-index.ts'
import type { Observation } from '../index/indexed-entry.ts'
import type { Hint } from '../watch/watcher.ts'
import { leadsTo } from './leads-to.ts'
import type { RecordOrder } from './swaps.ts'

interface Waiting {
  readonly observation: Observation
  /** The batches that came before it. */
  readonly before: readonly symbol[]
  done: Promise<void>
}

/** The batch that a scan is of. */
export interface OwnBatch {
  batch: symbol
  /** Whether the scan follows all of its hints: a part of it must not take the rest for recorded. */
  isWhole: boolean
}

/** The hints that are in no batch yet. */
interface WaitingHints {
  /** Whether one of them is at the path, or at a directory above it. */
  covers(path: string): boolean
  paths: Iterable<string>
}

/** What is to be recorded before a swap, and before what a symlink led to goes. */
interface Batch {
  hints: readonly Hint[]
  ended: PromiseWithResolvers<void>
  /** Whether it may have found what came before a swap. */
  matters: () => boolean
}

const ALWAYS = () => true

export class SwapOrder {
  readonly #hints: WaitingHints
  readonly #rows: Pick<EntryIndex, 'get' | 'totals'>
  readonly #look: (path: string) => Promise<unknown>
  readonly #batches = new Map<symbol, Batch>()
  readonly #waiting = new Map<string, Waiting>()
  #withheld: symbol | null = null
  /** Whether the root was looked at as a whole: before that, changes come without hints. */
  #isSeen = false
  /** The batch of hints that still wait, and came before what is found or taken already. */
  #crowd: symbol | null = null

  /** @param look scans the path */
  constructor(hints: WaitingHints, rows: Pick<EntryIndex, 'get' | 'totals'>, look: (path: string) => Promise<unknown>) {
    this.#hints = hints
    this.#rows = rows
    this.#look = look
  }

  /** A batch of hints is taken. @param isEarly others that came before them still wait, and are to be taken next */
  begin(hints: readonly Hint[], isEarly = false): symbol {
    const crowd = this.#crowd ?? this.#open([])
    this.#crowd = isEarly ? crowd : null
    const taken = isEarly ? this.#open([]) : crowd
    const batch = this.#batches.get(taken)
    if (batch !== undefined) batch.hints = hints
    return taken
  }

  /** A scan of no batch. @param hasNews whether it has found a new directory, of which it may not have recorded everything */
  async during<Result>(hasNews: () => boolean, scan: (own: OwnBatch) => Promise<Result>): Promise<Result> {
    const batch = this.#open([], () => !this.#isSeen || hasNews())
    try {
      return await scan({ batch, isWhole: true })
    } finally {
      this.end(batch)
    }
  }

  /** The root was looked at as a whole. */
  seen(): void {
    this.#isSeen = true
  }

  #open(hints: readonly Hint[], matters = ALWAYS): symbol {
    const batch = Symbol('batch')
    this.#batches.set(batch, { hints, ended: Promise.withResolvers(), matters })
    return batch
  }

  /** All that the batch hinted at is recorded, or was found to be as it was. */
  end(batch: symbol): void {
    this.#batches.get(batch)?.ended.resolve()
    this.#batches.delete(batch)
  }

  /** Arrivals of moves wait until deletions are judged. */
  withhold(): void {
    this.#withheld ??= this.#open([])
  }

  /** The batch of the look that judges them; null: none wait. */
  get withheld(): OwnBatch | null {
    return this.#withheld === null ? null : { batch: this.#withheld, isWhole: true }
  }

  /** What a scan may record. */
  orderFor(own: OwnBatch): RecordOrder {
    return {
      maySwap: this.#swapsFor(own),
      mayRemove: this.#removalsFor(own),
      // The size first: it is asked for each path that a scan looks at, and a string is hashed to look it up.
      settled: (path) => void (this.#waiting.size > 0 && this.#waiting.delete(path)),
    }
  }

  /** Whether what is gone waits for a symlink by which it may still be reached. */
  #removalsFor(own: OwnBatch): RecordOrder['mayRemove'] {
    return (gone, isRecorded) => {
      if (this.#rows.totals.symlinks === 0) return true
      for (const path of this.#doubtful(own)) {
        const row = this.#rows.get(path)
        if (row?.kind !== 'symlink' || row.target === null || isRecorded(path)) continue
        const place = leadsTo(path, row.target, this.#rows)
        for (const other of gone) if (place === null || isWithin(other, place)) return false
      }
      return true
    }
  }

  /** Paths at which something may be that is not recorded, and came before what is gone. */
  *#doubtful(own: OwnBatch): Generator<string> {
    yield* this.#waiting.keys()
    yield* this.#hints.paths
    for (const [batch, { hints }] of this.#batches) if (batch !== own.batch) for (const { path } of hints) yield path
  }

  /** At the symlinks that wait. */
  get hints(): Hint[] {
    return [...this.#waiting.keys()].map((path) => ({ path, extent: 'entry' }))
  }

  judged(): void {
    if (this.#withheld !== null) this.end(this.#withheld)
    this.#withheld = null
  }

  /** Nothing of it is to come: the hints that wait are dropped, or another root is scanned from now on. */
  drop(): void {
    this.end(this.begin([]))
    this.judged()
    this.#isSeen = false
  }

  #swapsFor(own: OwnBatch): RecordOrder['maySwap'] {
    const batchOfScan = own.isWhole ? own.batch : null
    return (path, observation) => {
      const waiting = this.#waiting.get(path)
      const isKnown = waiting !== undefined && isSame(waiting.observation, observation)
      if (!isKnown && this.#isHinted(path, observation)) return false
      const isBefore = (batch: symbol) => !isKnown || batch === this.#withheld || waiting.before.includes(batch)
      return [...this.#batches].every(([batch, { matters }]) => batch === batchOfScan || !isBefore(batch) || !matters())
    }
  }

  /** Whether hints at it, or at something in what it points to, are in no batch. */
  #isHinted(path: string, { target }: Observation): boolean {
    if (this.#hints.covers(path)) return true
    const place = target === null ? null : leadsTo(path, target, this.#rows)
    if (place === null) return false
    for (const hinted of this.#hints.paths) if (isWithin(hinted, place)) return true
    return false
  }

  /** The swap was left out. */
  defer(path: string, observation: Observation): void {
    const known = this.#waiting.get(path)
    if (known !== undefined && isSame(known.observation, observation)) return
    if (this.#isHinted(path, observation)) this.#crowd ??= this.#open([])
    const waiting: Waiting = { observation, before: [...this.#batches.keys()], done: Promise.resolve() }
    const recorded = [...this.#batches.values()].map(({ ended }) => ended.promise)
    waiting.done = Promise.all(recorded).then(() => this.#due(path, waiting))
    this.#waiting.set(path, waiting)
  }

  /** Resolves when no swap waits. */
  async idle(): Promise<void> {
    while (this.#waiting.size > 0) await Promise.all([...this.#waiting.values()].map(({ done }) => done))
  }

  async #due(path: string, waiting: Waiting): Promise<void> {
    while (this.#withheld !== null) await this.#batches.get(this.#withheld)?.ended.promise
    // A later one has its own wait.
    if (this.#waiting.get(path) === waiting) await this.#look(path)
    if (this.#waiting.get(path) === waiting) this.#waiting.delete(path)
  }
}

function isSame(one: Observation, other: Observation): boolean {
  return one.target === other.target && one.inode === other.inode && one.mtime === other.mtime
}
