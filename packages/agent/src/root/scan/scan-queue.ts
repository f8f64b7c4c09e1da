/**
 * Hints in, scans out: collects hints until they have settled, and has the scanner follow them, one scan at a time.
 *
 *   hint ─▶ coalescer ─▶ batch ─▶ scan, in turns that give way to packing ─▶ advanced
 *                          ▲        │ the guard says hold: again in a moment, with what else was hinted at
 *                          └────────┤ or halt: only whole scans from now on, until one passes
 *
 * Large files that only their bytes can tell are read in the background, and files whose bytes could not be had are
 * hinted at again later. Knows no receivers, and no states of a root.
 */

import { setTimeout as wait } from 'node:timers/promises'
import { type ConfinedDirectories, Refusal } from '@rootferry/host/machine'
import { ROOT_PATH } from '@rootferry/protocol'
import PQueue from 'p-queue'
import { BOUNDS } from '../../bounds.ts'
import type { GuardLimits, WatchSettings } from '../../root-messages.ts'
import type { EntryIndex } from '../index/entry-index.ts'
import type { Observation } from '../index/indexed-entry.ts'
import type { Timers } from '../timers.ts'
import { Turn, TurnsEnded } from '../turn.ts'
import type { Hint } from '../watch/watcher.ts'
import { Coalescer, parentsFirst, withoutCovered } from './coalesce.ts'
import { checkContent } from './content-check.ts'
import { digestFile, type ReadFault } from './content-reader.ts'
import { DoubtedPaths } from './doubted-paths.ts'
import { Guard, type Verdict } from './guard.ts'
import type { KnownBorders } from './known-borders.ts'
import { observe } from './observe.ts'
import type { PathProblems } from './path-problems.ts'
import { Retries } from './retries.ts'
import type { ScanRequests } from './scan-requests.ts'
import type { Judge, Scanner } from './scanner.ts'

/** Deletions that stopped for this long have stopped; and how long they are waited for before another look. */
const HOLD_QUIET_MS = 300
const HOLD_LOOK_MS = 1_000
/** How often a halted root is scanned when there are hints; a large root less often. */
const RECHECK_MS = 1_000
const RECHECK_REST = 10
export const WHOLE_TREE: Hint = { path: ROOT_PATH, extent: 'subtree' }

/** What scans need of the open root. */
export interface ScannedRoot {
  directories: ConfinedDirectories
  scanner: Scanner
  turn: Turn
  borders: KnownBorders
}

export interface ScanSettings {
  watch: WatchSettings
  guard: GuardLimits
}

export interface ScanQueueEvents {
  /** The index has a new head; the oldest hint behind it came at `seenMs`. */
  advanced(seenMs: number): void
  scanned(tookMs: number): void
  /** A scan of the whole tree passed the guard: the index equals the tree. */
  passed(tookMs: number): void
  /** The guard halted a scan: none of its deletions is recorded. */
  halted(reason: string): void
}

export class ScanQueue implements ScanRequests {
  readonly #index: EntryIndex
  readonly #timers: Timers
  readonly #problems: PathProblems
  readonly #events: ScanQueueEvents
  readonly #retries = new Retries()
  readonly #scans = new PQueue({ concurrency: 1 })
  readonly #digests = new PQueue({ concurrency: 1 })
  readonly #doubted = new DoubtedPaths()
  readonly #guard: Guard
  #coalescer: Coalescer
  /** Hints whose scan the guard holds back, and since when they wait for another look. */
  #held: { hints: Hint[]; sinceMs: number } | null = null
  #isHalted = false
  #isAccepted = false
  #lastScanMs = 0
  #tree: ScannedRoot | null = null
  #firstHintMs: number | null = null

  constructor(
    index: EntryIndex,
    timers: Timers,
    problems: PathProblems,
    settings: ScanSettings,
    events: ScanQueueEvents,
  ) {
    this.#index = index
    this.#problems = problems
    this.#timers = timers
    this.#events = events
    this.#guard = new Guard(settings.guard)
    this.#coalescer = new Coalescer(settings.watch)
  }

  /** Waiting hints are dropped: the caller scans the whole tree next. */
  configure({ watch, guard }: ScanSettings): void {
    this.#coalescer = new Coalescer(watch)
    this.#guard.limits = guard
  }

  /** The next scan of the whole tree, which the caller must request, is recorded whatever is gone. */
  accept(): void {
    this.#isAccepted = true
  }

  /** Scans run on this tree from now on; with null they end where they are. */
  use(tree: ScannedRoot | null): void {
    this.#tree = tree
    this.#held = null
    this.#isHalted = false
  }

  /** Resolves when no scan and no background reading is running. */
  async idle(): Promise<void> {
    await this.#scans.onIdle()
    await this.#digests.onIdle()
  }

  /** Resolves when every scan that was requested so far is done. */
  scanned(): Promise<void> {
    return this.#scans.onIdle()
  }

  hint(hint: Hint): void {
    this.#firstHintMs ??= Date.now()
    // Not the wall clock: a step back would make hints wait for as long.
    const now = performance.now()
    this.#coalescer.add(hint, now)
    const dueAt = this.#coalescer.dueAt()
    if (dueAt !== null && !this.#timers.has('batch')) this.#timers.after('batch', dueAt - now, () => this.#takeBatch())
  }

  /** Scans at once, without waiting for more hints; resolves when the scan is done. */
  async scan(hints: Hint[]): Promise<void> {
    const seenMs = this.#firstHintMs ?? Date.now()
    this.#firstHintMs = null
    await this.#scans.add(() => this.#runScan(hints, seenMs))
  }

  /** Scans, and waits while the guard wants to look again. @throws Refusal when the root was halted or closed */
  async rescan(hints: Hint[]): Promise<void> {
    const tree = this.#tree
    await this.scan(hints)
    while (this.#held !== null) {
      await wait(HOLD_QUIET_MS)
      await this.#scans.onIdle()
    }
    if (this.#isHalted) throw new Refusal('the root is halted')
    if (this.#tree !== tree) throw new Refusal('the root was opened anew')
  }

  doubt(path: string): void {
    this.#doubted.doubt(path)
    this.hint({ path, extent: 'entry' })
  }

  /** Whether other content than the path's row may have been sent, and no scan has looked since. */
  isDoubted(path: string): boolean {
    return !this.#doubted.isEmpty && this.#doubted.has(path)
  }

  /** Reads all files within a path again; resolves when the differences are in the index. */
  async readAgain(within: string): Promise<void> {
    const tree = this.#tree
    if (tree === null) return
    const stale: Hint[] = []
    await this.#digests.add(() =>
      checkContent(within, {
        index: this.#index,
        directories: tree.directories,
        nowMs: Date.now,
        turn: tree.turn,
        stale: (path) => stale.push({ path, extent: 'entry' }),
        differs: (path, observation, digest) => this.#settle(tree, path, observation, digest),
      }),
    )
    if (stale.length > 0) await this.rescan(stale)
  }

  readSuspect(path: string): void {
    this.#digests.add(() => this.#settleLarge(path)).catch(unlessClosed)
  }

  retry(path: string, fault: ReadFault['fault'], message: string): void {
    const delayMs = this.#retries.delayAfter(path, fault, Date.now())
    if (delayMs === null) this.#problems.found({ path, code: 'unreadable', message })
    else if (delayMs === 0) this.hint({ path, extent: 'entry' })
    else this.#timers.after(`retry ${path}`, delayMs, () => this.hint({ path, extent: 'entry' }))
  }

  #takeBatch(): void {
    const now = performance.now()
    const batch = this.#coalescer.take(now)
    if (batch.length > 0) this.#follow(batch)
    const dueAt = this.#coalescer.dueAt()
    if (dueAt !== null) this.#timers.after('batch', dueAt - now, () => this.#takeBatch())
  }

  #follow(batch: Hint[]): void {
    if (this.#isHalted) this.#recheckLater()
    else if (this.#held !== null) this.#hold(batch)
    else void this.scan(batch)
  }

  async #runScan(hints: Hint[], seenMs: number): Promise<void> {
    const tree = this.#tree
    if (tree === null) return
    const began = performance.now()
    const isWhole = hints.some(({ path, extent }) => path === ROOT_PATH && extent === 'subtree')
    if (this.#isHalted && !isWhole) return this.#recheckLater()
    let head = this.#index.head
    const turn = new Turn(tree.directories)
    this.#doubted.begin(hints)
    const steps = tree.scanner.scan(hints, this.#judge(tree, isWhole))
    let step = steps.next()
    for (; step.done !== true; step = steps.next()) {
      if (!turn.isOver) continue
      head = this.#announce(head, seenMs)
      await turn.next()
      if (this.#tree !== tree) return
    }
    this.#doubted.end(step.value.decision === 'pass')
    this.#lastScanMs = performance.now() - began
    if (isWhole && step.value.decision === 'pass') tree.borders.passed()
    this.#conclude(step.value, hints, isWhole)
    this.#announce(head, seenMs)
    this.#events.scanned(this.#lastScanMs)
  }

  #judge({ borders }: ScannedRoot, isWhole: boolean): Judge {
    const living = livingEntries(this.#index)
    return (loss, isComplete) => {
      const now = performance.now()
      const isAccepted = isWhole && this.#isAccepted
      if (isAccepted) borders.accept()
      const missing = borders.missing()
      if (missing !== null) return isComplete ? { decision: 'halt', reason: missing } : { decision: 'hold' }
      const verdict: Verdict = isAccepted ? { decision: 'pass' } : this.#guard.judge(loss, living, now, isComplete)
      if (verdict.decision === 'pass' && !isComplete && this.#isHalted) return { decision: 'hold' }
      if (verdict.decision === 'pass' && isComplete) this.#guard.passed(loss, now)
      return verdict
    }
  }

  #conclude(verdict: Verdict, hints: Hint[], isWhole: boolean): void {
    if (verdict.decision === 'hold') return this.#hold(hints)
    // Deletions that an earlier scan left held wait for their own look, unless this scan has looked at everything.
    if (isWhole || verdict.decision === 'halt') this.#held = null
    if (verdict.decision === 'halt') {
      this.#isHalted = true
      this.#events.halted(verdict.reason)
    } else if (isWhole) {
      if (this.#isAccepted) this.#guard.reset()
      this.#isAccepted = false
      this.#isHalted = false
      this.#events.passed(this.#lastScanMs)
    }
  }

  /** Looks again when the root was quiet for a while, or after a second at the latest. */
  #hold(hints: Hint[]): void {
    const now = performance.now()
    this.#held ??= { hints: [], sinceMs: now }
    const { sinceMs } = this.#held
    if (this.#held.hints.length + hints.length > BOUNDS.waitingHints) this.#held.hints = [WHOLE_TREE]
    else this.#held.hints.push(...hints)
    this.#timers.after('held', Math.min(HOLD_QUIET_MS, sinceMs + HOLD_LOOK_MS - now), () => {
      const held = this.#held
      this.#held = null
      if (held !== null) void this.scan(parentsFirst(withoutCovered(held.hints)))
    })
  }

  #recheckLater(): void {
    const delayMs = Math.max(RECHECK_MS, this.#lastScanMs * RECHECK_REST)
    if (!this.#timers.has('recheck')) this.#timers.after('recheck', delayMs, () => void this.scan([WHOLE_TREE]))
  }

  #announce(head: number, seenMs: number): number {
    if (this.#index.head > head) this.#events.advanced(seenMs)
    return this.#index.head
  }

  async #settleLarge(path: string): Promise<void> {
    const tree = this.#tree
    if (tree === null) return
    let location: string
    try {
      location = tree.directories.locate(path)
    } catch {
      // A directory above it is gone: its own hint will come.
      return
    }
    const read = await digestFile(location, () => tree.turn.next())
    if (read.fault !== null) return this.retry(path, read.fault, '')
    const look = observe(read.stats, null, Date.now())
    if (look.found === 'entry') await this.#settle(tree, path, look.observation, read.digest)
  }

  async #settle(tree: ScannedRoot, path: string, observation: Observation, digest: string): Promise<void> {
    await this.#scans.add(() => {
      if (this.#tree !== tree || this.#isHalted) return
      const head = this.#index.head
      tree.scanner.settle(path, observation, digest)
      this.#announce(head, Date.now())
    })
  }
}

/** The next opening of the root begins with a scan of its own. */
function unlessClosed(error: unknown): void {
  if (!(error instanceof TurnsEnded)) throw error
}

/** Living entries without the root's own row, which always stays. */
export function livingEntries(index: EntryIndex): number {
  const { files, directories, symlinks } = index.totals
  return Math.max(0, files + directories + symlinks - 1)
}
