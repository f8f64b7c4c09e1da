/**
 * chokidar as a source of hints: it walks and watches the tree itself, and holds an entry for every file in it.
 *
 * Two of its streams are used. `raw` is the kernel's report on one watched directory: it comes at once and for every
 * write, while chokidar's own events leave out writes that keep the mtime. chokidar's own events in turn tell what it
 * found when it began to watch a new directory, which the kernel could not report because nothing watched yet.
 *
 * RACE: chokidar 6 knows directories by path. A directory that is moved, or deleted and made anew, while chokidar is
 * busy with its predecessor may end up without a live watch, for good. So two more things are done: a directory with a
 * recent ctime is hinted at with its whole subtree, and once more a moment later; and a directory that the owner then
 * finds there is also watched directly, as in the directory backend. The kernel shares one watch between the two. A
 * path with a backslash is watched directly only. This backend is weaker than the directory backend: a path of more
 * than 4,096 bytes, root included, that existed at the start is not watched (an error says so).
 */
import { lstatSync, realpathSync, type Stats } from 'node:fs'
import { basename, dirname } from 'node:path'
import { errorCode, kindOf } from '@rootferry/host/machine'
import { baseName, joinPath, parentPath, ROOT_PATH } from '@rootferry/protocol'
import { type FSWatcher, watch } from 'chokidar'
import { DelayedDirectories } from './delayed-directories.ts'
import { DirectoryWatcher } from './directory-watcher.ts'
import { EventHints, ITSELF } from './event-hints.ts'
import { eventsRead } from './events-read.ts'
import { inotifyQueueLimit, isWatchLimit, watchLimitReason } from './inotify-limits.ts'
import { OverflowMeter } from './overflow-meter.ts'
import type { Watcher, WatcherEvents, WatcherOptions } from './watcher.ts'

/** For this long after its place, name or attributes last changed, a directory may be another one than before. */
const UNSETTLED_MS = 5_000
/** Times of files come from the kernel's tick, so a change may be dated this much too early. */
export const CLOCK_LAG_MS = 20

export class ChokidarWatcher implements Watcher {
  readonly backend = 'chokidar'
  readonly #events: WatcherEvents
  readonly #hints: EventHints
  readonly #meter: OverflowMeter
  readonly #ready = Promise.withResolvers<void>()
  readonly #direct: DirectoryWatcher
  readonly #delayed: DelayedDirectories
  #startedMs = 0
  #rootPath: string
  #chokidar: FSWatcher | null = null
  #refused = 0
  #closed = false

  constructor(options: Pick<WatcherOptions, 'rootPath' | 'filter'>, events: WatcherEvents) {
    this.#rootPath = options.rootPath
    this.#delayed = new DelayedDirectories((directory) => {
      if (this.#isUnsettled(directory)) events.hint({ path: directory, extent: 'subtree' })
    })
    this.#events = events
    this.#hints = new EventHints(options.filter, events, (path) => this.#isUnsettled(path))
    this.#meter = new OverflowMeter(inotifyQueueLimit(), (reason) => events.overflow(reason))
    this.#direct = new DirectoryWatcher(options, {
      hint: (hint) => events.hint(hint),
      overflow: (reason) => events.overflow(reason),
      // The tree is watched as a whole again only if chokidar's part is, and chokidar never says so.
      degraded: (reason) => {
        if (reason !== null || this.#refused === 0) events.degraded(reason)
      },
      error: (error) => events.error(error),
    })
  }

  /** chokidar's count, which keeps a few names that are gone. */
  get watchedDirectories(): number {
    let directories = 0
    for (const location of Object.keys(this.#chokidar?.getWatched() ?? {})) {
      if (this.#relative(location) !== null) directories += 1
    }
    return directories
  }

  async start(): Promise<void> {
    if (this.#closed) return
    this.#startedMs = Date.now()
    // chokidar must not follow symlinks, and would take a root that is a symlink for just a link.
    this.#rootPath = realpathSync(this.#rootPath)
    this.#chokidar = watch(this.#rootPath, {
      backend: 'native',
      ignored: (location, status) => this.#ignores(location, status),
      ignoreInitial: true,
      ignorePermissionErrors: true,
      followSymlinks: false,
      atomic: false,
    })
    this.#chokidar
      .on('raw', (kind, name, details) => this.#onRaw(kind, name, details))
      .on('all', (_event, location) => this.#onFound(location))
      .on('error', (error) => this.#onError(error))
      .on('ready', () => this.#ready.resolve())
    await this.#ready.promise
  }

  directoryFound(path: string, location: string): boolean {
    // chokidar reports the other directories by itself, when it watches them.
    const isDirect = path.includes('\\') || changedSince(`${location}/.`, this.#startedMs)
    return isDirect && this.#direct.directoryFound(path, location)
  }

  directoryGone(path: string): void {
    this.#direct.directoryGone(path)
  }

  caughtUp(): Promise<void> {
    return eventsRead()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#delayed.clear()
    this.#ready.resolve()
    await Promise.all([this.#chokidar?.close(), this.#direct.close()])
  }

  #ignores(location: string, status: Stats | undefined): boolean {
    const path = this.#relative(location)
    if (path === null || location.endsWith('/')) return true
    // Asked once without a status and again with one; only then is it known which patterns apply.
    if (status === undefined) return false
    return isAnother(location, status) || isElsewhere(location) || this.#hints.excludes(path, kindOf(status))
  }

  /**
   * The content of `details` is not a documented part of chokidar: anything unexpected is left to chokidar's own
   * events.
   */
  #onRaw(kind: string, name: unknown, details: unknown): void {
    this.#meter.count()
    if (typeof details !== 'object' || details === null || !('watchedPath' in details)) return
    const location = details.watchedPath
    const directory = typeof location === 'string' ? this.#relative(location) : null
    if (directory === null || typeof location !== 'string') return
    const change = kind === 'change' ? 'change' : 'rename'
    if (typeof name !== 'string') {
      this.#hints.note(directory, null, change)
      return
    }
    if (name === basename(location)) {
      // The directory itself, or an entry in it with its name.
      this.#hints.note(directory, ITSELF, change)
      if (change === 'rename') this.#lookAgain(directory)
    }
    this.#hints.note(directory, name, change)
  }

  #onFound(location: string): void {
    const path = this.#relative(location)
    if (path === ROOT_PATH) this.#hints.note(ROOT_PATH, ITSELF, 'rename')
    else if (path !== null) this.#hints.note(parentPath(path), baseName(path), 'rename')
  }

  /** A directory's own `rename` comes when it is deleted, but also when its attributes change. */
  #lookAgain(directory: string): void {
    this.#delayed.schedule(directory)
  }

  #isUnsettled(path: string): boolean {
    return changedSince(joinPath(this.#rootPath, path), Date.now() - UNSETTLED_MS)
  }

  #onError(error: unknown): void {
    if (this.#closed) return
    const code = errorCode(error)
    if (!isWatchLimit(code)) {
      this.#events.error(error instanceof Error ? error : new Error(String(error)))
      return
    }
    this.#refused += 1
    // Thousands may follow: one report each time their number has doubled.
    if ((this.#refused & (this.#refused - 1)) === 0) this.#events.degraded(watchLimitReason(code, this.#refused))
  }

  #relative(location: string): string | null {
    if (location === this.#rootPath) return ROOT_PATH
    const below = this.#rootPath.endsWith('/') ? this.#rootPath : `${this.#rootPath}/`
    return location.startsWith(below) ? location.slice(below.length) : null
  }
}

/**
 * Whether the status belongs to another object than the one at the location. chokidar writes a backslash in a name as a
 * slash when it asks what to ignore; watching such an entry leads it in circles until the stack ends.
 */
function isAnother(location: string, status: Stats): boolean {
  try {
    return lstatSync(location, { throwIfNoEntry: false })?.ino !== status.ino
  } catch (error) {
    // Not reachable by path (EACCES, ENAMETOOLONG): chokidar meets the same error.
    return errorCode(error) === null
  }
}

/**
 * Whether a symlink leads to it, which has taken the place of a directory that chokidar is listing: it would go on with
 * whatever is there, up to the whole machine.
 */
function isElsewhere(location: string): boolean {
  const directory = dirname(location)
  try {
    return realpathSync.native(directory) !== directory
  } catch (error) {
    return errorCode(error) === null
  }
}

/** Whether a directory is there whose ctime is not older than `sinceMs`. */
function changedSince(location: string, sinceMs: number): boolean {
  try {
    const status = lstatSync(location, { throwIfNoEntry: false })
    return status?.isDirectory() === true && status.ctimeMs >= sinceMs - CLOCK_LAG_MS
  } catch (error) {
    // Too long to be reached by path, so it cannot be ruled out. Any other fault is one that the owner meets itself.
    return errorCode(error) === 'ENAMETOOLONG'
  }
}
