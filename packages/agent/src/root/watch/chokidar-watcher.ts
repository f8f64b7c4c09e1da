/**
 * chokidar as a source of hints: it walks and watches the tree itself, and holds an entry for every file of it.
 *
 * Two streams of it are used. `raw` is what the kernel said of one watched directory: it comes at once and for every
 * write, where chokidar's own events leave out what has the same mtime. Those events in turn tell what chokidar found
 * when it began to watch a new directory, which the kernel had nobody to tell.
 *
 * RACE: chokidar 6 knows directories by path. One that is moved, or deleted and made anew, while it is busy with the
 * predecessor may end up without a live watch, for good. So two things are done besides: a directory that has a recent
 * ctime is hinted at with all its subtree, once more a moment later; and what the owner then finds there is watched
 * directly as well, as in the directory backend. The kernel shares one watch between the two.
 * What has a backslash in its path is watched directly only.
 * Weaker than the directory backend: a path of more than 4,096 bytes, root included, that was there at the start is
 * not watched (an error says so).
 */
import { lstatSync, realpathSync, type Stats } from 'node:fs'
import { basename } from 'node:path'
import { errorCode, kindOf } from '@rootferry/host/machine'
import { baseName, joinPath, parentPath, ROOT_PATH } from '@rootferry/protocol'
import { type FSWatcher, watch } from 'chokidar'
import { DirectoryWatcher } from './directory-watcher.ts'
import { EventHints, ITSELF } from './event-hints.ts'
import { inotifyQueueLimit, isWatchLimit, watchLimitReason } from './inotify-limits.ts'
import { OverflowMeter } from './overflow-meter.ts'
import type { Watcher, WatcherEvents, WatcherOptions } from './watcher.ts'

const SECOND_LOOK_MS = 250
/** Up to this long after its last change of place, name or attributes a directory may be another than it was. */
const UNSETTLED_MS = 5_000
/** Times of files come from the kernel's tick, so what changes now may be dated this much earlier. */
export const CLOCK_LAG_MS = 20

export class ChokidarWatcher implements Watcher {
  readonly backend = 'chokidar'
  readonly #options: Pick<WatcherOptions, 'rootPath' | 'filter'>
  readonly #events: WatcherEvents
  readonly #hints: EventHints
  readonly #meter: OverflowMeter
  readonly #ready = Promise.withResolvers<void>()
  readonly #direct: DirectoryWatcher
  readonly #secondLooks = new Set<string>()
  #startedMs = 0
  #rootPath = ''
  #chokidar: FSWatcher | null = null
  #refused = 0
  #closed = false

  constructor(options: Pick<WatcherOptions, 'rootPath' | 'filter'>, events: WatcherEvents) {
    this.#options = options
    this.#events = events
    this.#hints = new EventHints(options.filter, events, (path) => this.#isUnsettled(path))
    this.#meter = new OverflowMeter(inotifyQueueLimit(), (reason) => events.overflow(reason))
    this.#direct = new DirectoryWatcher(options, {
      hint: (hint) => events.hint(hint),
      overflow: (reason) => events.overflow(reason),
      // It is whole again only if chokidar is, which never says so.
      degraded: (reason) => {
        if (reason !== null || this.#refused === 0) events.degraded(reason)
      },
      error: (error) => events.error(error),
    })
  }

  /** As chokidar counts: it keeps the odd name that is gone. */
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
    // It must not follow symlinks, and would take a root that is one for just that: a link.
    this.#rootPath = realpathSync(this.#options.rootPath)
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

  directoryFound(path: string, location: string): Stats | null {
    // Of the others chokidar says on its own that it found them, when it watches them.
    const isDirect = path.includes('\\') || changedSince(`${location}/.`, this.#startedMs)
    return isDirect ? this.#direct.directoryFound(path, location) : null
  }

  directoryGone(path: string): void {
    this.#direct.directoryGone(path)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#secondLooks.clear()
    this.#ready.resolve()
    await Promise.all([this.#chokidar?.close(), this.#direct.close()])
  }

  #ignores(location: string, status: Stats | undefined): boolean {
    const path = this.#relative(location)
    if (path === null || location.endsWith('/')) return true
    // Asked once without a status and again with one; only then is it known which patterns apply.
    return status !== undefined && (isAnother(location, status) || this.#hints.excludes(path, kindOf(status)))
  }

  /** What `details` holds is no documented part of chokidar: anything unexpected is left to its own events. */
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
    if (this.#secondLooks.size === 0) setTimeout(this.#takeSecondLooks, SECOND_LOOK_MS).unref()
    this.#secondLooks.add(directory)
  }

  readonly #takeSecondLooks = (): void => {
    for (const directory of this.#secondLooks) {
      if (this.#isUnsettled(directory)) this.#events.hint({ path: directory, extent: 'subtree' })
    }
    this.#secondLooks.clear()
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
    // Thousands may follow: a report each time their number has doubled.
    if ((this.#refused & (this.#refused - 1)) === 0) this.#events.degraded(watchLimitReason(code, this.#refused))
  }

  #relative(location: string): string | null {
    if (location === this.#rootPath) return ROOT_PATH
    const below = this.#rootPath.endsWith('/') ? this.#rootPath : `${this.#rootPath}/`
    return location.startsWith(below) ? location.slice(below.length) : null
  }
}

/**
 * Whether the status is not of what is at the location. chokidar writes a backslash in a name as a slash when it asks
 * what to ignore; watching such an entry leads it in circles until the stack ends.
 */
function isAnother(location: string, status: Stats): boolean {
  try {
    return lstatSync(location, { throwIfNoEntry: false })?.ino !== status.ino
  } catch (error) {
    // Not to be reached by path (EACCES, ENAMETOOLONG): chokidar meets the same error.
    return errorCode(error) === null
  }
}

/** Whether a directory is there whose ctime is not older than that. */
function changedSince(location: string, sinceMs: number): boolean {
  try {
    const status = lstatSync(location, { throwIfNoEntry: false })
    return status?.isDirectory() === true && status.ctimeMs >= sinceMs - CLOCK_LAG_MS
  } catch (error) {
    // Too long to be reached by path, so not to be ruled out. What else can be wrong, the owner meets itself.
    return errorCode(error) === 'ENAMETOOLONG'
  }
}
