/**
 * What is behind the borders of a root: in the index, and on the disk.
 *
 * Every look leads through directories that are opened for it: those that a scan has open may lead to a filesystem that
 * was mounted there before.
 */
import { ConfinedDirectories, errorCode, type PathCalls } from '@rootferry/host/machine'
import { baseName, parentPath } from '@rootferry/protocol'
import type { EntryIndex } from '../index/entry-index.ts'

/** A directory may have very many entries. */
const MOST_LOOKS = 1_000

export interface BehindBordersParts {
  /** Absolute. */
  rootPath: string
  paths: PathCalls
  index: Pick<EntryIndex, 'get' | 'hasChildren' | 'childrenAfter'>
}

export class BehindBorders {
  readonly #parts: BehindBordersParts

  constructor(parts: BehindBordersParts) {
    this.#parts = parts
  }

  /** Whether the index has entries below a path, or a file at the path itself. */
  indexed(path: string): 'entries' | 'file' | null {
    const { index } = this.#parts
    if (index.hasChildren(path)) return 'entries'
    return index.get(path)?.kind === 'file' ? 'file' : null
  }

  /**
   * Tells the directory at a path from others that were or will be at the same path, also of another filesystem: by its
   * number, and where the filesystem keeps that by its birth. Null: it does not answer.
   */
  topOf(path: string): string | null {
    try {
      using directories = this.#open()
      const status = directories.statusIn(parentPath(path), baseName(path))
      return status === null ? null : `${status.inode} ${status.birthSeconds ?? ''} ${status.birthNanoseconds}`
    } catch (error) {
      if (errorCode(error) === null) throw error
      return null
    }
  }

  /** Whether at least one of the entries that the index has in a directory is there. What cannot be looked at is there. */
  showsAny(directory: string): boolean {
    const { index } = this.#parts
    try {
      using directories = this.#open()
      let looks = 0
      for (let after: string | null = ''; after !== null && looks < MOST_LOOKS; ) {
        const page = index.childrenAfter(directory, after)
        for (const { path } of page.entries) if (directories.statusIn(directory, baseName(path)) !== null) return true
        looks += page.entries.length
        after = page.next
      }
      return false
    } catch (error) {
      const code = errorCode(error)
      if (code === null) throw error
      return code !== 'ENOENT' && code !== 'ENOTDIR'
    }
  }

  #open(): ConfinedDirectories {
    return new ConfinedDirectories(this.#parts.rootPath, 'followed', this.#parts.paths)
  }
}
