/**
 * The hooks of a root on the agent: each runs once when every receiver that is live has committed what changed, and is
 * ready.
 *
 *   head ─ all receivers have it ─▶ paths of (handed, head] from the index ─ one matches ─▶ due ─ ran ─▶ told
 *
 * A receiver that has it later than the others makes them due again, and so does a resync that repaired something.
 * INVARIANT: `told` is in the root's index, and grows when a command has ended well, or when nothing concerned the hook.
 * The next life of the agent begins there: a run may be repeated, and is not lost. An index that is begun anew begins
 * with a first sync.
 */
import { HookRuns, type HookStatus, type Logger } from '@rootferry/host/daemon'
import { type HookReason, hookKeys, Refusal } from '@rootferry/host/machine'
import { PathFilter } from '@rootferry/protocol'
import type { AfterAllHook } from '../../config/after-all.ts'
import { decodeToldHooks, encodeToldHooks } from '../../told-hooks.ts'
import type { ResyncJob } from '../resync/resync-job.ts'
import type { RootThread } from '../root-thread.ts'
import { Latecomers } from './latecomers.ts'

export interface AfterAllParts {
  root: string
  path: string
  thread: Pick<RootThread, 'ask' | 'tell'>
  log: Logger
  /** How far receivers may be fed. */
  head(): number
  isReady(): boolean
  /** Whether every receiver that is worth waiting for has committed that. */
  isEverywhere(head: number): boolean
  /** Whether all of these say that they are ready: hooks of theirs, without which they are not, have run. */
  areReady(): boolean
  /** What each receiver that is connected has committed, after its first sync. */
  committed(): Iterable<readonly [receiver: string, sequence: number]>
  /** The status is another one. */
  changed(): void
}

interface Lane {
  hook: AfterAllHook
  key: string
  told: number
  /** Changes up to here were looked at in this life. */
  handed: number
  /** Changes up to here were told before, when a receiver did not have them. */
  repeatedTo: number
}

/** Time alone ends the waiting for a receiver that hangs. */
const LOOK_AGAIN_MS = 1_000
/** A receiver that is not ready for longer holds up no hook: its own may fail for ever. */
const MOST_UNREADY_MS = 60_000
/** How often the index learns of changes that concern no hook. */
const SAVE_MS = 10_000
/** The agent's own; what a hook writes is its own affair. */
const HOOK_UMASK = 0o077

export class AfterAll {
  readonly #parts: AfterAllParts
  #lanes: Lane[] = []
  #runs: HookRuns
  /** By key. */
  readonly #told = new Map<string, number>()
  readonly #late = new Latecomers()
  /** The index's head before the first scan of this life. */
  #openedAt: number | null = null
  /** The index's head after that scan: what is above it came in this life. */
  #scannedAt: number | null = null
  /** Since when receivers that have everything are not all ready. */
  #unreadySinceMs: number | null = null
  #isLooking = false
  #isClosed = false
  #timer: NodeJS.Timeout | null = null
  #saveTimer: NodeJS.Timeout | null = null

  constructor(parts: AfterAllParts) {
    this.#parts = parts
    this.#runs = this.#newRuns()
  }

  get status(): HookStatus[] {
    return this.#runs.status
  }

  /** The head of the index that was opened; later calls mean nothing. */
  opened(head: number): void {
    this.#openedAt ??= head
  }

  /** The head of the index after a scan of the whole root; later calls mean nothing. */
  scanned(head: number): void {
    this.#scannedAt ??= head
  }

  /** @param memory what an earlier life of the agent left in the index */
  begin(hooks: readonly AfterAllHook[], memory: string | null): void {
    for (const { key, sequence } of decodeToldHooks(memory)) this.#told.set(key, sequence)
    this.#take(hooks, this.#openedAt ?? 0)
  }

  /** Other settings: runs that are due stay due where the hook is the same. */
  async configure(hooks: readonly AfterAllHook[]): Promise<void> {
    if (JSON.stringify(hooks) === JSON.stringify(this.#lanes.map(({ hook }) => hook))) return
    await this.#runs.close()
    this.#take(hooks, this.#parts.head())
    this.look()
  }

  /** A receiver has committed, has come or gone, or the head is another one. */
  look(): void {
    if (this.#scannedAt === null || this.#isClosed || this.#isLooking || !this.#parts.isReady()) return
    const head = this.#parts.head()
    if (this.#lanes.every(({ handed }) => handed >= head)) return
    if (this.#parts.isEverywhere(head) && this.#isInUse()) void this.#hand(head)
    else this.#lookAgain()
  }

  /** A receiver is here, after its first sync, with everything up to that. */
  came(receiver: string, committed: number): void {
    const handed = Math.max(0, ...this.#lanes.map((lane) => lane.handed))
    this.#late.noted(receiver, committed, handed)
    this.#saveSoon()
  }

  /** A receiver has committed that. */
  confirmed(receiver: string, committed: number): void {
    const since = this.#late.confirmed(receiver, committed)
    if (since === null) return
    for (const lane of this.#lanes) {
      if (lane.handed <= since) continue
      lane.repeatedTo = Math.max(lane.repeatedTo, lane.handed)
      lane.handed = since
      lane.told = Math.min(lane.told, since)
    }
    this.look()
  }

  /** The receiver will not come again. */
  forget(receiver: string): void {
    this.#late.forget(receiver)
  }

  /** A receiver is being compared with the agent: when that is over, caches may hold what was repaired there. */
  compared({ figures, order }: ResyncJob): void {
    const { state, repaired, missing, changed, extraneous, differences } = figures
    if (state !== 'done' || repaired === 0 || order.dryRun) return
    const omitted = Math.max(0, missing + changed + extraneous - differences.length)
    for (const [position, { hook, handed }] of this.#lanes.entries()) {
      const filter = new PathFilter([...hook.match])
      const paths = differences.map(({ path }) => path).filter((path) => filter.excludesWithParents(path, 'file'))
      if (paths.length + omitted > 0)
        this.#runs.due({ hook: position, stamp: handed, reason: 'resync', paths, omitted })
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#runs.close()
    this.#save()
  }

  /** Visitors get what was committed. Before that, a cache that is purged would be filled with what is old. */
  #isInUse(): boolean {
    const now = performance.now()
    this.#unreadySinceMs = this.#parts.areReady() ? null : (this.#unreadySinceMs ?? now)
    return this.#unreadySinceMs === null || now - this.#unreadySinceMs > MOST_UNREADY_MS
  }

  /** @param since a hook that is new is told of changes after it */
  #take(hooks: readonly AfterAllHook[], since: number): void {
    const keys = hookKeys(hooks)
    this.#keep()
    this.#lanes = hooks.map((hook, position) => {
      const key = keys[position] ?? ''
      const told = this.#told.get(key) ?? since
      return { hook, key, told, handed: told, repeatedTo: 0 }
    })
    for (const key of this.#told.keys()) if (!keys.includes(key)) this.#told.delete(key)
    this.#runs = this.#newRuns()
    this.#save()
    this.#parts.changed()
  }

  #newRuns(): HookRuns {
    const { root, path, log, changed } = this.#parts
    const commands = this.#lanes.map(({ hook }) => hook)
    const runs: HookRuns = new HookRuns(
      commands,
      { root, path, umask: HOOK_UMASK },
      {
        changed,
        ran: (position, stamp) => {
          const lane = this.#lanes[position]
          if (lane === undefined || runs !== this.#runs) return
          lane.told = Math.max(lane.told, stamp)
          this.#save()
        },
      },
      log,
    )
    return runs
  }

  async #hand(head: number): Promise<void> {
    this.#isLooking = true
    try {
      for (const [position, lane] of this.#lanes.entries()) await this.#handTo(lane, position, head)
    } catch (error) {
      if (!(error instanceof Refusal)) this.#parts.log.error({ err: error }, 'the changes for hooks cannot be read')
      this.#lookAgain()
    } finally {
      this.#isLooking = false
    }
    this.look()
  }

  async #handTo(lane: Lane, position: number, head: number): Promise<void> {
    const { hook } = lane
    const scannedAt = this.#scannedAt ?? 0
    // A hook that was never told of anything came with the index.
    const isFirstSync = lane.handed === 0
    const after = isFirstSync && !hook.onFirstSync ? scannedAt : lane.handed
    if (after < head) {
      const isNew = after >= Math.max(scannedAt, lane.repeatedTo)
      const reason: HookReason = isNew ? 'change' : isFirstSync ? 'first-sync' : 'replay'
      const { paths, omitted } = await this.#parts.thread.ask('changed', { after, to: head, match: [...hook.match] })
      // The settings may be others by now.
      if (this.#lanes[position] !== lane) return
      if (paths.length > 0) this.#runs.due({ hook: position, stamp: head, reason, paths, omitted })
    }
    lane.handed = head
    for (const [receiver, committed] of this.#parts.committed()) this.#late.noted(receiver, committed, head)
    if (this.#runs.status[position]?.isDue === true) return
    lane.told = head
    this.#saveSoon()
  }

  #lookAgain(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.look()
    }, LOOK_AGAIN_MS)
  }

  #keep(): void {
    for (const { key, told } of this.#lanes) this.#told.set(key, told)
  }

  #saveSoon(): void {
    this.#saveTimer ??= setTimeout(() => this.#save(), SAVE_MS)
  }

  #save(): void {
    if (this.#saveTimer !== null) clearTimeout(this.#saveTimer)
    this.#saveTimer = null
    this.#keep()
    const atMs = Date.now()
    const { floor } = this.#late
    const kept = this.#lanes.map(({ key, told }) => ({ key, sequence: Math.min(told, floor), atMs }))
    this.#parts.thread.tell({ type: 'remember', key: 'hooks', text: encodeToldHooks(kept) })
  }
}
