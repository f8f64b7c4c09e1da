/**
 * Reads files in the background, one at a time: large suspects, whose bytes must be compared, and all files of a check
 * to the byte. Differences go back to the caller that records them; files that cannot be read are asked for again.
 *
 * INVARIANT: a suspect is forgotten only when its result was taken, or with its root. Nothing of a halted root is
 * recorded, and the scan that ends the halt may have passed a file while that was being read.
 */
import type { BulkReads, ConfinedDirectories } from '@rootferry/host/machine'
import PQueue from 'p-queue'
import type { EntryIndex } from '../index/entry-index.ts'
import type { Observation } from '../index/indexed-entry.ts'
import { type Turn, TurnsEnded } from '../turn.ts'
import type { Hint } from '../watch/watcher.ts'
import { checkContent } from './content-check.ts'
import { digestFile } from './content-reader.ts'
import { observe } from './observe.ts'
import type { ScanRequests } from './scan-requests.ts'
import { troubleOf } from './trouble.ts'

/** The parts of the open root that are read. */
export interface ReadRoot {
  directories: ConfinedDirectories
  reads: BulkReads
  turn: Turn
}

export interface ContentQueueParts<Root extends ReadRoot> {
  index: EntryIndex
  scans: Pick<ScanRequests, 'retry'>
  /**
   * The bytes of a file were read: records the result for its path, unless the root is another one by then.
   * @returns false when nothing can be recorded now
   */
  decide(root: Root, path: string, observation: Observation, digest: string): Promise<boolean>
}

export class ContentQueue<Root extends ReadRoot> {
  readonly #parts: ContentQueueParts<Root>
  readonly #checks = new PQueue({ concurrency: 1 })
  /** Suspects that wait for their turn; a check does not hold them up. */
  readonly #suspects = new Set<string>()
  /** Files that were read while nothing could be recorded. */
  readonly #undecided = new Set<string>()
  #reading: Promise<void> | null = null

  constructor(parts: ContentQueueParts<Root>) {
    this.#parts = parts
  }

  /** Resolves when nothing is being read. */
  async idle(): Promise<void> {
    await this.#checks.onIdle()
    await this.#reading
  }

  /** Resolves when the suspects of now are read, and what they are is recorded. */
  async suspectsRead(): Promise<void> {
    await this.#reading
  }

  readSuspect(root: Root, path: string): void {
    this.#suspects.add(path)
    this.#reading ??= this.#readSuspects(root).catch(unlessClosed)
  }

  /** Something can be recorded again: what was read in vain is read anew. */
  readUndecided(root: Root): void {
    const paths = [...this.#undecided]
    this.#undecided.clear()
    for (const path of paths) this.readSuspect(root, path)
  }

  /** Reads all files within a path again. @returns hints at those that differ from their rows */
  async readAgain(root: Root, within: string): Promise<Hint[]> {
    const { index } = this.#parts
    const stale: Hint[] = []
    await this.#checks.add(() =>
      checkContent(within, {
        index,
        directories: root.directories,
        reads: root.reads,
        nowMs: Date.now,
        turn: root.turn,
        stale: (path) => stale.push({ path, extent: 'entry' }),
        differs: (...file) => this.#decide(root, ...file),
      }),
    )
    return stale
  }

  /** Gives way between the suspects as well as between the pieces of one. */
  async #readSuspects(root: Root): Promise<void> {
    try {
      await root.turn.next()
      for (const path of this.#suspects) {
        this.#suspects.delete(path)
        await this.#readSuspect(root, path)
        await root.turn.next()
      }
    } finally {
      this.#reading = null
      this.#suspects.clear()
    }
  }

  async #readSuspect(root: Root, path: string): Promise<void> {
    let location: string
    try {
      location = root.directories.locate(path)
    } catch (error) {
      // A directory above it is gone: its own hint will come.
      if (troubleOf(error) !== null) this.#parts.scans.retry(path, 'troubled', '')
      return
    }
    const read = await digestFile(location, () => root.turn.next(), root.reads)
    if (read.fault !== null) return this.#parts.scans.retry(path, read.fault, '')
    const look = observe(read.stats, null, Date.now())
    if (look.found === 'entry') await this.#decide(root, path, look.observation, read.digest)
  }

  async #decide(root: Root, path: string, observation: Observation, digest: string): Promise<void> {
    if (!(await this.#parts.decide(root, path, observation, digest))) this.#undecided.add(path)
  }
}

/** The next opening of the root begins with a scan of its own. */
function unlessClosed(error: unknown): void {
  if (!(error instanceof TurnsEnded)) throw error
}
