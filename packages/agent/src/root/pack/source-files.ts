/**
 * How packing reaches the files of the docroot. A problem with a path (gone, unreadable, a directory above it replaced)
 * is a fault that is returned; any other error is thrown.
 */
import { type BulkReads, type ConfinedDirectories, errorCode, plainMessage } from '@rootferry/host/machine'
import type { EntryKind } from '@rootferry/protocol'
import type { IndexedEntry, Observation } from '../index/indexed-entry.ts'
import { type ReadFault, readWhole, type WholeRead } from '../scan/content-reader.ts'
import { lookAt } from '../scan/observe.ts'
import { troubleOf } from '../scan/trouble.ts'
import { type Turn, TurnsEnded } from '../turn.ts'
import type { FileAccess } from './sliced-file.ts'

export interface SourceFilesParts {
  directories: ConfinedDirectories
  reads: BulkReads
  nowMs: () => number
  /** Shared by packing, planning and listing. */
  turn: Turn
}

export class SourceFiles {
  readonly #parts: SourceFilesParts

  constructor(parts: SourceFilesParts) {
    this.#parts = parts
  }

  /** The file at the row's path now, if it is a file of the row's size. */
  look(row: IndexedEntry): Observation | null {
    const { directories, nowMs } = this.#parts
    const look = attempt(row.path, () => lookAt(directories, row.path, nowMs()))
    if ('fault' in look || look.found !== 'entry') return null
    const { observation } = look
    return observation.kind === 'file' && observation.size === row.size ? observation : null
  }

  /** What could be sent of what is at the path now; null: nothing. */
  kindAt(path: string): EntryKind | null {
    const { directories, nowMs } = this.#parts
    const look = attempt(path, () => lookAt(directories, path, nowMs()))
    return 'found' in look && look.found === 'entry' ? look.observation.kind : null
  }

  /** Reads the whole file. */
  read(row: IndexedEntry, into: Uint8Array): WholeRead {
    const { directories, reads, nowMs } = this.#parts
    return attempt(row.path, () => readWhole(directories.locate(row.path), into, nowMs(), row, reads))
  }

  access(path: string): FileAccess {
    const { directories, reads, nowMs, turn } = this.#parts
    return { locate: () => directories.locate(path), reads, nowMs, pause: () => turn.next() }
  }
}

function attempt<Result>(path: string, work: () => Result): Result | ReadFault {
  try {
    return work()
  } catch (error) {
    return pathFaultOf(path, error)
  }
}

/** The same for work that gives way to other work. @throws TurnsEnded, and any error that is not a fault of the path */
export async function attemptLong<Result>(path: string, work: () => Promise<Result>): Promise<Result | ReadFault> {
  try {
    return await work()
  } catch (error) {
    return pathFaultOf(path, error)
  }
}

function pathFaultOf(path: string, error: unknown): ReadFault {
  if (error instanceof TurnsEnded) throw error
  const code = errorCode(error)
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return { fault: 'vanished' }
  if (troubleOf(error) !== null) return { fault: 'troubled' }
  if (code === 'EACCES' || code === 'EPERM') return { fault: 'unreadable', message: plainMessage(error) }
  throw new Error(`packing ${path}`, { cause: error })
}
