/**
 * Finds the directories that may differ from the agent's, by a digest of each that the agent sends: the others need no
 * listing. Changes nothing, and remembers only the directories to be listed.
 *
 * A directory counts as equal only when everything in it is what it would be made: what cannot be told by a digest, such
 * as owners and modes that are mapped to others here, is left to the listing.
 */
import {
  directoryDigest,
  joinPath,
  lengthened,
  ProtocolError,
  ROOT_PATH,
  type SummarizedEntry,
  type Summary,
} from '@rootferry/protocol'
import type { ModeMap } from '../../mode-map.ts'
import { isSystemError, isTroubleOfAll } from '../files/disk-errors.ts'
import { goOn, type Walk } from '../files/walk.ts'
import type { ComparisonParts } from './comparison.ts'
import { type LocalDirectory, type LocalEntry, scanDirectory } from './local-scan.ts'

export interface SummariesParts extends ComparisonParts {
  modeOf: ModeMap
}

/** With more directories than these to be listed, a listing of everything costs less. */
const MOST_DIFFERING = 2_000
const MOST_DIFFERING_SHARE = 1 / 4
/** As few say nothing about the rest. */
const LEAST_COMPARED = 200

const LETTERS = { file: 'f', directory: 'd', symlink: 'l' } as const

/** What the agent's numbers of an owner are who owns something here; null: nobody of the agent's. */
type OwnerOf = (uid: number, gid: number) => { uid: number; gid: number } | null

interface Page {
  directories: { path: string; entries: number; digest: string | null }[]
  ownerOf: OwnerOf
  next: number
}

export class Summaries {
  readonly #parts: SummariesParts
  /** Called with the entries of a directory that is equal. */
  readonly #equal: (entries: number) => void
  readonly #pages: Page[] = []
  #work: Walk<void> | null = null
  #compared = 0
  /** Entries of the directories that are equal. */
  checked = 0
  /** The root's own entry is in none of the digests. */
  readonly differing = new Set([ROOT_PATH])

  constructor(parts: SummariesParts, equal: (entries: number) => void) {
    this.#parts = parts
    this.#equal = equal
  }

  /** Whether owners belong into the digests. */
  get owners(): boolean {
    return this.#parts.owners.follows
  }

  get hasWork(): boolean {
    return this.#pages.length > 0
  }

  get pages(): number {
    return this.#pages.length
  }

  /** Whether the whole tree is to be listed instead. */
  get differsMuch(): boolean {
    const { size } = this.differing
    return size > MOST_DIFFERING || (this.#compared >= LEAST_COMPARED && size > this.#compared * MOST_DIFFERING_SHARE)
  }

  /** @throws ProtocolError when a path in it cannot be one */
  summary({ directories, users, groups }: Summary): void {
    const { owners } = this.#parts
    let before: string | null = null
    const named = directories.map(([common, rest, entries, digest]) => {
      const path = lengthened(common, rest, before)
      if (path === null) throw new ProtocolError('malformed-message', 'a directory of a summary without a path')
      before = path
      return { path, entries, digest }
    })
    this.#pages.push({ directories: named, ownerOf: owners.backwards(users, groups), next: 0 })
  }

  /**
   * Compares for a while; may be called again after a disk error, and continues where it was.
   * @param isDue whether it is time to give way
   * @throws the system error when the disk as a whole is in trouble; RootGone
   */
  step(isDue: () => boolean): void {
    this.#parts.insistOnPlace()
    this.#parts.untouchable.refreshBorders()
    const work = this.#work ?? this.#compare()
    // A walk that has thrown is over.
    this.#work = null
    this.#work = goOn(work, isDue)
  }

  end(): void {
    this.#work?.return()
    this.#work = null
    this.#pages.length = 0
  }

  *#compare(): Walk<void> {
    for (let page = this.#pages[0]; page !== undefined; page = this.#pages[0]) {
      for (
        let directory = page.directories[page.next];
        directory !== undefined;
        directory = page.directories[page.next]
      ) {
        const { path, entries, digest } = directory
        if (!this.differing.has(path) && !this.#parts.untouchable.protects(path, 'directory')) {
          if (digest !== null && (yield* this.#isSame(path, digest, page.ownerOf))) this.#count(entries)
          else this.differing.add(path)
          this.#compared += 1
        }
        page.next += 1
        yield
      }
      this.#pages.shift()
    }
  }

  *#isSame(path: string, digest: string, ownerOf: OwnerOf): Walk<boolean> {
    const { untouchable } = this.#parts
    try {
      const local = untouchable.missingAbove(path) === null ? yield* scanDirectory(this.#parts, path) : null
      if (local === null || local.unspeakable.length > 0 || local.unseen.size > 0) return false
      if (this.#digestOf(local.entries, ownerOf) === digest) return true
      const ours = new Map(local.entries.entries().filter(([name, entry]) => !this.#isLocal(path, name, entry)))
      return ours.size < local.entries.size && this.#digestOf(ours, ownerOf) === digest
    } catch (error) {
      if (isTroubleOfAll(error, path, untouchable) || !isSystemError(error)) throw error
      return false
    }
  }

  #count(entries: number): void {
    this.checked += entries
    this.#equal(entries)
  }

  /** Whether the agent has nothing to say about it. */
  #isLocal(directory: string, name: string, { kind }: LocalEntry): boolean {
    return this.#parts.untouchable.isLocal(joinPath(directory, name), kind)
  }

  /** Null when something there is other than the agent can have it. */
  #digestOf(local: LocalDirectory['entries'], ownerOf: OwnerOf): string | null {
    const entries: SummarizedEntry[] = []
    for (const [name, entry] of local) {
      const { kind, mode, mtime } = entry
      const owner = ownerOf(entry.uid, entry.gid)
      if (kind === 'other' || owner === null) return null
      if (kind !== 'symlink' && this.#parts.modeOf(kind, mode) !== mode) return null
      const rest = kind === 'file' ? entry.size : (entry.target ?? '')
      entries.push({ name, letter: LETTERS[kind], mode: kind === 'symlink' ? 0 : mode, ...owner, mtime, rest })
    }
    return directoryDigest(entries)
  }
}
