/**
 * The order of symlinks that point elsewhere: who deploys makes a release whole and then points `current` at it. So such
 * a swap is recorded when all batches of hints that came before it are, however they overtake each other. A scan that
 * some earlier hint called for may find it while its own hint still waits, and then what came before waits too. Pure
 * bookkeeping.
 *
 *   found by a scan ── no other batch is open, and no hint at it waits ──▶ recorded by that scan, last
 *         └── otherwise left out ── those batches end, and that of its hint ──▶ looked at again, and recorded
 *
 * What a symlink led to goes after it was pointed elsewhere. So deletions wait while one waits, and those that an early
 * batch tells of wait for the hints that came before it, among which one may be.
 */
import type { Observation } from '../index/indexed-entry.ts'
import type { Hint } from '../watch/watcher.ts'
import type { MaySwap } from './swaps.ts'

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
}

export class SwapOrder {
  readonly #hints: WaitingHints
  readonly #look: (path: string) => Promise<unknown>
  readonly #batches = new Map<symbol, PromiseWithResolvers<void>>()
  readonly #waiting = new Map<string, Waiting>()
  #withheld: symbol | null = null
  /** The batch of hints that still wait, and came before what is found or taken already. */
  #crowd: symbol | null = null
  /** Early batches, by the batch of the hints that came before them, until that ends. */
  readonly #early = new Map<symbol, Set<symbol>>()

  /** @param look scans the path */
  constructor(hints: WaitingHints, look: (path: string) => Promise<unknown>) {
    this.#hints = hints
    this.#look = look
  }

  /** A batch of hints is taken. @param isEarly others that came before them still wait, and are to be taken next */
  begin(isEarly = false): symbol {
    const crowd = this.#crowd ?? this.#open()
    this.#crowd = isEarly ? crowd : null
    if (!isEarly) return crowd
    const early = this.#open()
    this.#early.set(crowd, (this.#early.get(crowd) ?? new Set()).add(early))
    return early
  }

  #open(): symbol {
    const batch = Symbol('batch')
    this.#batches.set(batch, Promise.withResolvers())
    return batch
  }

  /** All that the batch hinted at is recorded, or was found to be as it was. */
  end(batch: symbol): void {
    this.#batches.get(batch)?.resolve()
    this.#batches.delete(batch)
    this.#early.delete(batch)
  }

  /** Arrivals of moves wait until deletions are judged. */
  withhold(): void {
    this.#withheld ??= this.#open()
  }

  /** The batch of the look that judges them; null: none wait. */
  get withheld(): OwnBatch | null {
    return this.#withheld === null ? null : { batch: this.#withheld, isWhole: true }
  }

  /**
   * Whether what a symlink led to must not go yet, removed or moved away: one waits, and not for the judgement on
   * deletions, or may come.
   */
  holdsRemovals(own: OwnBatch | null): boolean {
    const isEarly = own !== null && [...this.#early.values()].some((batches) => batches.has(own.batch))
    return isEarly || (this.#withheld === null && this.#waiting.size > 0)
  }

  /** At the symlinks that wait. */
  get hints(): Hint[] {
    return [...this.#waiting.keys()].map((path) => ({ path, extent: 'entry' }))
  }

  /** Resolves when all hints are recorded that came before early batches of up to now. */
  async crowdsRecorded(): Promise<void> {
    await Promise.all([...this.#early.keys()].map((crowd) => this.#batches.get(crowd)?.promise))
  }

  judged(): void {
    if (this.#withheld !== null) this.end(this.#withheld)
    this.#withheld = null
  }

  /** Nothing of it is to come: the hints that wait are dropped, or another root is scanned from now on. */
  drop(): void {
    this.end(this.begin())
    this.judged()
  }

  /** @param own the batch of the scan that asks; null: it has none */
  judgeFor(own: OwnBatch | null): MaySwap {
    const batchOfScan = own?.isWhole === true ? own.batch : null
    return (path, observation) => {
      const waiting = this.#waiting.get(path)
      const isKnown = waiting !== undefined && isSame(waiting.observation, observation)
      if (!isKnown && this.#hints.covers(path)) return false
      const isBefore = (batch: symbol) => !isKnown || batch === this.#withheld || waiting.before.includes(batch)
      return [...this.#batches.keys()].every((batch) => batch === batchOfScan || !isBefore(batch))
    }
  }

  /** The swap was left out. */
  defer(path: string, observation: Observation): void {
    const known = this.#waiting.get(path)
    if (known !== undefined && isSame(known.observation, observation)) return
    if (this.#hints.covers(path)) this.#crowd ??= this.#open()
    const waiting: Waiting = { observation, before: [...this.#batches.keys()], done: Promise.resolve() }
    const recorded = [...this.#batches.values()].map(({ promise }) => promise)
    waiting.done = Promise.all(recorded).then(() => this.#due(path, waiting))
    this.#waiting.set(path, waiting)
  }

  /** Resolves when no swap waits. */
  async idle(): Promise<void> {
    while (this.#waiting.size > 0) await Promise.all([...this.#waiting.values()].map(({ done }) => done))
  }

  async #due(path: string, waiting: Waiting): Promise<void> {
    while (this.#withheld !== null) await this.#batches.get(this.#withheld)?.promise
    // A later one has its own wait.
    if (this.#waiting.get(path) === waiting) await this.#look(path)
    if (this.#waiting.get(path) === waiting) this.#waiting.delete(path)
  }
}

function isSame(one: Observation, other: Observation): boolean {
  return one.target === other.target && one.inode === other.inode && one.mtime === other.mtime
}
