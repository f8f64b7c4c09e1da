/**
 * All that stands and falls with one opening of the docroot: its descriptor, the watcher, the scanner and the packer.
 * Makes them and ends them in order; decides nothing.
 */

import { statfsSync } from 'node:fs'
import { type Accounts, ConfinedDirectories } from '@rootferry/host/machine'
import { PathFilter } from '@rootferry/protocol'
import type { Problem, RootOptions } from '../root-messages.ts'
import type { EntryIndex } from './index/entry-index.ts'
import { Packer } from './pack/packer.ts'
import type { ReadFault } from './scan/content-reader.ts'
import type { Problems } from './scan/problems.ts'
import { Scanner } from './scan/scanner.ts'
import { Turn } from './turn.ts'
import { chooseBackend, createWatcher, MOST_CHOKIDAR_ENTRIES } from './watch/choose-watcher.ts'
import { countEntries } from './watch/count-entries.ts'
import type { Watcher, WatcherEvents } from './watch/watcher.ts'

const POLL_MS = 1_000

export interface OpenTree {
  directories: ConfinedDirectories
  watcher: Watcher
  scanner: Scanner
  packer: Packer
  turn: Turn
}

export interface TreeParts {
  index: EntryIndex
  problems: Problems
  accounts: Accounts
}

export interface TreeEvents extends WatcherEvents {
  problem(problem: Problem): void
  /** A file of the same size with other times that is too large to be read by the scan. */
  largeSuspect(path: string): void
  /** A row was deferred; `fault` says when to try again. */
  deferred(path: string, fault: ReadFault['fault'], message: string): void
  /** Something else was sent of a file than its row says. */
  stale(path: string): void
}

/**
 * Opens the docroot; nothing is watched and nothing scanned yet.
 * @throws the system error when the root cannot be opened
 */
export function openTree(options: RootOptions, parts: TreeParts, events: TreeEvents): OpenTree {
  const { path, exclude } = options
  const { index, problems } = parts
  const directories = new ConfinedDirectories(path)
  try {
    const filter = new PathFilter(exclude)
    const watcher = makeWatcher(options, index, filter, events)
    const scanner = new Scanner({
      directories,
      index,
      filter,
      problems,
      nowMs: Date.now,
      events: {
        directoryFound: (found, location) => watcher.directoryFound(found, location),
        directoryGone: (gone) => watcher.directoryGone(gone),
        largeSuspect: events.largeSuspect,
        problem: events.problem,
      },
    })
    const turn = new Turn(directories)
    const packer = new Packer({
      directories,
      index,
      accounts: parts.accounts,
      nowMs: Date.now,
      turn,
      events: {
        stale: events.stale,
        deferred: events.deferred,
      },
    })
    return { directories, watcher, scanner, packer, turn }
  } catch (error) {
    directories[Symbol.dispose]()
    throw error
  }
}

/** Ends the watching first, so that nothing more is hinted at; `settled` resolves when nobody uses the tree any more. */
export async function closeTree(tree: OpenTree, settled: () => Promise<void>): Promise<void> {
  tree.packer.flushLearnt()
  tree.turn.close()
  await tree.watcher.close()
  await settled()
  tree.directories[Symbol.dispose]()
}

function makeWatcher(options: RootOptions, index: EntryIndex, filter: PathFilter, events: WatcherEvents): Watcher {
  const { path, watch } = options
  const known = index.totals.files + index.totals.directories
  const entries = known > 0 ? known : countEntries(path, MOST_CHOKIDAR_ENTRIES + 1)
  const backend = chooseBackend(watch.backend, entries, statfsSync(path).type)
  return createWatcher(backend, { rootPath: path, filter, pollMs: POLL_MS }, events)
}
