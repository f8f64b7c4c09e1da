/**
 * The docroot is on a filesystem that is unmounted for a while, and the oracle for it (G7): meanwhile the agent's index
 * forgets nothing, however the guard is set.
 */
import { rowsOf } from './database.ts'
import type { Inode } from './inode.ts'
import type { Machine } from './machine.ts'
import { INDEX_FILE, SOURCE } from './places.ts'
import type { Chance } from './random.ts'
import { Violation } from './violation.ts'

const BARE_DEVICE = 5
/** A scan that had begun before may still be recorded. */
const UNDER_WAY_MS = 2_000

export class SourceAway {
  readonly chance: Chance
  readonly #agent: Machine
  readonly #now: () => number
  #mounted: Inode | null = null
  #sinceMs = 0
  /** Living entries of the index when everything was recorded that was seen before. */
  #living: number | null = null

  constructor(chance: Chance, agent: Machine, now: () => number) {
    this.chance = chance
    this.#agent = agent
    this.#now = now
  }

  get isAway(): boolean {
    return this.#mounted !== null
  }

  /** Whether the agent can tell the docroot from an empty directory: what never held anything has nothing to lose. */
  get isKnown(): boolean {
    return this.#count() > 1
  }

  /** @returns what was done, for people */
  goes(): string {
    const { disk } = this.#agent
    const bare = disk.make('directory', 0o755, BARE_DEVICE)
    // What is in a mount point is often a file that says so.
    const isMarked = this.chance.oneIn(2)
    if (isMarked) disk.attach(bare, 'not mounted', disk.make('file', 0o644, BARE_DEVICE))
    this.#mounted = this.#exchange(bare)
    this.#sinceMs = this.#now()
    this.#living = null
    return `the docroot is not mounted${isMarked ? ', and a file in its place says so' : ''}`
  }

  /** @returns what was done, for people */
  comes(): string {
    if (this.#mounted !== null) this.#exchange(this.#mounted)
    this.#mounted = null
    return 'the docroot is mounted again'
  }

  /** After a turn. @throws Violation */
  judge(): void {
    if (this.#mounted === null || this.#now() < this.#sinceMs + UNDER_WAY_MS) return
    const living = this.#count()
    const before = this.#living ?? living
    this.#living = living
    if (living < before)
      throw new Violation('G7', `the docroot is not mounted, and ${before - living} entries are gone`)
  }

  /** Living entries of the index, the root's own too. */
  #count(): number {
    const [row] = rowsOf(this.#agent, INDEX_FILE, 'SELECT count(*) AS living FROM entries WHERE kind <> 0')
    return Number(row?.['living'] ?? 0)
  }

  #exchange(other: Inode): Inode {
    const { disk } = this.#agent
    const place = disk.find(SOURCE)?.places[0]
    if (place === undefined) throw new Error('there is no docroot')
    const { directory, name } = place
    const before = disk.detach(directory, name)
    disk.attach(directory, name, other)
    return before
  }
}
