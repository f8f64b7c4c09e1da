/**
 * How a large file travels: whole in a segment, in slices, or in slices that are deltas to the version that the
 * receiver has.
 *
 * The receiver of a plan holds, at every path, the last version up to its cursor, unless the file had another by the time
 * when the receiver came to that. Where the chunks of a version are known that it provably holds, the file is read once
 * before anything of it is sent, and the chunks that it shares with that version are not sent. Where the receiver's file
 * has changed meanwhile this costs little: the receiver checks the digest of the whole and asks for the file.
 */
import { DigestStream } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { PlanSummary } from '../../root-messages.ts'
import { ChunkList } from '../delta/chunk-list.ts'
import { ChunkStream } from '../delta/chunk-stream.ts'
import { carriedBy } from '../delta/recipe.ts'
import type { EntryIndex } from '../index/entry-index.ts'
import type { IndexedEntry, Observation } from '../index/indexed-entry.ts'
import { digestFile } from '../scan/content-reader.ts'
import { isNotProvenOther } from '../scan/difference.ts'
import { observe } from '../scan/observe.ts'
import { SLICE_BYTES } from './changeset-plan.ts'
import type { LearntContent } from './learnt-content.ts'
import { readVersion, SlicedFile, type VersionPass } from './sliced-file.ts'
import type { SourceFiles } from './source-files.ts'
import type { UnprovenRows } from './unproven-rows.ts'

/** A file is sent whole when more than this share of it would have to be sent. */
const WORTHWHILE = 0.8

/** Whether the chunks of a file of this size are kept. */
export function hasChunks(size: number): boolean {
  return size >= BOUNDS.leastDeltaBytes && size <= BOUNDS.mostDeltaBytes
}

/** Where the receivers of a plan are: see PlanRange. */
type Cursor = Pick<PlanSummary, 'base' | 'whole' | 'request'>

export interface LargeFileParts {
  index: EntryIndex
  learnt: LearntContent
  files: SourceFiles
  unproven: UnprovenRows
}

export class LargeFiles {
  readonly #parts: LargeFileParts

  constructor(parts: LargeFileParts) {
    this.#parts = parts
  }

  /**
   * Fixes the version that is sent. Learns the digest of `row` if the file must be read for this.
   * @returns 'whole': like any other file; 'lost': its bytes cannot be read now
   */
  async plan(row: IndexedEntry, range: Cursor): Promise<SlicedFile | 'whole' | 'lost'> {
    const base = this.#baseOf(row, range)
    const fitsSegment = row.size <= SLICE_BYTES
    if (base === null && fitsSegment) return 'whole'
    const version = this.#parts.files.look(row)
    if (version === null) return fitsSegment ? 'whole' : 'lost'
    const isRow = isNotProvenOther(row, version)
    if (!isRow) this.#parts.unproven.doubt(row)
    const compared = base === null ? null : await this.#compare(row, version, base)
    if (compared !== null && isRow) row.digest = compared.digest
    if (base === null && range.request === null) await this.#digestOfCopy(row, range.base)
    if (fitsSegment && (compared?.delta ?? null) === null) return 'whole'
    const isKnown = isRow && this.#parts.index.hasChunks(row.content)
    return new SlicedFile(version, compared, hasChunks(version.size) && !isKnown)
  }

  /** Whether the file is read before it is known what is sent of it. */
  mustRead(row: IndexedEntry, range: Cursor): boolean {
    const isUnknown = row.digest === null && this.#parts.index.hasOtherOfSize(row.size, range.base)
    return isUnknown || this.#chunksOf(row, range) !== null
  }

  #baseOf(row: IndexedEntry, range: Cursor): ChunkList | null {
    const chunks = this.#chunksOf(row, range)
    return chunks === null ? null : new ChunkList(chunks)
  }

  /** Of the version that receivers hold, as the index keeps them. */
  #chunksOf(row: IndexedEntry, { base, whole, request }: Cursor): Uint8Array | null {
    if (request !== null || base === 0 || !hasChunks(row.size)) return null
    return this.#parts.index.held.chunksOf(row, base, whole)
  }

  /** @returns null when the version cannot be read to its end */
  async #compare(row: IndexedEntry, version: Observation, base: ChunkList): Promise<VersionPass | null> {
    const isRow = isNotProvenOther(row, version)
    // The scanner has read the file if only the bytes could tell whether it changed.
    const known = isRow ? row.digest : null
    const digests = new DigestStream()
    const chunks = new ChunkStream(base)
    const read = await readVersion(version, this.#parts.files.access(row.path), (piece) => {
      if (known === null) digests.update(piece)
      chunks.update(piece)
    })
    if (read.fault !== null) return null
    const digest = known ?? digests.finish()
    const list = chunks.finish()
    if (isRow) this.#parts.learnt.digest(row, digest)
    const isWorthwhile = carriedBy(chunks.steps) <= WORTHWHILE * version.size
    return { digest, chunks: list, delta: isWorthwhile ? { base: base.size, steps: chunks.steps } : null }
  }

  /** Reads the file when another path may hold the same content, so that the change can refer to that path. */
  async #digestOfCopy(row: IndexedEntry, from: number): Promise<void> {
    const { index, files } = this.#parts
    if (row.digest !== null || !index.hasOtherOfSize(row.size, from)) return
    const { locate, reads, nowMs, pause } = files.access(row.path)
    const read = await digestFile(locate(), pause, reads)
    if (read.fault !== null) return
    const look = observe(read.stats, null, nowMs())
    if (look.found !== 'entry' || !isNotProvenOther(row, look.observation)) return
    index.learnDigests([{ path: row.path, content: row.content, digest: read.digest }])
    row.digest = read.digest
  }
}
