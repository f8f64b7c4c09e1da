/**
 * Hints in, scans out: collects hints until they have settled, and lets the scanner follow them, one scan at a time.
 *
 *   hint ─▶ coalescer ─▶ batch ─▶ scan, in turns that give way to packing ─▶ advanced
 *                                   │ the guard says look again: all but deletions is recorded, the scan's hints wait for
 *                                   │ another look; deletions of later batches join them, saves do not wait
 *                                   └ or halt: nothing is recorded, and only whole scans run until one passes
 *
 * A small batch overtakes the scan that is running, and so does the decision about a suspect. What is overtaking
 * records no deletion: with one, its hints wait their turn behind the scan.
 *
 * Large files whose bytes must be compared are read in the background, and files whose bytes could not be read are
 * hinted at again later. The root's life decides how scans run (`mode`). Knows no receivers.
 */

import { setTimeout as wait } from 'node:timers/promises'
import { Refusal } from '@rootferry/host/machine'
import { ROOT_PATH } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { GuardLimits, WatchSettings } from '../../root-messages.ts'
import type { EntryIndex } from '../index/entry-index.ts'
import type { Observation } from '../index/indexed-entry.ts'
import type { Timers } from '../timers.ts'
import { Turn } from '../turn.ts'
import type { Hint } from '../watch/watcher.ts'
import { ContentQueue, type ReadRoot } from './content-queue.ts'
import type { ReadFault } from './content-reader.ts'
import { DoubtedPaths } from './doubted-paths.ts'
import { Guard } from './guard.ts'
import { haltNote } from './halt-note.ts'
import { HintBatches } from './hint-batches.ts'
import { HintRetries } from './hint-retries.ts'
import type { KnownBorders } from './known-borders.ts'
import { splitBatch } from './overtaking-hints.ts'
import { overtakingLook } from './overtaking-look.ts'
import type { PathProblems } from './path-problems.ts'
import { scanJudge } from './scan-judge.ts'
import { ScanLanes } from './scan-lanes.ts'
import { ScanOrders } from './scan-orders.ts'
import { ScanProgress } from './scan-progress.ts'
import type { ScanRequests } from './scan-requests.ts'
import { isWhole, type Scanner, type ScanVerdict } from './scanner.ts'
import { type OwnBatch, SwapOrder } from './swap-order.ts'
import { QUIET_MS, WithheldDeletions } from './withheld-deletions.ts'

/** How often a halted root is scanned when there are hints; a large root less often. */
const RECHECK_MS = 1_000
const RECHECK_REST = 10
export const WHOLE_TREE: Hint = { path: ROOT_PATH, extent: 'subtree' }

/** What scans need of the open root. */
export interface ScannedRoot extends ReadRoot {
  scanner: Scanner
  /** For scans that overtake one of the other scanner. */
  overtaking: Scanner
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
  /** Looks whether a file holds the root: when its path is hinted at, and before findings are recorded. */
  hold: { hinted(path: string): void; look(): void }
  /** How scans run now: see root-life.ts. */
  mode: () => 'none' | 'judged' | 'accepted' | 'halted' | 'held'
  events: ScanQueueEvents
}

export interface ScanQueueEvents {
  /** The index has a new head; the oldest hint behind it came at `seenMs`. */
  advanced(seenMs: number): void
  /** A scan begins. */
  begins(): void
  scanned(tookMs: number): void
  /** A scan of the whole tree was recorded: the index equals the tree. */
  passed(tookMs: number): void
  /** The guard halted a scan: none of its deletions is recorded. */
  stopped(reason: string): void
}

interface ScanRun {
  hints: readonly Hint[]
  /** When the first of them came. */
  seenMs: number
  /** The batch that the hints are, or are a part of; or that of the scan alone. */
  own: OwnBatch
}

export class ScanQueue implements ScanRequests {
  readonly #parts: ScanQueueParts
  readonly #retries: HintRetries
  readonly #lanes = new ScanLanes()
  readonly #contents: ContentQueue<ScannedRoot>
  readonly #doubted = new DoubtedPaths()
  readonly guard: Guard
  readonly #batches: HintBatches
  readonly #withheld = new WithheldDeletions()
  readonly #swaps: SwapOrder
  #root: ScannedRoot | null = null
  readonly progress: ScanProgress
  readonly #orders = new ScanOrders((hints) =>
    this.#lanes.add(() => this.#runScan(hints(), this.progress.takeSeenMs())),
  )

  constructor(parts: ScanQueueParts) {
    this.#parts = parts
    this.progress = new ScanProgress(parts.events.begins)
    this.guard = new Guard(parts.settings.guard, haltNote(parts.index.memory))
    this.#batches = new HintBatches(parts.settings.watch, parts.timers, (...batch) => this.#followBatch(...batch))
    const look = (path: string) => this.#scanInTurn([{ path, extent: 'entry' }], Date.now())
    this.#swaps = new SwapOrder(this.#batches, parts.index, look)
    this.#retries = new HintRetries({ ...parts, hint: (hint) => this.hint(hint) })
    this.#contents = new ContentQueue({
      index: parts.index,
      scans: this,
      decide: (...suspect) => this.#lanes.overtake(() => this.#decideSuspect(...suspect)),
    })
  }

  /** Waiting hints are dropped: the caller scans the whole tree next. */
  configure({ watch, guard }: ScanSettings): void {
    this.#batches.configure(watch)
    this.#swaps.end(this.#swaps.begin([]))
    this.guard.limits = guard
  }

  /** Scans run on this root from now on; with null they end where they are, and the next finds the deletions again. */
  use(root: ScannedRoot | null): void {
    this.#root = root
    this.progress.pace.stir()
    this.#withheld.clear()
    this.#swaps.drop()
  }

  /** Resolves when no scan and no background reading is running. */
  async idle(): Promise<void> {
    await this.#contents.idle()
    await this.#swaps.idle()
    await this.#lanes.idle()
  }

  hint(hint: Hint): void {
    this.#parts.hold.hinted(hint.path)
    this.progress.hinted()
    this.#batches.add(hint)
  }

  /** Scans at once, without waiting for more hints; resolves when the scan is done. */
  async scan(hints: Hint[]): Promise<void> {
    await this.#scanInTurn(hints, this.progress.takeSeenMs())
  }

  /**
   * Scans, and waits while the guard wants to look again; one scan serves all orders that wait for it.
   * @throws Refusal when the root was halted or closed, or could not be read
   */
  async rescan(hints: Hint[]): Promise<void> {
    const root = this.#root
    if (!(await this.#orders.order(hints))) throw new Refusal('parts of the root cannot be read now')
    while (!this.#withheld.isEmpty) {
      await wait(QUIET_MS)
      await this.#lanes.idle()
    }
    await this.#swaps.idle()
    if (this.#parts.mode() === 'halted') throw new Refusal('the root is halted')
    if (this.#root !== root) throw new Refusal('the root was opened anew')
  }

  /** A barrier: what is on the disk now is in the index then, also where only bytes can tell. @throws as `rescan` */
  async lookAtAll(): Promise<void> {
    await this.rescan([WHOLE_TREE])
    await this.#contents.suspectsRead()
  }

  doubt(path: string): void {
    this.#doubted.doubt(path)
    this.hint({ path, extent: 'entry' })
  }

  /** Whether other content than the path's row may have been sent, and no scan has looked since. */
  isDoubted(path: string): boolean {
    return !this.#doubted.isEmpty && this.#doubted.has(path, this.#parts.index.head)
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
    this.#retries.retry(path, fault, message)
  }

  #followBatch(batch: Hint[], isEarly: boolean): void {
    const all = this.#swaps.begin(batch, isEarly)
    if (this.#parts.mode() === 'halted') {
      this.#swaps.end(all)
      return recheckLater(this.#parts.timers, this.progress, () => this.scan([WHOLE_TREE]))
    }
    const seenMs = isEarly ? Date.now() - this.#parts.settings.watch.settleMs : this.progress.takeSeenMs()
    const isDue = this.#lanes.isBusy || batch.length > BOUNDS.overtakingHints
    const { overtaking, others } =
      isDue && this.#parts.mode() === 'judged' ? splitBatch(batch) : { overtaking: [], others: batch }
    const own = { batch: all, isWhole: overtaking.length === 0 || others.length === 0 }
    const first = overtaking.length > 0 ? this.#overtakeFirst(overtaking, seenMs, own) : null
    const then = others.length > 0 ? this.#scanInTurn(others, seenMs, own) : null
    void Promise.all([first, then]).then(() => this.#swaps.end(all))
  }

  async #overtakeFirst(hints: readonly Hint[], seenMs: number, own: OwnBatch): Promise<void> {
    const left = await this.#lanes.overtake(() => this.#overtake(hints, seenMs, own))
    if (left.length > 0) await this.#scanInTurn(left, seenMs, own)
  }

  /** @returns whether everything could be looked at: a tree of which parts could not be read is not known */
  #scanInTurn(hints: readonly Hint[], seenMs: number, own: OwnBatch | null = null): Promise<boolean> {
    return this.#lanes.add(() => this.#runScan(hints, seenMs, own))
  }

  async #runScan(hints: readonly Hint[], seenMs: number, own: OwnBatch | null = null): Promise<boolean> {
    const root = this.#root
    if (root === null) return true
    const scan = (of: OwnBatch) => this.progress.during(seenMs, () => this.#scanRoot(root, { hints, seenMs, own: of }))
    return await (own === null ? this.#swaps.during(() => root.scanner.hasNewDirectory, scan) : scan(own))
  }

  async #scanRoot(root: ScannedRoot, { hints, seenMs, own }: ScanRun): Promise<boolean> {
    const { index, mode, events, hold } = this.#parts
    const began = performance.now()
    const isOfAll = hints.some(isWhole)
    if (mode() === 'halted' && !isOfAll) {
      recheckLater(this.#parts.timers, this.progress, () => this.scan([WHOLE_TREE]))
      return true
    }
    let head = index.head
    const turn = new Turn(root.directories)
    const covered = this.#doubted.beginLook(hints)
    const parts = { guard: this.guard, borders: root.borders, mode, hold, index, withheld: this.#withheld }
    const steps = root.scanner.scan(hints, scanJudge(parts, isOfAll), { order: this.#swaps.orderFor(own) })
    let step = steps.next()
    for (; step.done !== true; step = steps.next()) {
      if (step.value === undefined && !turn.isOver) continue
      head = this.#announce(head, seenMs)
      await step.value
      await turn.next()
      await this.progress.pace.keep(this.#lanes, () => (this.#root === root && mode() === 'judged' ? index.head : null))
      if (this.#root === root) continue
      steps.return({ decision: 'withhold' })
      this.#doubted.endLook(covered, false)
      return true
    }
    recordPromised(index, this.#doubted.endLook(covered, step.value.decision === 'pass'))
    this.progress.lastMs = performance.now() - began
    const isTroubled = this.#lookAgain(root.scanner)
    if (isOfAll && isTroubled) this.#retries.troubled([WHOLE_TREE])
    this.#conclude(step.value, withWalked(hints, root.scanner), isOfAll && !isTroubled)
    this.#announce(head, seenMs)
    events.scanned(this.progress.lastMs)
    return !isTroubled
  }

  /** A short look while another scan waits. @returns hints that wait their turn: it took too long, or would delete */
  async #overtake(hints: readonly Hint[], seenMs: number, own: OwnBatch): Promise<readonly Hint[]> {
    const root = this.#root
    if (root === null) return []
    const { index, hold } = this.#parts
    const head = index.head
    const covered = this.#doubted.beginLook(hints)
    const isRecorded = await overtakingLook(root, hints, hold, () => this.#root === root, this.#swaps.orderFor(own))
    recordPromised(index, this.#doubted.endLook(covered, isRecorded))
    if (this.#root !== root) return []
    this.#lookAgain(root.overtaking)
    this.#announce(head, seenMs)
    return isRecorded ? [] : withWalked(hints, root.overtaking)
  }

  /** @returns whether trouble that is not of a path was in the way of the scanner's last scan */
  #lookAgain(scanner: Scanner): boolean {
    for (const hint of scanner.takeOutdated()) this.hint(hint)
    const { swaps, hasArrivals } = scanner.takeLeftOut()
    if (hasArrivals) this.#swaps.withhold()
    for (const { path, observation } of swaps) this.#swaps.defer(path, observation)
    const troubled = scanner.takeTroubled()
    this.#retries.troubled(troubled.map(({ hint }) => hint))
    return troubled.some(({ hint, trouble }) => trouble === 'process' || hint.path === ROOT_PATH)
  }

  #conclude(verdict: ScanVerdict, hints: readonly Hint[], isWhole: boolean): void {
    if (verdict.decision === 'look-again' || verdict.decision === 'withhold') return this.#lookLater(hints)
    // Deletions that an earlier scan left wait for their own look, unless this scan has looked at everything.
    if (isWhole || verdict.decision === 'halt') this.#withheld.clear()
    if (this.#withheld.isEmpty) {
      this.guard.endWait()
      this.#swaps.judged()
    }
    if (verdict.decision === 'halt') this.#parts.events.stopped(verdict.reason)
    else if (isWhole) {
      this.#swaps.seen()
      if (this.#parts.mode() !== 'held') this.guard.passedWhole()
      if (this.#parts.mode() === 'accepted') this.guard.accept()
      this.#parts.events.passed(this.progress.lastMs)
      if (this.#root !== null) this.#contents.readUndecided(this.#root)
    }
  }

  /** Looks again when the root was quiet for a while, or after a second at the latest. */
  #lookLater(hints: readonly Hint[]): void {
    const delayMs = this.#withheld.wait(hints, WHOLE_TREE, performance.now())
    this.#parts.timers.after('again', delayMs, () => void this.#lanes.add(() => this.#lookNow()))
  }

  /** A swap that waits for this look is recorded by it, before what goes. */
  async #lookNow(): Promise<void> {
    const hints = this.#withheld.take()
    if (hints !== null) await this.#runScan([...hints, ...this.#swaps.hints], Date.now(), this.#swaps.withheld)
  }

  #announce(head: number, seenMs: number): number {
    if (this.#parts.index.head > head) this.#parts.events.advanced(seenMs)
    return this.#parts.index.head
  }

  async #decideSuspect(root: ScannedRoot, path: string, observation: Observation, digest: string): Promise<boolean> {
    if (this.#root !== root) return true
    if (this.#parts.mode() === 'halted') return false
    this.#parts.hold.look()
    const head = this.#parts.index.head
    if (!root.overtaking.decideSuspect(path, observation, digest)) this.hint({ path, extent: 'entry' })
    this.#announce(head, Date.now())
    return true
  }
}

/** A scan of a halted root, once, and not soon if scans take long. */
function recheckLater(timers: Timers, { lastMs }: ScanProgress, scan: () => Promise<void>): void {
  const delayMs = Math.max(RECHECK_MS, lastMs * RECHECK_REST)
  if (!timers.has('recheck')) timers.after('recheck', delayMs, () => void scan())
}

/** A listing said that these paths come as a change later: what has not changed since is recorded again. */
function recordPromised(index: EntryIndex, promised: ReadonlyMap<string, number>): void {
  for (const [path, listedAt] of promised) {
    const row = index.get(path)
    if (row !== null && row.sequence <= listedAt)
      index.record([{ path, observation: row, digest: null, sameBytes: false }])
  }
}

/** A scan may have recorded a directory, and not yet what is in it: the next look lists again what this one has listed. */
function withWalked(hints: readonly Hint[], { walked }: Scanner): Hint[] {
  return [...hints, ...walked.map((path): Hint => ({ path, extent: 'subtree' }))]
}
