/**
 * One `fs.watch` per directory, set by the owner's own scan: the backend for big trees. It walks nothing itself, and
 * keeps for each directory a path, a handle, its identity and its children, and nothing per file.
 *
 * A directory is watched by inode, through `<location>/.`: so no path is too long, no symlink can be in the way, and
 * events of the directory itself come under the name `.`, which no entry can have. Two paths may hold the same inode
 * for a while (a rename of which only one half was seen): libuv then shares one kernel watch, both handles receive its
 * events, and closing one leaves the other.
 */
import { type FSWatcher, lstatSync, type Stats, watch } from 'node:fs'
import { join } from 'node:path'
import { errorCode } from '@rootferry/host/machine'
import { parentPath, ROOT_PATH } from '@rootferry/protocol'
import { EventHints } from './event-hints.ts'
import { eventsRead } from './events-read.ts'
import { inotifyQueueLimit, isWatchLimit, OWNER_SEES } from './inotify-limits.ts'
import { OverflowMeter } from './overflow-meter.ts'
import { RefusedWatches } from './refused-watches.ts'
import type { Watcher, WatcherEvents, WatcherOptions } from './watcher.ts'

interface Directory {
  readonly path: string
  /** null until the first child: most directories have none. */
  children: Set<Directory> | null
  handle: FSWatcher | null
  /** Inode and birth of the directory that the owner was about to list; only the two together are unique. */
  inode: number
  bornMs: number
  /** Why the directory has no handle, when a limit of the kernel is the reason. */
  refused: string | null
}

const WATCH_OPTIONS = { persistent: true } as const

export class DirectoryWatcher implements Watcher {
  readonly backend = 'directory'
  readonly #rootPath: string
  readonly #events: WatcherEvents
  readonly #hints: EventHints
  readonly #meter: OverflowMeter
  readonly #directories = new Map<string, Directory>()
  #watched = 0
  readonly #refusedWatches: RefusedWatches
  #refused = 0
  #closed = false

  constructor(options: Pick<WatcherOptions, 'rootPath' | 'filter'>, events: WatcherEvents) {
    this.#rootPath = options.rootPath
    this.#events = events
    this.#refusedWatches = new RefusedWatches(events)
    this.#hints = new EventHints(options.filter, events, (path) => this.#isReplaced(path))
    this.#meter = new OverflowMeter(inotifyQueueLimit(), (reason) => events.overflow(reason))
  }

  get watchedDirectories(): number {
    return this.#watched
  }

  start(): Promise<void> {
    return Promise.resolve()
  }

  directoryFound(path: string, location: string): boolean {
    if (this.#closed) return false
    const directory = this.#directories.get(path) ?? this.#add(path)
    const previous = directory.handle
    const refusedBefore = directory.refused !== null
    const isNew = this.#watch(directory, location)
    // Closed last: if the inode is the same, the kernel's watch continues without a gap.
    if (directory.handle !== previous) previous?.close()
    this.#watched += Number(directory.handle !== null) - Number(previous !== null)
    this.#refused += Number(directory.refused !== null) - Number(refusedBefore)
    this.#refusedWatches.now(this.#refused)
    return isNew
  }

  directoryGone(path: string): void {
    const directory = this.#directories.get(path)
    if (directory === undefined) return
    if (path !== ROOT_PATH) this.#directories.get(parentPath(path))?.children?.delete(directory)
    const leaving = [directory]
    for (let next = leaving.pop(); next !== undefined; next = leaving.pop()) {
      this.#drop(next)
      if (next.children !== null) leaving.push(...next.children)
    }
    this.#refusedWatches.now(this.#refused)
  }

  caughtUp(): Promise<void> {
    return eventsRead()
  }

  close(): Promise<void> {
    this.#closed = true
    this.#refusedWatches.close()
    for (const directory of this.#directories.values()) directory.handle?.close()
    this.#directories.clear()
    this.#watched = 0
    return Promise.resolve()
  }

  #add(path: string): Directory {
    const directory: Directory = { path, children: null, handle: null, inode: 0, bornMs: 0, refused: null }
    this.#directories.set(path, directory)
    if (path !== ROOT_PATH) {
      const above = parentPath(path)
      const parent = this.#directories.get(above) ?? this.#add(above)
      parent.children ??= new Set()
      parent.children.add(directory)
    }
    return directory
  }

  #drop(directory: Directory): void {
    this.#directories.delete(directory.path)
    if (directory.refused !== null) this.#refused -= 1
    if (directory.handle === null) return
    directory.handle.close()
    this.#watched -= 1
  }

  /**
   * Gives the directory a handle, or records why it has none. A handle of this very directory stays: a scan finds all
   * of them again.
   * @returns whether a new handle is in force
   */
  #watch(directory: Directory, location: string): boolean {
    directory.refused = null
    try {
      if (directory.handle !== null && isSame(directory, lstatSync(`${location}/.`))) return false
      directory.handle = null
      const handle = watch(`${location}/.`, WATCH_OPTIONS, (kind, name) => {
        this.#meter.count()
        this.#hints.note(directory.path, name, kind)
      })
      handle.on('error', this.#onError)
      directory.handle = handle
      const status = lstatSync(`${location}/.`)
      directory.inode = status.ino
      directory.bornMs = bornMs(status)
      return true
    } catch (error) {
      directory.handle?.close()
      directory.handle = null
      const code = errorCode(error)
      if (isWatchLimit(code)) {
        directory.refused = code
        this.#refusedWatches.because(code)
      } else if (code === null || !OWNER_SEES.has(code)) {
        this.#onError(error)
      }
      return false
    }
  }

  #isReplaced(path: string): boolean {
    const directory = this.#directories.get(path)
    if (directory === undefined) return false
    try {
      const status = lstatSync(join(this.#rootPath, path), { throwIfNoEntry: false })
      if (status?.isDirectory() !== true) return false
      return !isSame(directory, status)
    } catch (error) {
      const code = errorCode(error)
      // The path is too long; the owner can reach it by descriptor. The owner meets the other errors itself.
      return code === 'ENAMETOOLONG'
    }
  }

  readonly #onError = (error: unknown): void => {
    if (!this.#closed) this.#events.error(error instanceof Error ? error : new Error(String(error)))
  }
}

function isSame({ inode, bornMs: born }: Directory, status: Stats): boolean {
  return status.ino === inode && bornMs(status) === born
}

/**
 * Where the filesystem keeps no time of birth, the ctime, which says "another directory" too often but never too
 * rarely.
 */
function bornMs(status: Stats): number {
  return status.birthtimeMs === 0 ? status.ctimeMs : status.birthtimeMs
}
