/**
 * From the events that `fs.watch` reports for one directory to hints.
 *
 * The events' own kinds are of little use: attributes of a directory come as `rename`, and a file that is created and
 * written as both. They are used only to tell whether a name can have come or gone, which changes the time of its
 * parent.
 * INVARIANT: no path at or below the agent's own directory or an excluded one gets a hint.
 */
import { isReserved, joinPath, type MatchedKind, type PathFilter } from '@rootferry/protocol'
import type { WatcherEvents } from './watcher.ts'

/** The name by which a directory's own events are passed here. */
export const ITSELF = '.'

/** U+FFFD: either bytes that are not UTF-8 were decoded to it, or it is a legal character of a name. */
const REPLACEMENT = '\ufffd'

export class EventHints {
  readonly #filter: PathFilter
  readonly #events: WatcherEvents
  readonly #isReplaced: (path: string) => boolean

  /** @param isReplaced whether the directory at the path may be another one than before: when in doubt, yes */
  constructor(filter: PathFilter, events: WatcherEvents, isReplaced: (path: string) => boolean) {
    this.#filter = filter
    this.#events = events
    this.#isReplaced = isReplaced
  }

  /**
   * @param directory a watched directory, so neither excluded itself nor below one that is
   * @param name of an entry in it, ITSELF, or null when the kernel named none
   */
  note(directory: string, name: string | null, kind: 'rename' | 'change'): void {
    if (name === null) {
      this.#events.hint({ path: directory, extent: 'subtree' })
      return
    }
    if (name === ITSELF) {
      this.#hint(directory, kind)
      return
    }
    const path = joinPath(directory, name)
    if (this.excludes(path, 'file') && this.excludes(path, 'directory')) {
      if (kind === 'rename') this.#events.hint({ path: directory, extent: 'entry' })
      return
    }
    this.#hint(path, kind)
    // The path may be one that does not exist, and the entry that changed may have a name that cannot be written.
    if (name.includes(REPLACEMENT)) this.#events.hint({ path: directory, extent: 'entry' })
  }

  /** As PathFilter's `excludes`, and reserved names. */
  excludes(path: string, kind: MatchedKind): boolean {
    return isReserved(path) || this.#filter.excludes(path, kind)
  }

  #hint(path: string, kind: 'rename' | 'change'): void {
    this.#events.hint({ path, extent: kind === 'rename' && this.#isReplaced(path) ? 'subtree' : 'entry' })
  }
}
