/**
 * One inotify descriptor for a whole root: the `directory` backend where libc can be called.
 *
 * As in directory-watcher.ts, the owner's scan sets the watches. The advantages are that the kernel reports when its
 * queue was full, that a directory costs a hundred bytes instead of an object with a handle, and that a watch's number
 * identifies its directory exactly. A thread of its own empties the queue.
 *
 * INVARIANT: a watch is removed when no path in the table has it, and its number is never used again, so events of a
 * removed watch that are still in the queue find no directory. A directory is watched by inode, through `<location>/.`:
 * no path is too long, and no symlink can be in the way.
 */
import { closeSync } from 'node:fs'
import { errorCode, type WatchCalls } from '@rootferry/host/machine'
import { ROOT_PATH } from '@rootferry/protocol'
import { EventHints, ITSELF } from './event-hints.ts'
import { NONE } from './flat-index.ts'
import { EVENT, readEvents, WATCH_MASK } from './inotify-events.ts'
import { inotifyQueueLimit, isWatchLimit, OWNER_SEES } from './inotify-limits.ts'
import { InotifyReader } from './inotify-reader.ts'
import { RefusedWatches } from './refused-watches.ts'
import { REFUSED, UNWATCHED, WatchTable } from './watch-table.ts'
import type { Watcher, WatcherEvents, WatcherOptions } from './watcher.ts'

const ARRIVED = EVENT.created | EVENT.movedTo
const NAMES_CHANGED = ARRIVED | EVENT.deleted | EVENT.movedFrom
const ITSELF_GONE = EVENT.selfDeleted | EVENT.selfMoved
/** A directory that always exists and is in no docroot, to be watched for a moment: the end of that is an event. */
const ALWAYS_THERE = '/proc'

export class InotifyWatcher implements Watcher {
  readonly backend = 'directory'
  readonly #calls: WatchCalls
  readonly #events: WatcherEvents
  readonly #hints: EventHints
  readonly #table = new WatchTable()
  /** null when the kernel allows no further instance. */
  readonly #descriptor: number | null
  #reader: InotifyReader | null = null
  /** Whether the present event brought a directory. */
  #isArrival = false
  readonly #refused: RefusedWatches
  #closed: Promise<void> | null = null
  /** Who waits for the end of a moment's watch, by its number. */
  readonly #moments = new Map<number, () => void>()

  constructor(calls: WatchCalls, options: Pick<WatcherOptions, 'filter'>, events: WatcherEvents) {
    this.#calls = calls
    this.#events = events
    this.#refused = new RefusedWatches(events)
    this.#hints = new EventHints(options.filter, events, (path) => this.#isArrival && this.#table.find(path) !== NONE)
    this.#descriptor = this.#open()
  }

  get watchedDirectories(): number {
    return this.#table.watched
  }

  start(): Promise<void> {
    if (this.#descriptor !== null && this.#closed === null)
      this.#reader ??= new InotifyReader(this.#descriptor, {
        read: (read) => readEvents(read, (watch, mask, name) => this.#follow(watch, mask, name)),
        ended: (error) => this.#stopped(error),
      })
    return Promise.resolve()
  }

  directoryFound(path: string, location: string): boolean {
    if (this.#closed !== null) return false
    const slot = this.#table.add(path)
    const watch = this.#watch(`${location}/.`)
    // The same number is the same directory, which was watched all the time.
    if (watch > UNWATCHED && watch === this.#table.watchOf(slot)) return false
    const unused = this.#table.setWatch(slot, watch)
    if (unused !== UNWATCHED) this.#unwatch(unused)
    this.#refused.now(this.#table.refused)
    return watch > UNWATCHED
  }

  directoryGone(path: string): void {
    this.#table.remove(path, (watch) => this.#unwatch(watch))
    this.#refused.now(this.#table.refused)
  }

  caughtUp(): Promise<void> {
    if (this.#reader === null || this.#closed !== null) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    const moment = this.#watchForAMoment()
    if (moment === null) resolve()
    else this.#moments.set(moment, resolve)
    return promise
  }

  close(): Promise<void> {
    this.#closed ??= this.#end()
    return this.#closed
  }

  async #end(): Promise<void> {
    const descriptor = this.#descriptor
    this.#refused.close()
    this.#table.remove(ROOT_PATH, () => undefined)
    if (descriptor === null) return
    this.#endMoments()
    // Without a watch that is left the reader looks by itself from time to time.
    await this.#reader?.close(() => this.#watchForAMoment())
    closeSync(descriptor)
  }

  #open(): number | null {
    try {
      return this.#calls.open()
    } catch (error) {
      if (!isWatchLimit(errorCode(error))) throw error
      return null
    }
  }

  /** @returns the number that its last event has; null: no watch is left */
  #watchForAMoment(): number | null {
    if (this.#descriptor === null) return null
    try {
      const watch = this.#calls.add(this.#descriptor, ALWAYS_THERE, WATCH_MASK)
      this.#calls.remove(this.#descriptor, watch)
      return watch
    } catch {
      return null
    }
  }

  /** Nobody waits any more: events were lost, or none come. */
  #endMoments(): void {
    for (const resolve of this.#moments.values()) resolve()
    this.#moments.clear()
  }

  /** @returns the number of a watch, UNWATCHED or REFUSED */
  #watch(location: string): number {
    if (this.#descriptor === null) {
      this.#refused.because('EMFILE')
      return REFUSED
    }
    try {
      return this.#calls.add(this.#descriptor, location, WATCH_MASK)
    } catch (error) {
      const code = errorCode(error)
      if (isWatchLimit(code)) {
        this.#refused.because(code)
        return REFUSED
      }
      if (code === null || !OWNER_SEES.has(code)) this.#report(error)
      return UNWATCHED
    }
  }

  #unwatch(watch: number): void {
    if (this.#descriptor !== null) this.#calls.remove(this.#descriptor, watch)
  }

  #follow(watch: number, mask: number, name: string | null): void {
    if ((mask & EVENT.overflow) !== 0) {
      this.#events.overflow(`the kernel dropped watch events: its queue of ${inotifyQueueLimit()} was full`)
      return this.#endMoments()
    }
    if ((mask & EVENT.ignored) !== 0) {
      this.#moments.get(watch)?.()
      this.#moments.delete(watch)
    }
    for (const slot of this.#table.slotsOf(watch)) {
      const path = this.#table.pathOf(slot)
      if (name !== null) this.#noteEntry(path, mask, name)
      else if ((mask & EVENT.unmounted) !== 0) this.#hints.note(path, null, 'rename')
      else if ((mask & EVENT.ignored) !== 0) this.#table.setWatch(slot, UNWATCHED)
      else this.#hints.note(path, ITSELF, (mask & ITSELF_GONE) === 0 ? 'change' : 'rename')
    }
  }

  #noteEntry(directory: string, mask: number, name: string): void {
    // A directory that the table has at this path is not the one that has come, or was elsewhere in between.
    this.#isArrival = (mask & ARRIVED) !== 0 && (mask & EVENT.directory) !== 0
    this.#hints.note(directory, name, (mask & NAMES_CHANGED) === 0 ? 'change' : 'rename')
    this.#isArrival = false
  }

  #stopped(error: Error): void {
    this.#endMoments()
    this.#report(error)
    this.#events.degraded(`${error.message}: changes are found by scanning only`)
  }

  #report(error: unknown): void {
    if (this.#closed === null) this.#events.error(error instanceof Error ? error : new Error(String(error)))
  }
}
