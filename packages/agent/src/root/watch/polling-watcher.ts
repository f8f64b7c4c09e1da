/**
 * No kernel events at all: at intervals, anything may have changed. For network filesystems, where a change on another
 * machine raises no event here. The scanner compares, as exactly as at the start.
 */
import { ROOT_PATH } from '@rootferry/protocol'
import type { Watcher, WatcherEvents, WatcherOptions } from './watcher.ts'

export class PollingWatcher implements Watcher {
  readonly backend = 'polling'
  readonly watchedDirectories = 0
  readonly #pollMs: number
  readonly #events: WatcherEvents
  #timer: NodeJS.Timeout | null = null

  constructor(options: Pick<WatcherOptions, 'pollMs'>, events: WatcherEvents) {
    this.#pollMs = options.pollMs
    this.#events = events
  }

  start(): Promise<void> {
    // A round that comes while the last one is still waiting or being scanned costs nothing: it is the same hint.
    this.#timer ??= setInterval(() => this.#events.hint({ path: ROOT_PATH, extent: 'subtree' }), this.#pollMs).unref()
    return Promise.resolve()
  }

  directoryFound(): boolean {
    // Every round covers everything.
    return false
  }

  directoryGone(): void {
    // Every round covers everything.
  }

  caughtUp(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    return Promise.resolve()
  }
}
