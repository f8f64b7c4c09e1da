/**
 * What the index knows because the root preserves more than attributes: of which kinds its rows tell, and by which name
 * the other names of a file are told.
 */
import { isDeepStrictEqual } from 'node:util'
import { NOTHING_PRESERVED, type Preserved } from '@rootferry/protocol'
import type { EntryRows, LinkedRow } from './entry-rows.ts'
import { DEFERRED } from './index-schema.ts'
import { childPath, type IndexedEntry, toEntry } from './indexed-entry.ts'
import type { MemoryRows } from './memory-rows.ts'
import type { Statements } from './statements.ts'

/** The name of the note that says what was preserved when rows were looked at last. */
const PRESERVED = 'preserved'

export interface PreservedRowsParts {
  sql: Statements
  memory: MemoryRows
  entries: EntryRows
}

export class PreservedRows {
  readonly #parts: PreservedRowsParts

  constructor(parts: PreservedRowsParts) {
    this.#parts = parts
  }

  get kinds(): Preserved {
    const note = this.#parts.memory.note(PRESERVED)
    return note === null ? NOTHING_PRESERVED : (JSON.parse(note) as Preserved)
  }

  /** Where the kinds are others than before, everything is looked at again. */
  use(kinds: Preserved): void {
    if (isDeepStrictEqual(kinds, this.kinds)) return
    const { sql, memory, entries } = this.#parts
    sql.transaction(() => {
      entries.forgetExtended()
      memory.setNote(PRESERVED, JSON.stringify(kinds))
    })
  }

  /** The name by which the other names of a file are told, as of a sequence; null: it has no name of that time. */
  nameOfLink(entry: LinkedRow, upTo = DEFERRED - 1): string | null {
    const [first] = entry.link === 0 ? [] : this.#parts.entries.namesOfLink(entry, upTo, 1)
    return first === undefined ? null : childPath(first.directory, first.row.name)
  }

  /** The names of a file, at most so many, the one by which the others are told first. */
  namesOfLink(entry: LinkedRow, limit: number): IndexedEntry[] {
    const names = entry.link === 0 ? [] : this.#parts.entries.namesOfLink(entry, DEFERRED - 1, limit)
    return names.map(({ directory, row }) => toEntry(childPath(directory, row.name), row))
  }
}
