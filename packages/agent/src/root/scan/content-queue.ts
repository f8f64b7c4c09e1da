/**
 * Reads files in the background, one at a time: large suspects, which only their bytes can tell, and all files of a
 * check to the byte. What differs goes back to whoever records it; what cannot be read is asked for again.
 */
import type { ConfinedDirectories } from '@rootferry/host/machine'
import PQueue from 'p-queue'
import type { EntryIndex } from '../index/entry-index.ts'
import type { Observation } from '../index/indexed-entry.ts'
import { type Turn, TurnsEnded } from '../turn.ts'
import type { Hint } from '../watch/watcher.ts'
import { checkContent } from './content-check.ts'
import { digestFile } from './content-reader.ts'
import { observe } from './observe.ts'
import type { ScanRequests } from './scan-requests.ts'

/** What is read of the root that is open. */
export interface ReadRoot {
  directories: ConfinedDirectories
  turn: Turn
}

export interface ContentQueueParts<Root extends ReadRoot> {
  index: EntryIndex
  scans: Pick<ScanRequests, 'retry'>
  /** The bytes of a file are read: records what they tell of its path, unless the root is another one by then. */
  decide(root: Root, path: string, observation: Observation, digest: string): Promise<void>
}

export class ContentQueue<Root extends ReadRoot> {
  readonly #parts: ContentQueueParts<Root>
  readonly #reads = new PQueue({ concurrency: 1 })

  constructor(parts: ContentQueueParts<Root>) {
    this.#parts = parts
  }

  /** Resolves when nothing is being read. */
  idle(): Promise<void> {
    return this.#reads.onIdle()
  }

  readSuspect(root: Root, path: string): void {
    this.#reads.add(() => this.#readSuspect(root, path)).catch(unlessClosed)
  }

  /** Reads all files within a path again. @returns hints at those that are not what their rows say */
  async readAgain(root: Root, within: string): Promise<Hint[]> {
    const { index, decide } = this.#parts
    const stale: Hint[] = []
    await this.#reads.add(() =>
      checkContent(within, {
        index,
        directories: root.directories,
        nowMs: Date.now,
        turn: root.turn,
        stale: (path) => stale.push({ path, extent: 'entry' }),
        differs: (path, observation, digest) => decide(root, path, observation, digest),
      }),
    )
    return stale
  }

  async #readSuspect(root: Root, path: string): Promise<void> {
    let location: string
    try {
      location = root.directories.locate(path)
    } catch {
      // A directory above it is gone: its own hint will come.
      return
    }
    const read = await digestFile(location, () => root.turn.next())
    if (read.fault !== null) return this.#parts.scans.retry(path, read.fault, '')
    const look = observe(read.stats, null, Date.now())
    if (look.found === 'entry') await this.#parts.decide(root, path, look.observation, read.digest)
  }
}

/** The next opening of the root begins with a scan of its own. */
function unlessClosed(error: unknown): void {
  if (!(error instanceof TurnsEnded)) throw error
}
