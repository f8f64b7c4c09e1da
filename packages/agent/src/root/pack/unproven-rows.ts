/**
 * Rows that were not sent as they are in the index: receivers got another version of the file, or nothing for it. The rows
 * that were to be told as other names of it are not sent: they may be names of another file by now.
 *
 * INVARIANT: from then on no change refers to such a row's content, neither as a copy, nor as content that stays, nor as
 * the file that a path is another name of, until a scan has recorded the path anew: a receiver that went past the row need not hold what it says. The index is changed
 * in one step with the request for that scan, because a scan in between would leave the row as it is for good.
 */
import type { EntryIndex } from '../index/entry-index.ts'
import type { IndexedEntry } from '../index/indexed-entry.ts'
import type { ReadFault } from '../scan/content-reader.ts'
import type { ScanRequests } from '../scan/scan-requests.ts'
import type { PlannedRow } from './changeset-plan.ts'
import type { LearntContent } from './learnt-content.ts'
import type { SlicedFile } from './sliced-file.ts'

export interface UnprovenRowsParts {
  index: EntryIndex
  learnt: LearntContent
  scans: Pick<ScanRequests, 'doubt' | 'retry'>
}

export class UnprovenRows {
  readonly #parts: UnprovenRowsParts
  #count = 0

  constructor(parts: UnprovenRowsParts) {
    this.#parts = parts
  }

  /** How often a row was not sent as it is. */
  get count(): number {
    return this.#count
  }

  /** Another version than the row's is sent. */
  doubt({ path, content }: IndexedEntry): void {
    const { index, learnt, scans } = this.#parts
    this.#count += 1
    // Facts that were learnt about the content before this would make it known again.
    learnt.flush(index)
    index.doubt(path, content)
    scans.doubt(path)
  }

  /** The row was doubted, or deferred: those of a plan that were to be told as other names of its file leave it. */
  deferNames({ path, link }: IndexedEntry, rows: readonly PlannedRow<SlicedFile>[]): void {
    if (link === 0) return
    for (const planned of rows) {
      const { row, travel, isLost } = planned
      if (travel.by !== 'link' || travel.to !== path || row.kind !== 'file' || isLost === true) continue
      planned.isLost = true
      this.defer(row, 'vanished')
    }
  }

  /** Nothing is sent for the row: it leaves the changeset, and comes again with a later sequence. */
  defer({ path, content }: IndexedEntry, fault: ReadFault['fault'], message = ''): void {
    const { index, learnt, scans } = this.#parts
    this.#count += 1
    learnt.flush(index)
    index.defer(path, content)
    scans.retry(path, fault, message)
  }
}
