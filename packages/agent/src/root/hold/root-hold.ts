/**
 * Holding and releasing, as a root's thread uses them: orders of operators, the files of `hold.while`, the log, and the
 * time at which a hold turns overdue. Publishes nothing by a timer: half a deploy must not go out by itself.
 */
import { type ConfinedDirectories, printable, Refusal } from '@rootferry/host/machine'
import { parentPath, ROOT_PATH } from '@rootferry/protocol'
import {
  type FromRoot,
  GO_MS,
  type HoldAnswer,
  type HoldStatus,
  type ReleaseAnswer,
  type RootOptions,
  type RootRequest,
  type RootRequests,
} from '../../root-messages.ts'
import type { EntryIndex } from '../index/entry-index.ts'
import type { Finding } from '../index/indexed-entry.ts'
import { isInPlace, type OpenedRoot } from '../opened-root.ts'
import { isOpen, type RootLife, statusOf } from '../root-life.ts'
import type { RootReport } from '../root-report.ts'
import { livingEntries } from '../scan/living-entries.ts'
import { lookAt } from '../scan/observe.ts'
import type { ScanQueue } from '../scan/scan-queue.ts'
import type { Timers } from '../timers.ts'
import { Holding } from './holding.ts'
import type { Hold } from './kept-hold.ts'
import { Releases } from './release.ts'

/** Timers may fire a little early. */
const OVERDUE_LATE_MS = 5
const LONGEST_WAIT_MS = 3_600_000

/** Any, of which nothing is known but its kind. */
export const A_FILE = {
  kind: 'file',
  mode: 0,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0,
  ctime: 0,
  inode: 0,
  target: null,
  extended: null,
  link: 0,
} as const

export interface RootHoldParts {
  options: RootOptions
  index: EntryIndex
  timers: Timers
  post: (message: FromRoot) => void
  life: () => RootLife
  opened: () => OpenedRoot | null
  scans: () => ScanQueue
  report: () => RootReport
  /** Waiting requests continue. */
  released(): void
}

export class RootHold {
  readonly #parts: RootHoldParts
  readonly #holding: Holding
  readonly #releases: Releases
  #releasedMs = Number.NEGATIVE_INFINITY

  constructor(parts: RootHoldParts) {
    this.#parts = parts
    const { options, index, post } = parts
    const living = () => livingEntries(index)
    this.#holding = new Holding({
      index,
      options,
      isOpen: () => isOpen(parts.life()) && parts.life().at !== 'halted',
      isInPlace: () => {
        const opened = parts.opened()
        return opened !== null && isInPlace(opened, options.path)
      },
      living,
      recordShown: (path) => this.#recordShown(path),
      recordGone: (path) => this.#recordGone(path),
      gated: (gate) => post({ type: 'gate', gate }),
      began: (hold) => this.#began(hold),
      filesGone: () => this.#releases.releaseByItself(),
    })
    this.#releases = new Releases({
      index,
      holding: this.#holding,
      options,
      life: parts.life,
      living,
      wasHalted: () => parts.scans().guard.isHalted,
      lookAtAll: () => parts.scans().lookAtAll(),
      released: () => this.#released(),
      round: (from, to) => {
        post({ type: 'round', from, to })
        // What was begun before the hold is the beginning of the release.
        parts.released()
      },
      log: (level, message, details) => parts.report().log(level, message, details),
    })
  }

  /** Tells the gate, before anything else is told. */
  start(): void {
    const { post, report } = this.#parts
    const { gate, hold } = this.#holding
    post({ type: 'gate', gate })
    if (hold === null) return
    report().log('warn', 'root is still held: nothing is sent before its release', told(hold))
    this.#awaitOverdue(hold)
  }

  get isHeld(): boolean {
    return this.#holding.hold !== null
  }

  /** A release is to come, or receivers are amid one: they are not made to connect anew for what can wait. */
  get isUnderWay(): boolean {
    return this.isHeld || performance.now() - this.#releasedMs < GO_MS
  }

  /** How far receivers may be brought. */
  get reach(): number {
    return this.#holding.reach
  }

  status(): HoldStatus | null {
    return this.#holding.statusAt(Date.now())
  }

  blocks(request: RootRequest): boolean {
    return this.#holding.blocks(request)
  }

  isStale(request: RootRequest): boolean {
    return this.#holding.isStale(request)
  }

  planned(plan: number): void {
    this.#holding.planned(plan)
  }

  /** The end of the last round: below it nobody is ready. */
  get endOfRounds(): number {
    return this.#holding.released
  }

  endRound(to: number, goes: boolean): { isPart: boolean } {
    if (this.#holding.isRoundTo(to)) return { isPart: this.#releases.endRound(to, goes) }
    if (goes) this.#holding.wentTogether(to)
    return { isPart: false }
  }

  /** The root is not served any more. */
  abandon(): void {
    const { hold } = this.#holding
    if (hold === null) return
    this.#parts.report().log('warn', 'the hold ends with the root, which is taken out of service', told(hold))
    this.#holding.abandon()
  }

  shut(sequence: number): void {
    this.#holding.shut(sequence)
  }

  look(): void {
    this.#holding.look()
  }

  hinted(path: string): void {
    if (this.#holding.concerns(path)) this.#holding.look()
  }

  /** @throws Refusal when the root is not ready */
  async hold(order: { reason: string; by: string; forMs: number; waitMs: number }): Promise<HoldAnswer> {
    const { scans, life } = this.#parts
    // The barrier: whatever was on the disk when the hold was asked for is part of what receivers get.
    if (!this.isHeld) await scans().lookAtAll()
    const before = this.status()
    if (before !== null) return { outcome: 'was-held', hold: before }
    const { state, reason } = statusOf(life())
    if (state !== 'ready') throw new Refusal(reason ?? `the root is ${state}`)
    this.#holding.begin(order)
    const hold = this.status()
    if (hold === null) throw new Refusal('the root was released meanwhile')
    return { outcome: 'held', hold }
  }

  release(order: RootRequests['end-hold']['takes']): Promise<ReleaseAnswer> {
    return this.#releases.release(order)
  }

  #began(hold: Hold): void {
    const { report } = this.#parts
    report().log('warn', 'root is held: nothing is sent before its release', {
      sequence: hold.sequence,
      ...told(hold),
    })
    report().statusNow()
    this.#awaitOverdue(hold)
  }

  #awaitOverdue(hold: Readonly<Hold>): void {
    const { timers, report } = this.#parts
    const lateMs = Math.min(hold.untilMs - Date.now() + OVERDUE_LATE_MS, LONGEST_WAIT_MS)
    timers.after('overdue', lateMs, () => {
      const status = this.status()
      if (status?.id !== hold.id) return
      // The clock may have been set back meanwhile.
      if (!status.overdue) return this.#awaitOverdue(hold)
      report().log('error', 'hold is overdue: nothing is sent before the root is released', told(hold))
      report().statusNow()
    })
  }

  #released(): void {
    const { report, scans, released } = this.#parts
    this.#releasedMs = performance.now()
    scans().guard.accept()
    report().advanced(Date.now())
    report().statusNow()
    released()
  }

  #recordGone(path: string): void {
    const { index } = this.#parts
    if (index.get(path) !== null) return
    // As if it had been back for a moment: of its content nothing is known.
    index.record([
      { path, observation: A_FILE, digest: null, sameBytes: false },
      { path, observation: null },
    ])
  }

  #recordShown(path: string): void {
    const { opened, index, report } = this.#parts
    const root = opened()
    const findings = root === null ? [] : newFile(root.directories, index, path)
    if (findings.length === 0) return
    index.record(findings)
    report().advanced(Date.now())
  }
}

/** A file, behind the directories that were made for it; none when something else is in one of these places, or known. */
function newFile(directories: ConfinedDirectories, index: EntryIndex, path: string): Finding[] {
  const findings: Finding[] = []
  for (let at = path; at === path || index.get(at)?.kind !== 'directory'; at = parentPath(at)) {
    const look = lookAt(directories, at, Date.now())
    const isFile = at === path
    // Before the first scan the root is not known either.
    if (at === ROOT_PATH || index.get(at) !== null || look.found !== 'entry') return []
    if (look.observation.kind !== (isFile ? 'file' : 'directory')) return []
    // Without a ctime the next look takes a directory for another one, and so lists what is in it.
    const observation = isFile ? look.observation : { ...look.observation, ctime: 0 }
    findings.unshift({ path: at, observation, digest: null, sameBytes: false })
  }
  return findings
}

/** A hold as logs show it: the reason is somebody's text. */
function told({ reason, by }: Readonly<Hold>): { reason: string; by: string } {
  return { reason: printable(reason), by }
}
