/**
 * Reads files again whatever their times are, and compares their bytes with the index: finds changes that the metadata
 * cannot show.
 *
 * Gives way every few milliseconds, and between the pieces of a large file. It hands its findings on, and records only
 * digests that the index had not learnt yet.
 */
import type { BulkReads, ConfinedDirectories } from '@rootferry/host/machine'
import { digestOf, ROOT_PATH } from '@rootferry/protocol'
import type { EntryIndex } from '../index/entry-index.ts'
import type { IndexedEntry, Observation } from '../index/indexed-entry.ts'
import type { Turn } from '../turn.ts'
import { digestFile, type ReadFault, readWhole } from './content-reader.ts'
import { isNotProvenOther } from './difference.ts'
import { observe } from './observe.ts'

export interface ContentCheckParts {
  index: EntryIndex
  directories: ConfinedDirectories
  reads: BulkReads
  nowMs: () => number
  turn: Turn
  /** The file differs from its row, which a scan would see as well. */
  stale(path: string): void
  /** By its status the same file, with other bytes. */
  differs(path: string, observation: Observation, digest: string): Promise<void>
}

const PAGE_ENTRIES = 1_000
/** A file up to this size is read at once. */
const SMALL_BYTES = 256 * 1024

type Look = { fault: null; observation: Observation; digest: string } | ReadFault

export async function checkContent(within: string, parts: ContentCheckParts): Promise<void> {
  const { index, directories, turn } = parts
  const scratch = new Uint8Array(SMALL_BYTES)
  for (let after: string | null | undefined = null; after !== undefined; ) {
    const own = after === null && within !== ROOT_PATH ? index.get(within) : null
    const { entries, next } = index.list(within, after, { entries: PAGE_ENTRIES, bytes: Number.POSITIVE_INFINITY })
    if (own !== null) entries.unshift(own)
    const learnt: { path: string; content: number; digest: string }[] = []
    for (const entry of entries) {
      if (entry.kind !== 'file') continue
      const digest = await checkFile(entry, scratch, parts)
      if (digest !== null) learnt.push({ path: entry.path, content: entry.content, digest })
      if (turn.isOver) await turn.next()
    }
    index.learnDigests(learnt)
    after = next ?? undefined
  }
  directories.release()
}

/** @returns the digest when the index lacks it */
async function checkFile(entry: IndexedEntry, scratch: Uint8Array, parts: ContentCheckParts): Promise<string | null> {
  const location = locate(entry.path, parts.directories)
  const isSmall = entry.size <= scratch.byteLength
  const look =
    location === null ? null : isSmall ? readSmall(location, entry, scratch, parts) : await readLarge(location, parts)
  if (look === null || look.fault === 'vanished' || look.fault === 'unsettled' || look.fault === 'outgrown') {
    parts.stale(entry.path)
    return null
  }
  // The scan shows an unreadable file as a problem.
  if (look.fault !== null) return null
  if (!isNotProvenOther(entry, look.observation)) {
    parts.stale(entry.path)
    return null
  }
  if (entry.digest === null) return look.digest
  if (entry.digest !== look.digest) await parts.differs(entry.path, look.observation, look.digest)
  return null
}

function readSmall(
  location: string,
  entry: IndexedEntry,
  scratch: Uint8Array,
  { nowMs, reads }: ContentCheckParts,
): Look {
  const read = readWhole(location, scratch, nowMs(), entry, reads)
  return read.fault === null ? { ...read, digest: digestOf(scratch.subarray(0, read.bytes)) } : read
}

async function readLarge(location: string, { nowMs, turn, reads }: ContentCheckParts): Promise<Look> {
  const read = await digestFile(location, () => turn.next(), reads)
  if (read.fault !== null) return read
  const look = observe(read.stats, null, nowMs())
  if (look.found !== 'entry') return { fault: 'vanished' }
  return { fault: null, observation: look.observation, digest: read.digest }
}

/** Null when a directory above is gone or may not be entered. */
function locate(path: string, directories: ConfinedDirectories): string | null {
  try {
    return directories.locate(path)
  } catch {
    return null
  }
}
