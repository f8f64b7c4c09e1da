/**
 * The commands of hooks: never two of one hook at a time, and never in the way of what made them due.
 *
 *   due ─▶ waiting ─ none runs, the interval is over ─▶ running ─ ended well ─▶ told to whoever keeps what is due
 *             ▲                                            └──── failed ───▶ waits, longer each time
 *             └───────────────── with what became due meanwhile ◀────────────────┘
 *
 * INVARIANT: a run is told of when its command has ended well, and not before; a daemon that stops or crashes leaves
 * the run to the next one.
 */
import { type BackoffRange, backoffMs } from '../machine/backoff.ts'
import { type DueRun, HOOK_REASONS, type HookReason, MOST_HOOK_PATHS } from '../machine/due-run.ts'
import { CommandRun, type RunResult } from './command-run.ts'
import type { Logger } from './logger.ts'

/** A hook of either daemon. */
export interface HookCommand {
  command: readonly string[]
  timeoutSeconds: number
  /** From the start of a run to the start of the next one. */
  minIntervalSeconds: number
}

/** A hook in the status of its root. */
export interface HookStatus {
  readonly command: string
  /** A run is due or in progress. */
  readonly isDue: boolean
  /** Since the start of this process. */
  readonly runs: number
  readonly failures: number
  /** Why the last run failed; null when it ended well. */
  readonly lastError: string | null
}

export interface HookSetting {
  root: string
  path: string
  umask: number
}

export interface HookEvents {
  changed(hooks: readonly HookStatus[]): void
  /** A command ended well, and was told of everything up to that stamp. */
  ran(hook: number, stamp: number): void
}

const RETRIES: BackoffRange = { firstMs: 1_000, mostMs: 60_000 }
/** How long a command may go on when the daemon stops, and how long its end is awaited after that. */
const LAST_WAIT_MS = 2_000
const KILLED_WAIT_MS = 500
interface Lane {
  readonly hook: HookCommand
  readonly number: number
  waiting: Set<string>
  omitted: number
  reasons: Set<HookReason>
  stamp: number
  running: CommandRun | null
  timer: NodeJS.Timeout | null
  /** The earliest start of the next run. */
  notBeforeMs: number
  failedInARow: number
  runs: number
  failures: number
  lastError: string | null
}

export class HookRuns {
  readonly #lanes: readonly Lane[]
  readonly #setting: HookSetting
  readonly #events: HookEvents
  readonly #log: Logger
  #isClosed = false

  constructor(hooks: readonly HookCommand[], setting: HookSetting, events: HookEvents, log: Logger) {
    this.#lanes = hooks.map(newLane)
    this.#setting = setting
    this.#events = events
    this.#log = log
  }

  get status(): HookStatus[] {
    return this.#lanes.map(({ hook, running, waiting, omitted, runs, failures, lastError }) => {
      const isDue = running !== null || waiting.size > 0 || omitted > 0
      return { command: hook.command.join(' '), isDue, runs, failures, lastError }
    })
  }

  due({ hook, stamp, reason, paths, omitted }: DueRun): void {
    const lane = this.#lanes[hook]
    if (lane === undefined) return
    lane.stamp = stamp
    lane.omitted += omitted
    lane.reasons.add(reason)
    for (const path of paths) addPath(lane, path)
    this.#next(lane)
    this.#events.changed(this.status)
  }

  /** Starts no more commands; running ones have a moment to end, and are killed then. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(
      this.#lanes.map(async ({ timer, running }) => {
        if (timer !== null) clearTimeout(timer)
        if (running === null || (await within(LAST_WAIT_MS, running.ended))) return
        running.kill('the daemon is stopping')
        await within(KILLED_WAIT_MS, running.ended)
      }),
    )
  }

  #next(lane: Lane): void {
    const isDue = lane.waiting.size > 0 || lane.omitted > 0
    if (lane.running !== null || lane.timer !== null || !isDue || this.#isClosed) return
    const waitMs = lane.notBeforeMs - performance.now()
    if (waitMs <= 0) return void this.#run(lane)
    lane.timer = setTimeout(() => {
      lane.timer = null
      this.#next(lane)
    }, waitMs)
  }

  async #run(lane: Lane): Promise<void> {
    const { hook, waiting, omitted, stamp, reasons, number } = lane
    const reason = HOOK_REASONS.find((one) => reasons.has(one)) ?? 'change'
    lane.waiting = new Set()
    lane.omitted = 0
    lane.reasons = new Set()
    lane.notBeforeMs = performance.now() + hook.minIntervalSeconds * 1_000
    const { root, path, umask } = this.#setting
    const environment = {
      ROOTFERRY_ROOT: root,
      ROOTFERRY_PATH: path,
      ROOTFERRY_REASON: reason,
      ROOTFERRY_OMITTED: String(omitted),
    }
    const { command, timeoutSeconds } = hook
    lane.running = new CommandRun({ command, paths: [...waiting], environment, umask, timeoutSeconds })
    const result = await lane.running.ended
    lane.running = null
    this.#tell(hook, result, { paths: waiting.size, reason })
    lane.runs += 1
    lane.lastError = result.failure
    if (result.failure === null) {
      lane.failedInARow = 0
      this.#events.ran(number, stamp)
    } else {
      lane.failures += 1
      const pauseMs = backoffMs(lane.failedInARow, RETRIES)
      lane.notBeforeMs = Math.max(lane.notBeforeMs, performance.now() + pauseMs)
      lane.failedInARow += 1
      lane.omitted += omitted
      lane.reasons.add(reason)
      for (const each of waiting) addPath(lane, each)
    }
    this.#next(lane)
    this.#events.changed(this.status)
  }

  #tell({ command }: HookCommand, result: RunResult, about: { paths: number; reason: HookReason }): void {
    const { failure, ...rest } = result
    const details = { command: command.join(' '), ...about, ...rest }
    if (failure === null) this.#log.info(details, 'hook ran')
    else this.#log.error(details, `hook ${failure}`)
  }
}

function newLane(hook: HookCommand, number: number): Lane {
  return {
    hook,
    number,
    waiting: new Set(),
    omitted: 0,
    reasons: new Set(),
    stamp: 0,
    running: null,
    timer: null,
    notBeforeMs: Number.NEGATIVE_INFINITY,
    failedInARow: 0,
    runs: 0,
    failures: 0,
    lastError: null,
  }
}

function addPath(lane: Lane, path: string): void {
  if (lane.waiting.size < MOST_HOOK_PATHS || lane.waiting.has(path)) lane.waiting.add(path)
  else lane.omitted += 1
}

/** @returns whether it ended in that time */
async function within(ms: number, ended: Promise<unknown>): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), ms)
  void ended.then(() => resolve(true))
  const isOver = await promise
  clearTimeout(timer)
  return isOver
}
