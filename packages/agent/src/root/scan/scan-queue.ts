/**
 * Hints in, scans out: collects hints until they have settled, and lets the scanner follow them, one scan at a time.
 *
 *   hint ─▶ coalescer ─▶ batch ─▶ scan, in turns that give way to packing ─▶ advanced
 *                                   │ the guard says hold: all but deletions is recorded, and the scan's hints wait for
 *                                   │ another look; deletions of later batches join them, saves do not wait
 *                                   └ or halt: nothing is recorded, and only whole scans run until one passes
 *
 * Large files whose bytes must be compared are read in the background, and files whose bytes could not be read are
 * hinted at again later. The root's life decides how scans run (`mode`). Knows no receivers.
 */

import { setTimeout as wait } from 'node:timers/promises'
import { Refusal } from '@rootferry/host/machine'
import { ROOT_PATH } from '@rootferry/protocol'
import PQueue from 'p-queue'
import { BOUNDS } from '../../bounds.ts'
import type { GuardLimits, WatchSettings } from '../../root-messages.ts'
import type { EntryIndex } from '../index/entry-index.ts'
import type { Observation } from '../index/indexed-entry.ts'
import type { Timers } from '../timers.ts'
import { Turn } from '../turn.ts'
import type { Hint } from '../watch/watcher.ts'
import { Coalescer, parentsFirst, withoutCovered } from './coalesce.ts'
import { ContentQueue, type ReadRoot } from './content-queue.ts'
import type { ReadFault } from './content-reader.ts'
import { DoubtedPaths } from './doubted-paths.ts'
import { Guard, type Loss } from './guard.ts'
import type { KnownBorders } from './known-borders.ts'
import type { PathProblems } from './path-problems.ts'
import { Retries } from './retries.ts'
import type { ScanRequests } from './scan-requests.ts'
import type { Judge, Scanner, ScanVerdict } from './scanner.ts'

/** Deletions count as over when none came for this long; and after this long the root is looked at again anyway. */
const HOLD_QUIET_MS = 300
const HOLD_LOOK_MS = 1_000
/** How often a halted root is scanned when there are hints; a large root less often. */
const RECHECK_MS = 1_000
const RECHECK_REST = 10
export const WHOLE_TREE: Hint = { path: ROOT_PATH, extent: 'subtree' }

/** What scans need of the open root. */
export interface ScannedRoot extends ReadRoot {
  scanner: Scanner
  borders: KnownBorders
}

export interface ScanSettings {
  watch: WatchSettings
  guard: GuardLimits
}

export interface ScanQueueParts {
  index: EntryIndex
  timers: Timers
  problems: PathProblems
  settings: ScanSettings
  /** How scans run now: see root-life.ts. */
  mode: () => 'none' | 'judged' | 'accepted' | 'halted'
  events: ScanQueueEvents
}

export interface ScanQueueEvents {
  /** The index has a new head; the oldest hint behind it came at `seenMs`. */
  advanced(seenMs: number): void
  scanned(tookMs: number): void
  /** A scan of the whole tree was recorded: the index equals the tree. */
  passed(tookMs: number): void
  /** The guard halted a scan: none of its deletions is recorded. */
  stopped(reason: string): void
}

export class ScanQueue implements ScanRequests {
  readonly #parts: ScanQueueParts
  readonly #retries = new Retries()
  readonly #scans = new PQueue({ concurrency: 1 })
  readonly #contents: ContentQueue<ScannedRoot>
  readonly #doubted = new DoubtedPaths()
  readonly #guard: Guard
  #coalescer: Coalescer
  /** Hints whose deletions the guard holds back, and since when they wait for another look. */
  #held: { hints: Hint[]; sinceMs: number } | null = null
  #lastScanMs = 0
  #root: ScannedRoot | null = null
  #firstHintMs: number | null = null

  constructor(parts: ScanQueueParts) {
    this.#parts = parts
    this.#guard = new Guard(parts.settings.guard)
    this.#coalescer = new Coalescer(parts.settings.watch)
    this.#contents = new ContentQueue({
      index: parts.index,
      scans: this,
      decide: (root, path, observation, digest) => this.#decideSuspect(root, path, observation, digest),
    })
  }

  /** Waiting hints are dropped: the caller scans the whole tree next. */
  configure({ watch, guard }: ScanSettings): void {
    this.#coalescer = new Coalescer(watch)
    this.#guard.limits = guard
  }

  /**
   * Scans run on this root from now on; with null they end where they are. The next scan finds held deletions again.
   */
  use(root: ScannedRoot | null): void {
    this.#root = root
    this.#held = null
  }

  /** Resolves when no scan and no background reading is running. */
  async idle(): Promise<void> {
    await this.#scans.onIdle()
    await this.#contents.idle()
  }

  hint(hint: Hint): void {
    this.#firstHintMs ??= Date.now()
    // Not the wall clock: a step back would make hints wait for as long.
    const now = performance.now()
    this.#coalescer.collect(hint, now)
    if (!this.#parts.timers.has('batch')) this.#awaitBatch(now)
  }

  /** Scans at once, without waiting for more hints; resolves when the scan is done. */
  async scan(hints: Hint[]): Promise<void> {
    const seenMs = this.#firstHintMs ?? Date.now()
    this.#firstHintMs = null
    await this.#scans.add(() => this.#runScan(hints, seenMs))
  }

  /** Scans, and waits while the guard wants to look again. @throws Refusal when the root was halted or closed */
  async rescan(hints: Hint[]): Promise<void> {
    const root = this.#root
    await this.scan(hints)
    while (this.#held !== null) {
      await wait(HOLD_QUIET_MS)
      await this.#scans.onIdle()
    }
    if (this.#parts.mode() === 'halted') throw new Refusal('the root is halted')
    if (this.#root !== root) throw new Refusal('the root was opened anew')
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
    if (this.#root === null) return
    const stale = await this.#contents.readAgain(this.#root, within)
    if (stale.length > 0) await this.rescan(stale)
  }

  readSuspect(path: string): void {
    if (this.#root !== null) this.#contents.readSuspect(this.#root, path)
  }

  retry(path: string, fault: ReadFault['fault'], message: string): void {
    const { problems, timers } = this.#parts
    const delayMs = this.#retries.delayAfter(path, fault, Date.now())
    if (delayMs === null) problems.found({ path, code: 'unreadable', message })
    else if (delayMs === 0) this.hint({ path, extent: 'entry' })
    else timers.after(`retry ${path}`, delayMs, () => this.hint({ path, extent: 'entry' }))
  }

  #awaitBatch(nowMs: number): void {
    const dueAt = this.#coalescer.dueAt()
    if (dueAt !== null) this.#parts.timers.after('batch', dueAt - nowMs, () => this.#followBatch())
  }

  #followBatch(): void {
    const now = performance.now()
    const batch = this.#coalescer.takeBatch(now)
    if (batch.length > 0) {
      if (this.#parts.mode() === 'halted') this.#recheckLater()
      else void this.scan(batch)
    }
    this.#awaitBatch(now)
  }

  async #runScan(hints: Hint[], seenMs: number): Promise<void> {
    const root = this.#root
    if (root === null) return
    const { index, mode, events } = this.#parts
    const began = performance.now()
    const isWhole = hints.some(({ path, extent }) => path === ROOT_PATH && extent === 'subtree')
    if (mode() === 'halted' && !isWhole) return this.#recheckLater()
    let head = index.head
    const living = livingEntries(index)
    const turn = new Turn(root.directories)
    this.#doubted.beginLook(hints)
    const steps = root.scanner.scan(hints, this.#judge(root, isWhole, living))
    let step = steps.next()
    for (; step.done !== true; step = steps.next()) {
      if (!turn.isOver) continue
      head = this.#announce(head, seenMs)
      await turn.next()
      if (this.#root !== root) return
    }
    this.#doubted.endLook(step.value.decision === 'pass')
    this.#lastScanMs = performance.now() - began
    if (isWhole && step.value.decision === 'pass') root.borders.passed()
    // Deletions wait, but additions do not: the tree has grown by the additions.
    if (step.value.decision === 'hold') this.#guard.grew(livingEntries(index) - living, performance.now())
    this.#conclude(step.value, hints, isWhole)
    this.#announce(head, seenMs)
    events.scanned(this.#lastScanMs)
  }

  #judge({ borders }: ScannedRoot, isWhole: boolean, living: number): Judge {
    return (loss, isComplete) => {
      const now = performance.now()
      const mode = this.#parts.mode()
      const isAccepted = isWhole && mode === 'accepted'
      if (isAccepted) borders.accept()
      const missing = borders.missing()
      if (missing !== null) return isComplete ? { decision: 'halt', reason: missing } : { decision: 'withhold' }
      const verdict: ScanVerdict = isAccepted ? { decision: 'pass' } : this.#guard.judge(loss, living, now, isComplete)
      // The index of a halted root stays as it is until a scan of the whole tree passes.
      if (mode === 'halted' && (verdict.decision === 'hold' || !isComplete)) return { decision: 'withhold' }
      if (verdict.decision !== 'pass' || !isComplete) return verdict
      if (!isWhole && this.#held !== null && deletionsOf(loss) > 0) return { decision: 'hold' }
      this.#guard.passed(loss, now)
      return verdict
    }
  }

  #conclude(verdict: ScanVerdict, hints: Hint[], isWhole: boolean): void {
    const { mode, events } = this.#parts
    if (verdict.decision === 'hold' || verdict.decision === 'withhold') return this.#hold(hints)
    // Deletions that an earlier scan left held wait for their own look, unless this scan has looked at everything.
    if (isWhole || verdict.decision === 'halt') this.#held = null
    if (this.#held === null) this.#guard.endHold()
    if (verdict.decision === 'halt') events.stopped(verdict.reason)
    else if (isWhole) {
      if (mode() === 'accepted') this.#guard.accept()
      events.passed(this.#lastScanMs)
    }
  }

  /** Looks again when the root was quiet for a while, or after a second at the latest. */
  #hold(hints: Hint[]): void {
    const now = performance.now()
    this.#held ??= { hints: [], sinceMs: now }
    const { sinceMs } = this.#held
    if (this.#held.hints.length + hints.length > BOUNDS.waitingHints) this.#held.hints = [WHOLE_TREE]
    else this.#held.hints.push(...hints)
    const delayMs = Math.min(HOLD_QUIET_MS, sinceMs + HOLD_LOOK_MS - now)
    this.#parts.timers.after('held', delayMs, () => void this.#scans.add(() => this.#lookAtHeld()))
  }

  /** The hints count as held until the look begins: an earlier scan must not take the hold for over. */
  async #lookAtHeld(): Promise<void> {
    const held = this.#held
    this.#held = null
    if (held !== null) await this.#runScan(parentsFirst(withoutCovered(held.hints)), Date.now())
  }

  #recheckLater(): void {
    const { timers } = this.#parts
    const delayMs = Math.max(RECHECK_MS, this.#lastScanMs * RECHECK_REST)
    if (!timers.has('recheck')) timers.after('recheck', delayMs, () => void this.scan([WHOLE_TREE]))
  }

  #announce(head: number, seenMs: number): number {
    const { index, events } = this.#parts
    if (index.head > head) events.advanced(seenMs)
    return index.head
  }

  async #decideSuspect(root: ScannedRoot, path: string, observation: Observation, digest: string): Promise<void> {
    await this.#scans.add(() => {
      if (this.#root !== root || this.#parts.mode() === 'halted') return
      const head = this.#parts.index.head
      root.scanner.decideSuspect(path, observation, digest)
      this.#announce(head, Date.now())
    })
  }
}

function deletionsOf({ removals, moved }: Loss): number {
  return removals - moved
}

/** Living entries without the root's own row, which always stays. */
export function livingEntries(index: EntryIndex): number {
  const { files, directories, symlinks } = index.totals
  return Math.max(0, files + directories + symlinks - 1)
}
