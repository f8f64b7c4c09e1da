/**
 * Directories that differ from the listing only in their time, until the reason is known. Pure.
 *
 * A directory's time changes when an entry is made or removed in it, so a difference below it explains its time, and is
 * reported instead. INVARIANT: a time is a difference of its own only when the whole directory was compared and nothing
 * in it differed.
 */
import { parentPath, ROOT_PATH } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import { LEAVE } from '../files/staged-change.ts'
import type { Reconciliation } from './reconcile.ts'

export class DirectoryTimes {
  /** By path, whether the time was set. */
  readonly #waiting = new Map<string, boolean>()

  /** @returns false when too many wait: the difference must be reported at once */
  wait(path: string, isRepaired: boolean): boolean {
    if (this.#waiting.size >= BOUNDS.waitingTimes) return false
    this.#waiting.set(path, isRepaired)
    return true
  }

  /** The path differs, which explains the time of the directory above it. */
  explain(path: string): void {
    if (path !== ROOT_PATH) this.#waiting.delete(parentPath(path))
  }

  /**
   * The whole directory was compared. @returns whether its unexplained time was set; null when nothing is unexplained
   */
  conclude(path: string): boolean | null {
    const isRepaired = this.#waiting.get(path) ?? null
    this.#waiting.delete(path)
    return isRepaired
  }

  clear(): void {
    this.#waiting.clear()
  }
}

/** Whether only the time of a directory must be set. */
export function isOnlyTime({ kind, attributes }: Extract<Reconciliation, { do: 'set' }>): boolean {
  const { mode, uid, gid } = attributes
  return kind === 'directory' && mode === null && uid === LEAVE && gid === LEAVE
}
