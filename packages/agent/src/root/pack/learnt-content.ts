/** What packing learns about files on the way, kept until there is time to write it to the index. */
import type { EntryIndex } from '../index/entry-index.ts'
import type { IndexedEntry } from '../index/indexed-entry.ts'

export class LearntContent {
  readonly #digests: { path: string; content: number; digest: string }[] = []
  readonly #chunks: { path: string; content: number; chunks: Uint8Array }[] = []

  get isEmpty(): boolean {
    return this.#digests.length + this.#chunks.length === 0
  }

  /** The digest of the row's content. */
  digest({ path, content, digest: known }: IndexedEntry, digest: string): void {
    if (known !== digest) this.#digests.push({ path, content, digest })
  }

  /** The chunks of the content that was sent for the row. */
  chunks({ path, content }: IndexedEntry, chunks: Uint8Array): void {
    this.#chunks.push({ path, content, chunks })
  }

  flush(index: EntryIndex): void {
    if (this.#digests.length > 0) index.learnDigests(this.#digests.splice(0))
    if (this.#chunks.length > 0) index.learnChunks(this.#chunks.splice(0))
  }
}
