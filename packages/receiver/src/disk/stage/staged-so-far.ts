/**
 * What is staged of a changeset, and where the beginning of it ends that a later connection can build on.
 *
 * INVARIANT: the beginning holds every change up to its end, and nothing beyond the segment that told that end.
 */
import { type Change, type Changeset, ProtocolError } from '@rootferry/protocol'
import type { PathProblem } from '../../root-messages.ts'
import type { StagedChange } from '../files/staged-change.ts'

/** A changeset, or its beginning. */
export interface StagedPart {
  /** The committed sequence that it refers to, and where it ends. */
  base: number
  to: number
  paths: string[]
  staged: StagedChange[]
  owed: string[]
  unfit: PathProblem[]
  bytes: number
}

/** How much of each list belongs to a part, and where that ends. */
interface Extent {
  to: number
  paths: number
  changes: number
  owed: number
  unfit: number
  bytes: number
  /** Copies that are not made yet. */
  copies: number
}

export class StagedSoFar {
  readonly changes: StagedChange[] = []
  readonly owed: string[] = []
  /** Of content. */
  bytes = 0
  readonly #header: Changeset
  readonly #unfit: readonly PathProblem[]
  readonly #received: ReadonlyMap<string, Change>
  /** The last sequence that a segment has told. */
  #told: number
  #beginning: Extent | null = null

  /** @param unfit and `received` grow while segments come, the latter in the order in which they come */
  constructor(header: Changeset, unfit: readonly PathProblem[], received: ReadonlyMap<string, Change>) {
    this.#header = header
    this.#unfit = unfit
    this.#received = received
    this.#told = header.from
  }

  /** A segment has come. @throws ProtocolError when it cannot lead there */
  tell(to: number | null): void {
    if (to === null) return
    const isPlausible = this.#header.request === null && to >= this.#told && to <= this.#header.to
    if (!isPlausible) throw new ProtocolError('unexpected-message', `a segment that leads to ${to}`)
    this.#told = to
  }

  /** A segment that leads there is staged, and so is everything before it, but for so many copies. */
  ended(to: number | null, copies: number): void {
    if (to === null) return
    const [paths, changes, owed] = [this.#received.size, this.changes.length, this.owed.length]
    this.#beginning = { to, paths, changes, owed, unfit: this.#unfit.length, bytes: this.bytes, copies }
  }

  /** Copies that the beginning needs. */
  get copies(): number {
    return this.#beginning?.copies ?? 0
  }

  /** How much of each list there is now. */
  get lengths(): { changes: number; owed: number; unfit: number } {
    return { changes: this.changes.length, owed: this.owed.length, unfit: this.#unfit.length }
  }

  /** @param since what was staged since then is of its copies. @returns null when nothing can be built on */
  beginning({ changes, owed, unfit } = this.lengths): StagedPart | null {
    if (this.#beginning === null) return null
    const part = this.#part(this.#beginning)
    part.staged.push(...this.changes.slice(changes))
    part.owed.push(...this.owed.slice(owed))
    part.unfit.push(...this.#unfit.slice(unfit))
    return part
  }

  whole(): StagedPart {
    const all = Number.POSITIVE_INFINITY
    return this.#part({ to: this.#header.to, paths: all, changes: all, owed: all, unfit: all, bytes: this.bytes })
  }

  #part({ to, paths, changes, owed, unfit, bytes }: Omit<Extent, 'copies'>): StagedPart {
    return {
      base: this.#header.base,
      to,
      paths: [...this.#received.keys()].slice(0, paths),
      staged: this.changes.slice(0, changes),
      owed: this.owed.slice(0, owed),
      unfit: this.#unfit.slice(0, unfit),
      bytes,
    }
  }
}
