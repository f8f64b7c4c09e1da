/**
 * What the agent demands of everything that watches a root: hints, and honesty about hints that were lost.
 *
 * A hint is never a fact. It carries no kind of change, may come twice, late, or for nothing; the owner looks at the
 * disk and decides. INVARIANT: after every change below a watched directory a hint that covers it follows, or
 * `overflow` does, or `degraded` is in force.
 *
 * The owner is the scanner, in the same thread. Its side of the bargain:
 * - it calls `directoryFound` before it lists a directory, parents before children, so what is created meanwhile is
 * either listed or hinted at, or both; and takes the directory itself for what that says it is;
 * - it takes a directory that it does not know, or knows by another inode number, for news with all that is in it;
 * - it checks now and then that the root is still the same: that the root itself was deleted raises no event while
 * anybody holds it open, and it may have been mounted over;
 * - while `degraded` says so, and after `overflow`, it scans instead of trusting hints. It scans now and then anyway.
 */

import type { PathFilter } from '@rootferry/protocol'
import type { WatchBackend } from '../../root-messages.ts'

export interface Hint {
  /** Relative to the root, as in the protocol's path.ts. */
  path: string
  /**
   * - `entry`: this path may have changed, appeared or gone, and so its parent's mtime;
   * - `subtree`: anything at or below may have changed. Also said of a directory that took the place of another, for
   *   file systems give the inode number of a deleted directory to the next one made.
   */
  extent: 'entry' | 'subtree'
}

/** No event comes after `close` was called. All but `error` come from the event loop, never from within a call. */
export interface WatcherEvents {
  hint(hint: Hint): void
  /** Hints may have been lost, and which ones is unknown: the owner rescans everything. May come twice. */
  overflow(reason: string): void
  /**
   * Part of the tree cannot be watched: the reason, and what an operator can do. null: the whole tree is watched again.
   */
  degraded(reason: string | null): void
  /** An unexpected error that did not end the watching. */
  error(error: Error): void
}

export interface WatcherOptions {
  /** Absolute path. When it is a symlink, the place that it leads to at `start` is watched. */
  rootPath: string
  /**
   * An excluded path is not watched and gives no hints, but a name that comes or goes changes the time of its parent.
   */
  filter: PathFilter
  /** For polling only: the time from one round of hints to the next. */
  pollMs: number
}

export interface Watcher {
  readonly backend: WatchBackend

  /**
   * Resolves when hints flow for everything that is watched so far. That is the whole tree for chokidar, so a scan
   * that starts then misses nothing; nothing yet for `directory`, which is fed by that scan.
   * @throws the system error when the root cannot be reached
   */
  start(): Promise<void>

  /**
   * The owner is about to list this directory. Watching begins before this returns, in place of any earlier watch of
   * the same path. A directory that is gone or unreadable is left alone: the owner's listing meets the same error.
   * @param location where the directory can be reached during this call: `/proc/self/fd/N`, free of any length limit
   * @returns whether watching began with this call: what came or went before that has dated the directory, and raised no
   *   hint
   */
  directoryFound(path: string, location: string): boolean

  /**
   * This directory and everything below it are gone, moved away or excluded. The cost depends on what lies below, not
   * on the rest of the tree.
   */
  directoryGone(path: string): void

  /**
   * Resolves when the owner has the hints at all that changed before the call, in the order of the changes; where that
   * cannot be known (polling, a lost event, a watcher that is closed) soon.
   */
  caughtUp(): Promise<void>

  /** Ends all watching; idempotent. A `start` under way resolves. */
  close(): Promise<void>

  readonly watchedDirectories: number
}
