/**
 * Packs what goes ahead of a changeset that is under way: an `overtake` message and its content.
 *
 * INVARIANT: each file is sent as the index has it. A file that is another one by now, or cannot be read, is left out,
 * like everything that overtaking.ts lets wait: the changes come again, all of them, in their order.
 */
import assert from 'node:assert/strict'
import type { Buffer } from 'node:buffer'
import type { Accounts } from '@rootferry/host/machine'
import { type AheadChange, digestOf, encodeMessage } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { PackedOvertake } from '../../root-messages.ts'
import type { EntryIndex } from '../index/entry-index.ts'
import { extendedOf, type IndexedEntry } from '../index/indexed-entry.ts'
import { isNotProvenOther } from '../scan/difference.ts'
import type { Turn } from '../turn.ts'
import { EMPTY_ARCHIVE, type Planned, tarBytesOf } from './changeset-plan.ts'
import { compressSegment } from './compression.ts'
import { goAhead, underWay } from './overtaking.ts'
import { OwnerNaming } from './owner-names.ts'
import type { ChangesetPlan } from './planner.ts'
import { SegmentWriter } from './segment-writer.ts'
import type { SlabPool } from './slab-pool.ts'
import type { SourceFiles } from './source-files.ts'

export interface OvertakePackerParts {
  index: EntryIndex
  accounts: Accounts
  files: SourceFiles
  slabs: SlabPool
  turn: Turn
  nowMs: () => number
}

const ROOM = {
  changes: BOUNDS.overtakingChanges,
  bytes: BOUNDS.overtakingBytes,
  manifestBytes: BOUNDS.manifestBytes,
}
const NOTHING = new Uint8Array(0)

export class OvertakePacker {
  readonly #parts: OvertakePackerParts

  constructor(parts: OvertakePackerParts) {
    this.#parts = parts
  }

  /** @param after the end of what went ahead before @param limit how far receivers may be brought */
  async pack(
    { summary, all }: ChangesetPlan,
    after: number,
    limit: number,
    compress: boolean,
  ): Promise<PackedOvertake> {
    const { index, slabs, turn } = this.#parts
    const { base, to } = summary
    const changeset = underWay(base, to, all)
    const asked = BOUNDS.liveChanges
    const later = index.changesAfter(after, asked, limit)
    const known = {
      get: (path: string) => index.get(path),
      hadChildren: (path: string) => index.held.hadChildren(path),
      isDeltaBase: (path: string) => index.held.mayHoldChunks(path, to),
    }
    const ahead = goAhead(later, changeset, after, known, ROOM)
    const isAll = later.length < asked && ahead.to === (later.at(-1)?.sequence ?? after)
    const end = isAll ? limit : ahead.to
    const writer = new SegmentWriter(slabs.take(roomFor(ahead.rows)))
    const changes: AheadChange[] = []
    for (const [position, row] of ahead.rows.entries()) {
      if (position > 0 && turn.isOver) await turn.next()
      const change = this.#changeOf(row, base, writer, changes.length)
      if (change !== null) changes.push(change)
    }
    const archive = await writer.finish()
    if (changes.length === 0) {
      slabs.give(archive.buffer)
      return { to: end, header: null, payload: NOTHING }
    }
    return { to: end, ...this.#message(changes, end, archive, compress) }
  }

  #changeOf(row: Planned, base: number, writer: SegmentWriter, position: number): AheadChange | null {
    if (row.kind === 'absent') return { path: row.path, kind: 'absent' }
    const { path, mode, uid, gid, mtime } = row
    assert.ok(row.kind !== 'symlink', 'a symlink never goes ahead')
    const own = { mode, uid, gid, mtime, ...extendedOf(row) }
    if (row.kind === 'directory') return { path, kind: 'directory', ...own }
    const { size, digest } = row
    const isKept = row.content <= base && digest !== null
    if (isKept) return { path, kind: 'file', ...own, size, digest, source: 'keep' }
    return this.#packContent(row, writer, position)
  }

  #packContent(row: IndexedEntry, writer: SegmentWriter, position: number): AheadChange | null {
    const room = writer.room()
    const read = room === null ? null : this.#parts.files.read(row, room)
    if (room === null || read === null || read.fault !== null || read.bytes !== row.size) return null
    const { observation, bytes } = read
    if (!isNotProvenOther(row, observation) || row.mode !== observation.mode) return null
    const digest = digestOf(room.subarray(0, bytes))
    if (row.digest !== null && row.digest !== digest) return null
    writer.append(String(position), bytes)
    const { path, mode, uid, gid, mtime } = row
    const own = { mode, uid, gid, mtime, ...extendedOf(row) }
    return { path, kind: 'file', ...own, size: bytes, digest, source: 'tar' }
  }

  #message(changes: AheadChange[], to: number, archive: Buffer<ArrayBuffer>, compress: boolean) {
    const { accounts, nowMs, slabs } = this.#parts
    const naming = new OwnerNaming(accounts)
    for (const change of changes) {
      if (change.kind === 'absent') continue
      naming.noteOwner(change)
      if (change.extended !== undefined) naming.noteExtended(change.extended)
    }
    const tarBytes = archive.byteLength
    const encoded = compressSegment(archive, compress)
    // A copy: it is kept for other receivers, and the memory for segments is not.
    const payload = Uint8Array.from(encoded.payload)
    slabs.give(archive.buffer)
    const { encoding } = encoded
    const sums = { encoding, bytes: payload.byteLength, tarBytes }
    const header = encodeMessage({ type: 'overtake', to, ...sums, changes, ...naming.names(nowMs()) })
    return { header, payload }
  }
}

function roomFor(rows: readonly Planned[]): number {
  const files = rows.reduce((sum, row) => sum + (row.kind === 'file' ? tarBytesOf(row.size) : 0), 0)
  return files === 0 ? 0 : files + EMPTY_ARCHIVE + BOUNDS.growthBytes
}
