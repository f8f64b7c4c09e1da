/**
 * The content that a receiver provably holds, by where it stands; and files that are known although they moved.
 *
 * A receiver that committed `from`, and nothing later, holds the content of every file whose content is not younger.
 * Of a file that went away after `from` it holds the content when it had everything at some sequence, `whole`, that is
 * not below the content; or when no receiver was told a part of the state since the file went. So it is with the
 * versions of a file that has another one since.
 */

import { baseName } from '@rootferry/protocol'
import type { ContentRows } from './content-rows.ts'
import { firstBits } from './entry-rows.ts'
import { DEFERRED } from './index-schema.ts'
import { childPath, type IndexedEntry, type Observation, parentOf } from './indexed-entry.ts'
import type { Statements } from './statements.ts'

type HeldFile = Pick<IndexedEntry, 'digest' | 'size' | 'inode' | 'mtime' | 'ctime'>

/** Takes `from`, `whole` and the cut. Of a deferred row receivers need not hold anything. */
const HELD = `((kind = 1 AND sequence < ${DEFERRED})
  OR (kind = 0 AND sequence > ? AND (entries.content <= ? OR sequence > ?)))`
const PLACE =
  'SELECT directories.path, entries.name FROM entries JOIN directories ON directories.id = entries.directory'
const BY_DIGEST = `${PLACE} JOIN digests AS found USING (directory, name, content)
  WHERE found.bits = ? AND found.content <= ? AND found.digest = ? AND size = ? AND ${HELD} LIMIT 1`
const IS_OBJECT = 'inode = ? AND size = ? AND mtime = ? AND ctime = ?'
const BY_OBJECT = `${PLACE} WHERE ${IS_OBJECT} AND entries.content <= ? AND ${HELD} LIMIT 1`
const DIGEST_OF_OBJECT = `SELECT digest FROM entries JOIN digests USING (content) WHERE ${IS_OBJECT} AND kind = 1 LIMIT 1`

export class HeldContent {
  readonly #sql: Statements
  readonly #contents: ContentRows
  /** The head when a receiver was last told a part of the state; at the least that of the last life's end. */
  #cut: number

  constructor(sql: Statements, contents: ContentRows, head: number) {
    this.#sql = sql
    this.#contents = contents
    this.#cut = head
  }

  /** A receiver is told a part of the state that the index has at its head. */
  noteCut(head: number): void {
    this.#cut = head
  }

  /** A path at which a receiver holds this file's content, or null. @param whole see Watermark */
  holderOf({ digest, size, inode, mtime, ctime }: HeldFile, from: number, whole: number): string | null {
    const place = [from, whole, this.#cut]
    const bits = digest === null ? null : firstBits(digest)
    const same = bits === null ? undefined : this.#sql.one(BY_DIGEST, bits, from, digest, size, ...place)
    // A ctime of 0 is too recent to prove anything.
    const row = same ?? (ctime === 0 ? undefined : this.#sql.one(BY_OBJECT, inode, size, mtime, ctime, from, ...place))
    return row === undefined ? null : childPath(String(row['path']), String(row['name']))
  }

  /** Chunks of the version of a file that a receiver provably holds, or null. @param whole see Watermark */
  chunksOf({ path, sequence }: IndexedEntry, from: number, whole: number): Uint8Array | null {
    const version = this.#contents.versionUpTo(parentOf(path), baseName(path), from)
    const isHeld = version !== null && (version.content <= whole || sequence > this.#cut)
    return isHeld ? version.list : null
  }

  /** Whether a receiver may hold a version of the file of which the chunks are known. */
  mayHoldChunks(path: string, from: number): boolean {
    return this.#contents.versionUpTo(parentOf(path), baseName(path), from) !== null
  }

  /** Whether something was below the path, which receivers may hold; it may be a directory still. */
  hadChildren(path: string): boolean {
    return this.#sql.one('SELECT 1 FROM directories WHERE path = ?', path) !== undefined
  }

  /** The digest of a file that is known at another path, and was not written to since; or null. */
  digestOf({ inode, size, mtime, ctime }: Observation): string | null {
    const row = ctime === 0 ? undefined : this.#sql.one(DIGEST_OF_OBJECT, inode, size, mtime, ctime)
    return row === undefined ? null : String(row['digest'])
  }

  /** A receiver that stands at `from` had everything then, or at an earlier sequence that is known from before; or 0. */
  wholeAt(from: number, known: number): number {
    if (from >= this.#cut) return from
    return known <= from ? known : 0
  }
}
