/**
 * What is known about contents, by content number: the digest of each, and the chunks of the last versions of large
 * files. Facts about a content are accepted only while its path holds it.
 */
import { BOUNDS } from '../../bounds.ts'
import { type EntryRows, firstBits } from './entry-rows.ts'
import { DEFERRED } from './index-schema.ts'
import type { Statements } from './statements.ts'

export class ContentRows {
  readonly #sql: Statements
  readonly #entries: EntryRows

  constructor(sql: Statements, entries: EntryRows) {
    this.#sql = sql
    this.#entries = entries
  }

  digest(content: number): string | null {
    const row = this.#sql.one('SELECT digest FROM digests WHERE content = ?', content)
    return row === undefined ? null : String(row['digest'])
  }

  /**
   * Keeps the digest if the path still holds that content. The first digest stands: a later one belongs to bytes that
   * replaced the content and look the same from outside, which the scanner has yet to find. A deferred row learns none.
   */
  setDigest(directory: string, name: string, content: number, digest: string): void {
    this.#sql.run(
      `INSERT OR IGNORE INTO digests SELECT content, ?, ?, directory, name FROM entries
       WHERE directory = ? AND name = ? AND content = ? AND kind = 1 AND sequence < ${DEFERRED}`,
      digest,
      firstBits(digest),
      this.#entries.directoryId(directory),
      name,
      content,
    )
  }

  removeDigest(content: number): void {
    this.#sql.run('DELETE FROM digests WHERE content = ?', content)
  }

  /** A row of this content is no name of a file that has others, and has no digest. */
  doubt(directory: string, name: string, content: number): void {
    const id = this.#entries.directoryId(directory)
    const unlink = 'UPDATE entries SET link = 0 WHERE directory = ? AND name = ? AND content = ? AND link <> 0'
    this.#sql.transaction(() => {
      this.#sql.run(unlink, id, name, content)
      this.removeDigest(content)
    })
  }

  /**
   * A row of this content has no digest. Where some receivers have got it, others will not: of no version of the file is
   * it known that all have it.
   */
  defer(directory: string, name: string, content: number): void {
    this.removeDigest(content)
    if (this.hasChunks(content)) this.removeChunks(directory, name)
  }

  /** Keeps the chunks of a version while the path is a file, and drops those of all but the last few versions. */
  setChunks(directory: string, name: string, content: number, list: Uint8Array): void {
    const id = this.#entries.directoryId(directory)
    if (this.#isDeferred(id, name, content)) return this.removeChunks(directory, name)
    this.#sql.run(
      `INSERT OR REPLACE INTO chunks SELECT ?, directory, name, ? FROM entries
       WHERE directory = ? AND name = ? AND content >= ? AND kind = 1`,
      content,
      list,
      id,
      name,
      content,
    )
    this.#sql.run(
      `DELETE FROM chunks WHERE content IN (
         SELECT content FROM chunks WHERE directory = ? AND name = ? ORDER BY content DESC LIMIT -1 OFFSET ?)`,
      id,
      name,
      BOUNDS.chunkedVersions,
    )
  }

  hasChunks(content: number): boolean {
    return this.#sql.one('SELECT 1 FROM chunks WHERE content = ?', content) !== undefined
  }

  /** The last version at or below a content number, with its chunks in the form that ChunkList reads. */
  versionUpTo(directory: string, name: string, upTo: number): { content: number; list: Uint8Array } | null {
    const id = this.#entries.findDirectory(directory)
    if (id === null) return null
    const last = `SELECT content, list FROM chunks WHERE directory = ? AND name = ? AND content <= ?
      ORDER BY content DESC LIMIT 1`
    const { content, list } = this.#sql.one(last, id, name, upTo) ?? {}
    return list instanceof Uint8Array ? { content: Number(content), list } : null
  }

  #isDeferred(directory: number, name: string, content: number): boolean {
    const deferred = `SELECT 1 FROM entries WHERE directory = ? AND name = ? AND content = ? AND sequence = ${DEFERRED}`
    return this.#sql.one(deferred, directory, name, content) !== undefined
  }

  removeChunks(directory: string, name: string): void {
    const id = this.#entries.directoryId(directory)
    this.#sql.run('DELETE FROM chunks WHERE directory = ? AND name = ?', id, name)
  }
}
