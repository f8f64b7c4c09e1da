/**
 * The rows of the index with which a scan has compared what it found, to tell whether another scan has overtaken it
 * since: the other has recorded something newer, or has looked and found nothing to record. Pure bookkeeping.
 */
import type { KnownEntry } from '../index/indexed-entry.ts'

export type Version = Pick<KnownEntry, 'sequence' | 'inode' | 'ctime'> | null

export class ComparedRows {
  readonly #rows = new Map<string, Version>()
  /** Paths at which a later look may have found nothing to record. */
  readonly #overtaken = new Set<string>()
  /** The index's head when nobody but this scan had recorded anything. */
  #head = 0

  clear(): void {
    this.#rows.clear()
    this.#overtaken.clear()
  }

  /** Everything up to this head is known to the scan. */
  upTo(head: number): void {
    this.#overtaken.clear()
    this.#head = head
  }

  compared(path: string, row: Version): void {
    this.#rows.set(path, row)
  }

  wasUnknown(path: string): boolean {
    return this.#rows.get(path) === null
  }

  overtaken(path: string): void {
    this.#overtaken.add(path)
  }

  /** Whether another scan may have overtaken this one. */
  isOvertaken(head: number): boolean {
    return head !== this.#head || this.#overtaken.size > 0
  }

  /** @param now the path's row @param known the row that the scan has seen */
  isCurrent(path: string, now: Version, known: Version = this.#rows.get(path) ?? null): boolean {
    return !this.#overtaken.has(path) && isSameVersion(known, now)
  }
}

function isSameVersion(a: Version, b: Version): boolean {
  if (a === null || b === null) return a === b
  return a.sequence === b.sequence && a.inode === b.inode && a.ctime === b.ctime
}
