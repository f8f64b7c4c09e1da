/**
 * The parts that belong to one opening of the docroot: its descriptor, the watcher, the scanner and the packer. Makes
 * them and ends them in order; decides nothing.
 */
import { realpathSync, type Stats, statfsSync, statSync } from 'node:fs'
import {
  type Accounts,
  Borders,
  BulkReads,
  bootId,
  ConfinedDirectories,
  chooseSystemCalls,
  type PathCalls,
  RootLock,
  type WatchCalls,
  withExactInode,
} from '@rootferry/host/machine'
import { PathFilter } from '@rootferry/protocol'
import type { RootOptions } from '../root-messages.ts'
import type { EntryIndex } from './index/entry-index.ts'
import { Packer } from './pack/packer.ts'
import { BehindBorders } from './scan/behind-borders.ts'
import { ExtendedReader } from './scan/extended-reader.ts'
import { KnownBorders } from './scan/known-borders.ts'
import type { PathProblems } from './scan/path-problems.ts'
import { preservable } from './scan/preservable.ts'
import type { ScanRequests } from './scan/scan-requests.ts'
import { Scanner } from './scan/scanner.ts'
import { Turn } from './turn.ts'
import { chooseBackend, createWatcher, hasOutgrown, MOST_CHOKIDAR_ENTRIES } from './watch/choose-watcher.ts'
import { countEntries } from './watch/count-entries.ts'
import type { Hint, Watcher, WatcherEvents } from './watch/watcher.ts'

const POLL_MS = 1_000
/** The name of the index's note that lists the filesystems mounted below the root. */
const BORDERS = 'borders'

export interface OpenedRoot {
  /** null: the root is the target of a receiver of this host, which holds the lock. */
  lock: RootLock | null
  directories: ConfinedDirectories
  /** Of whole files. */
  reads: BulkReads
  watcher: Watcher
  scanner: Scanner
  /** For scans that overtake one of the other scanner. */
  overtaking: Scanner
  packer: Packer
  turn: Turn
  borders: KnownBorders
}

/** What is at the path of a docroot. @throws the system error */
export function docrootAt(path: string): Stats {
  return withExactInode(statSync(path), () => statSync(path, { bigint: true }).ino)
}

/** Whether that is the open docroot: otherwise a file that is not there may be where the docroot is now. */
export function isInPlace({ directories }: Pick<OpenedRoot, 'directories'>, path: string): boolean {
  try {
    const [open, found] = [directories.rootStatus(), docrootAt(path)]
    return found.ino === open.ino && found.dev === open.dev
  } catch {
    return false
  }
}

export interface OpenedRootParts {
  index: EntryIndex
  problems: PathProblems
  accounts: Accounts
  /** Takes the watcher's hints, and the requests of scanner and packer to look again. */
  scans: ScanRequests
  /** Reports on the watching. */
  watching: Omit<WatcherEvents, 'hint'>
  /** Something that the operator should know, and that does not stop the root. */
  warn(message: string, details: Record<string, unknown>): void
}

/**
 * Opens the docroot; nothing is watched and nothing scanned yet.
 * @throws Failure when a receiver is in the way; the system error when the root cannot be opened
 */
export function openRoot(options: RootOptions, parts: OpenedRootParts): OpenedRoot {
  const { path, exclude, systemCalls, relay } = options
  const { index, problems, accounts, scans, warn } = parts
  const lock = relay ? null : new RootLock(path, { role: 'agent', systemCalls, warn })
  let directories: ConfinedDirectories | null = null
  try {
    const { calls } = chooseSystemCalls(systemCalls)
    directories = new ConfinedDirectories(path, 'followed', calls.paths)
    const filter = new PathFilter(exclude)
    const watcher = makeWatcher(options, filter, calls.watches, parts)
    const preserved = preservable(options.preserve, calls.attributes, path, warn)
    index.preserved.use(preserved)
    const { attributes } = calls
    const hasLinks = preserved.hardLinks
    const isPlain = !preserved.acls && preserved.xattrs.length === 0
    const extended = attributes === null || isPlain ? null : new ExtendedReader({ attributes, directories, preserved })
    const scanned = { directories, index, filter, problems, watcher, scans, extended, hasLinks, nowMs: Date.now }
    const scanner = new Scanner(scanned)
    const overtaking = new Scanner(scanned)
    const turn = new Turn(directories)
    const reads = new BulkReads(calls)
    const packer = new Packer({ directories, reads, index, filter, accounts, scans, turn, nowMs: Date.now })
    const borders = bordersOf(path, calls.paths, index, filter)
    return { lock, directories, reads, watcher, scanner, overtaking, packer, turn, borders }
  } catch (error) {
    directories?.[Symbol.dispose]()
    lock?.[Symbol.dispose]()
    throw error
  }
}

/** Ends the watching first, so that no more hints come; `settled` resolves when the root is not in use any more. */
export async function closeRoot(opened: OpenedRoot, settled: () => Promise<void>): Promise<void> {
  opened.packer.flushLearnt()
  opened.turn.close()
  await opened.watcher.close()
  await settled()
  opened.directories[Symbol.dispose]()
  opened.lock?.[Symbol.dispose]()
}

/**
 * Whether it must be opened anew: it has grown so much that it is to be watched in another way, or something is mounted
 * in it that is not watched.
 */
export function isToBeReopened(
  { watcher, borders }: OpenedRoot,
  { watch }: RootOptions,
  { totals }: EntryIndex,
): boolean {
  return borders.isUnwatched || hasOutgrown(watch.backend, watcher.backend, totals.files + totals.directories)
}

function bordersOf(path: string, paths: PathCalls, index: EntryIndex, filter: PathFilter): KnownBorders {
  return new KnownBorders({
    borders: new Borders(realpathSync(path)),
    remembered: index.memory.note(BORDERS),
    remember: (text) => index.memory.setNote(BORDERS, text),
    behind: new BehindBorders({ rootPath: path, paths, index }),
    bootId: bootId(),
    concerns: (border) => !filter.excludesWithParents(border, 'directory'),
  })
}

function makeWatcher(
  { path, watch }: RootOptions,
  filter: PathFilter,
  watches: WatchCalls | null,
  { index, scans, watching }: OpenedRootParts,
): Watcher {
  const known = index.totals.files + index.totals.directories
  const entries = known > 0 ? known : countEntries(path, MOST_CHOKIDAR_ENTRIES + 1)
  const backend = chooseBackend(watch.backend, entries, statfsSync(path).type)
  const events = { ...watching, hint: (hint: Hint) => scans.hint(hint) }
  return createWatcher(backend, { rootPath: path, filter, pollMs: POLL_MS }, events, watches)
}
