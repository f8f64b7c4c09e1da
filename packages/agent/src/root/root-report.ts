/**
 * What a root reports to the main thread: its status, soon after any part of it changes, and lines for the log. Keeps
 * the parts that only status shows, such as the state of the watching.
 */
import type { FromRoot, LogLevel, PathProblem, RootOptions, RootStatus } from '../root-messages.ts'
import type { EntryIndex } from './index/entry-index.ts'
import { BORN, type RootLife, statusOf } from './root-life.ts'
import type { PathProblems } from './scan/path-problems.ts'
import type { Timers } from './timers.ts'

const STATUS_MS = 250
const MOST_PROBLEMS = 100

export interface RootReportParts {
  options: RootOptions
  index: EntryIndex
  problems: PathProblems
  timers: Timers
  post: (message: FromRoot, transfer?: ArrayBuffer[]) => void
  backend: () => RootStatus['watch']['backend']
  hold: { status(): RootStatus['hold'] }
  progress: () => Pick<RootStatus, 'scanningSinceMs' | 'oldestHintMs'>
}

export class RootReport {
  readonly #parts: RootReportParts
  #life: RootLife = BORN
  #degraded: string | null = null
  #silent: string | null = null
  #overflows = 0

  constructor(parts: RootReportParts) {
    this.#parts = parts
  }

  get isDegraded(): boolean {
    return this.#degraded !== null
  }

  log(level: LogLevel, message: string, details: Record<string, unknown> = {}): void {
    this.#parts.post({ type: 'log', level, message, details })
  }

  /** The index has a new head; the oldest hint behind it came at `seenMs`. */
  advanced(seenMs: number): void {
    this.#parts.post({ type: 'advanced', head: this.#parts.index.head, seenMs })
    this.statusSoon()
  }

  scanned(tookMs: number): void {
    this.#parts.post({ type: 'scanned', tookMs })
    this.statusSoon()
  }

  ready(tookMs: number): void {
    const { index, backend } = this.#parts
    const { totals, head } = index
    this.log('info', 'root is ready', { ...totals, sequence: head, backend: backend(), ms: Math.round(tookMs) })
  }

  problem(problem: PathProblem): void {
    this.log('warn', 'path cannot be synchronized', { ...problem })
    this.statusSoon()
  }

  overflowed(reason: string): void {
    this.#overflows += 1
    this.log('warn', 'hints may have been lost, scanning', { reason })
  }

  /** @returns whether the reason is new */
  degraded(reason: string | null): boolean {
    if (this.#degraded === reason) return false
    this.#degraded = reason
    if (reason === null) this.log('info', 'the whole root is watched again')
    else this.log('error', 'watching is degraded, scanning often instead', { reason })
    this.statusSoon()
    return true
  }

  /** Why a part of the root is scanned by time, or null. */
  silent(reason: string | null): void {
    if (this.#silent === reason) return
    this.#silent = reason
    if (reason !== null) this.log('warn', 'a part of the root is not watched', { reason })
    this.statusSoon()
  }

  lives(life: RootLife): void {
    this.#life = life
    this.statusNow()
  }

  statusSoon(): void {
    const { timers } = this.#parts
    if (!timers.has('status')) timers.after('status', STATUS_MS, () => this.statusNow())
  }

  statusNow(): void {
    const { options, index, problems, post, backend, hold, progress } = this.#parts
    post({
      type: 'status',
      status: {
        name: options.name,
        epoch: index.epoch,
        sequence: index.head,
        ...statusOf(this.#life),
        totals: { ...index.totals },
        watch: { backend: backend(), degraded: this.#degraded ?? this.#silent },
        problems: problems.list().slice(0, MOST_PROBLEMS),
        problemCount: problems.count,
        overflows: this.#overflows,
        ...progress(),
        hold: hold.status(),
      },
    })
  }
}
