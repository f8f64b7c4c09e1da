/**
 * One root's thread: watcher → coalescer → scanner → index, and packing for whoever asks.
 *
 *   unavailable ──root appears──▶ scanning ──a whole scan passes the guard──▶ ready
 *                                   │ ▲                                        │
 *              the guard says halt  ▼ └─ accepted, or the root came back       │
 *                                 halted ◀──────── root gone or replaced ──────┘
 *
 * A halted root feeds nothing: its index stays as it is, receivers stay connected where they are, and what they ask
 * for waits. `unavailable` is a root that is not there and never was. This file decides nothing about files: that is
 * the scanner's, the guard's and the packer's.
 */

import { randomBytes } from 'node:crypto'
import { type Stats, statSync } from 'node:fs'
import { Accounts, bootId, collectGarbage, errorMessage, plainMessage, Refusal } from '@rootferry/host/machine'
import type { Hello, Welcome } from '@rootferry/protocol'
import type {
  FromRoot,
  GuardAnswer,
  LogLevel,
  PathProblem,
  RootOptions,
  RootRequest,
  RootStatus,
  ToRoot,
} from '../root-messages.ts'
import { answerList } from './answer/listing.ts'
import { decideStart } from './answer/start-decision.ts'
import type { EntryIndex } from './index/entry-index.ts'
import { closeRootIndex, openRootIndex } from './index/root-index.ts'
import { closeRoot, type OpenedRoot, openRoot } from './opened-root.ts'
import { PathProblems } from './scan/path-problems.ts'
import { formatIdentity, parseIdentity, type RootIdentity, replacement } from './scan/root-identity.ts'
import { livingEntries, ScanQueue, WHOLE_TREE } from './scan/scan-queue.ts'
import { Timers } from './timers.ts'
import type { Hint } from './watch/watcher.ts'

const ROOT_CHECK_MS = 1_000
const DEGRADED_RESCAN_MS = 30_000
const STATUS_MS = 250
const IDLE_FLUSH_MS = 200
const PURGE_MS = 600_000
/** Work that leaves enough garbage behind to be worth a collection, and the rest it waits for. */
const BULK_BYTES = 2 * 1024 * 1024
const REST_MS = 2_000
/** A receiver that was not heard of for this long no longer keeps tombstones alive: it will have to compare. */
const FORGOTTEN_MS = 7 * 24 * 3_600_000

/** In the index's notes: which directory it describes. */
const IDENTITY = 'root'

type State = Pick<RootStatus, 'state' | 'reason'>

export class RootService {
  readonly #options: RootOptions
  readonly #post: (message: FromRoot, transfer?: ArrayBuffer[]) => void
  readonly #index: EntryIndex
  readonly #problems = new PathProblems((problem) => this.#showProblem(problem))
  readonly #accounts = new Accounts()
  readonly #timers = new Timers()
  readonly #scans: ScanQueue
  readonly #firstScan = Promise.withResolvers<void>()
  #tree: OpenedRoot | null = null
  #state: State = { state: 'scanning', reason: null }
  #degraded: string | null = null
  #overflows = 0
  #bulkBytes = 0
  /** Of the tree that is open. */
  #identity: RootIdentity | null = null
  #isMissing = false
  #isReplacementAccepted = false
  /** Settled when the root is no longer halted. */
  #released = Promise.withResolvers<void>()
  #closing = false

  constructor(options: RootOptions, post: (message: FromRoot, transfer?: ArrayBuffer[]) => void) {
    this.#options = options
    this.#post = post
    const { index, remark } = openRootIndex(options.stateDir, () => randomBytes(12).toString('base64url'), Date.now())
    this.#index = index
    this.#scans = new ScanQueue(index, this.#timers, this.#problems, options, {
      advanced: (seenMs) => this.#advanced(seenMs),
      scanned: (tookMs) => {
        this.#post({ type: 'scanned', tookMs })
        this.#statusSoon()
      },
      passed: (tookMs) => this.#passed(tookMs),
      halted: (reason) => this.#halt(reason),
    })
    if (remark !== null) this.#log('warn', remark)
  }

  start(): void {
    this.#advanced(Date.now())
    void this.#checkRoot()
    this.#timers.every('purge', PURGE_MS, () => this.#purge())
  }

  async handle(message: ToRoot): Promise<void> {
    switch (message.type) {
      case 'release':
        this.#tree?.packer.release(message.plan)
        return
      case 'recycle':
        this.#tree?.packer.recycle(message.memory)
        this.#trimLater()
        return
      case 'watermark':
        this.#index.memory.saveWatermark(message.receiver, message.committed, message.durable, Date.now())
        return
      case 'remember':
        this.#index.memory.setNote(message.key, message.text)
        return
      case 'forget':
        this.#index.memory.forgetReceiver(message.receiver)
        return
      case 'reconfigure':
        this.#options.exclude = message.exclude
        this.#options.watch = message.watch
        this.#options.guard = message.guard
        this.#scans.configure(message)
        await this.#closeTree()
        await this.#checkRoot()
        return
      case 'close':
        return await this.close()
      default:
        return await this.#answer(message)
    }
  }

  async close(): Promise<void> {
    this.#closing = true
    this.#timers.close()
    await this.#closeTree()
    closeRootIndex(this.#index)
    this.#post({ type: 'closed' })
  }

  async #answer(request: RootRequest): Promise<void> {
    try {
      const value = await this.#work(request)
      const payload = typeof value === 'object' && 'payload' in value ? value.payload.buffer : null
      this.#post(
        { type: 'answer', id: request.id, value },
        payload === null || payload.byteLength === 0 ? [] : [payload],
      )
    } catch (error) {
      const { id } = request
      if (error instanceof Refusal) return this.#post({ type: 'refusal', id, message: error.message })
      this.#post({ type: 'fault', id, message: errorMessage(error), stack: describe(error) })
    }
  }

  async #work(request: RootRequest) {
    if (request.type === 'greet') return this.#greet(request.hello, request.receiver)
    if (request.type === 'accept-guard') return this.#acceptGuard()
    if (request.type === 'memory') {
      const [headTimes, resyncs] = [this.#index.memory.note('head-times'), this.#index.memory.note('resyncs')]
      return { watermarks: this.#index.memory.watermarks(), headTimes, resyncs }
    }
    while (this.#state.state === 'halted') await this.#released.promise
    const tree = this.#tree
    if (tree === null) throw new Refusal(this.#state.reason ?? 'the root is not available')
    switch (request.type) {
      case 'plan':
        return tree.packer.planChangeset(request.from)
      case 'repair':
        return tree.packer.planRepair(request.request, request.paths)
      case 'pack':
        return this.#pack(tree, request)
      case 'list':
        return this.#list(tree, request)
      case 'rescan':
        return this.#rescan(request)
    }
  }

  async #list(tree: OpenedRoot, { list, at }: Extract<RootRequest, { type: 'list' }>) {
    tree.packer.flushLearnt()
    const { head } = this.#index
    // A receiver that is not at the head is told what there is now, and nothing of what it missed.
    if (at === null) this.#index.noteCut()
    if (at !== null && at !== head) return { head, listing: null }
    const { directories, turn } = tree
    const parts = { directories, turn, index: this.#index, accounts: this.#accounts, nowMs: Date.now }
    const isDoubted = (path: string) => this.#scans.isDoubted(path)
    return { head, listing: await answerList(list, { ...parts, isDoubted }) }
  }

  async #rescan({ within, content }: Extract<RootRequest, { type: 'rescan' }>) {
    await this.#firstScan.promise
    // A root that is back from a halt is being scanned: this waits its turn behind that.
    await this.#scans.rescan(within.map((path): Hint => ({ path, extent: 'subtree' })))
    if (this.#state.state !== 'ready') throw new Refusal(this.#state.reason ?? 'the root is not ready')
    if (content) for (const path of within) await this.#scans.readAgain(path)
    return { head: this.#index.head }
  }

  async #pack(tree: OpenedRoot, request: Extract<RootRequest, { type: 'pack' }>) {
    const packed = await tree.packer.pack(request.plan, request.segment, request.compress)
    if (tree.packer.hasLearnt) this.#timers.after('flush', IDLE_FLUSH_MS, () => this.#tree?.packer.flushLearnt())
    this.#trimLater()
    this.#bulkBytes += packed.header.length + packed.payload.byteLength
    if (this.#bulkBytes > BULK_BYTES) this.#timers.after('rest', REST_MS, () => this.#rest())
    return packed
  }

  async #greet(hello: Hello, receiver: string): Promise<Welcome> {
    let decision = decideStart(hello, this.#index)
    if (decision.start === 'resync') {
      if (this.#state.state === 'unavailable') throw new Refusal(this.#state.reason ?? 'the root is not available')
      await this.#firstScan.promise
      decision = decideStart(hello, this.#index)
    }
    // From now on tombstones are kept for it.
    const durable = decision.start === 'resync' ? decision.sequence : Math.min(hello.durable, decision.sequence)
    this.#index.memory.saveWatermark(receiver, decision.sequence, durable, Date.now())
    const { files, directories, symlinks, bytes } = this.#index.totals
    return {
      type: 'welcome',
      software: this.#options.software,
      epoch: this.#index.epoch,
      term: this.#index.term,
      head: this.#index.head,
      ...decision,
      total: { entries: files + directories + symlinks, bytes },
      filter: [...this.#options.exclude],
    }
  }

  /** Opens the tree when the root is there, closes it when it is not, or is another one than before. */
  async #checkRoot(): Promise<void> {
    if (this.#closing) return
    try {
      const found = statSync(this.#options.path)
      const held = this.#tree?.directories.rootStatus()
      if (held !== undefined && (held.ino !== found.ino || held.dev !== found.dev)) await this.#closeTree()
      if (!found.isDirectory()) throw new Error('is no directory')
      if (this.#tree === null) await this.#openIfKnown(this.#identityOf(found))
      else await this.#checkBorders(this.#tree)
    } catch (error) {
      await this.#closeTree()
      this.#missing(`${this.#options.path}: ${plainMessage(error)}`)
    }
    this.#timers.after('root', ROOT_CHECK_MS, () => void this.#checkRoot())
  }

  /** Nothing else tells of a filesystem that is unmounted below the root, or mounted again. */
  async #checkBorders({ borders }: OpenedRoot): Promise<void> {
    const isGone = this.#state.state === 'ready' && borders.missing() !== null
    if (isGone || borders.isBack()) await this.#scans.scan([WHOLE_TREE])
  }

  #missing(reason: string): void {
    this.#isMissing = true
    if (livingEntries(this.#index) > 0) return this.#halt(reason)
    if (this.#state.reason !== reason) this.#log('error', 'root is unavailable', { reason })
    this.#setState({ state: 'unavailable', reason })
  }

  async #openIfKnown(found: RootIdentity): Promise<void> {
    this.#isMissing = false
    const known = parseIdentity(this.#index.memory.note(IDENTITY))
    const fault = known === null || livingEntries(this.#index) === 0 ? null : replacement(known, found)
    if (fault !== null && !this.#isReplacementAccepted) return this.#halt(fault)
    this.#isReplacementAccepted = false
    await this.#openTree(found)
  }

  #identityOf({ dev, ino }: Stats): RootIdentity {
    return { path: this.#options.path, device: dev, inode: ino, boot: bootId() }
  }

  #halt(reason: string): void {
    if (this.#state.reason === reason) return
    this.#log('error', 'root is halted: nothing is sent until it is back as it was, or accepted', { reason })
    this.#setState({ state: 'halted', reason })
  }

  #acceptGuard(): GuardAnswer {
    if (this.#state.state !== 'halted') return 'not-halted'
    if (this.#isMissing) return 'root-missing'
    this.#log('warn', 'an operator accepted the root as it is', { reason: this.#state.reason })
    this.#scans.accept()
    if (this.#tree !== null) {
      this.#setState({ state: 'scanning', reason: null })
      void this.#scans.scan([WHOLE_TREE])
    } else {
      this.#isReplacementAccepted = true
      void this.#checkRoot()
    }
    return 'accepted'
  }

  async #openTree(identity: RootIdentity): Promise<void> {
    const tree = openRoot(this.#options, {
      index: this.#index,
      problems: this.#problems,
      accounts: this.#accounts,
      scans: this.#scans,
      warn: (message, details) => this.#log('warn', message, details),
      watching: {
        overflow: (reason) => this.#overflow(reason),
        degraded: (reason) => this.#setDegraded(reason),
        error: (error) => this.#log('warn', 'watching', { error: errorMessage(error) }),
      },
    })
    const { watcher } = tree
    this.#tree = tree
    this.#identity = identity
    this.#setState({ state: 'scanning', reason: null })
    this.#scans.use(tree)
    if (watcher.backend === 'directory') await watcher.start()
    const late = this.#index.deferred().map((path): Hint => ({ path, extent: 'entry' }))
    void this.#scans.scan([WHOLE_TREE, ...late])
    if (watcher.backend !== 'directory') {
      await watcher.start()
      // What changed between the scan and the first hint is found by another scan.
      if (this.#tree === tree) void this.#scans.scan([WHOLE_TREE])
    }
    this.#rescanLater()
  }

  #passed(tookMs: number): void {
    if (this.#tree === null || this.#identity === null || this.#state.state === 'ready') return
    this.#index.memory.setNote(IDENTITY, formatIdentity(this.#identity))
    this.#setState({ state: 'ready', reason: null })
    this.#log('info', 'root is ready', {
      ...this.#index.totals,
      sequence: this.#index.head,
      backend: this.#tree.watcher.backend,
      ms: Math.round(tookMs),
    })
    this.#firstScan.resolve()
    this.#timers.after('rest', REST_MS, () => this.#rest())
  }

  async #closeTree(): Promise<void> {
    const tree = this.#tree
    if (tree === null) return
    this.#tree = null
    // What was welcomed to the old tree, with its filter, has to say hello again.
    this.#post({ type: 'interrupted' })
    this.#scans.use(null)
    await closeRoot(tree, () => this.#scans.idle())
  }

  #advanced(seenMs: number): void {
    this.#post({ type: 'advanced', head: this.#index.head, seenMs })
    this.#statusSoon()
  }

  #showProblem(problem: PathProblem): void {
    this.#log('warn', 'path cannot be synchronized', { ...problem })
    this.#statusSoon()
  }

  #overflow(reason: string): void {
    this.#overflows += 1
    this.#log('warn', 'hints may have been lost, scanning', { reason })
    this.#scans.hint(WHOLE_TREE)
  }

  #setDegraded(reason: string | null): void {
    if (this.#degraded === reason) return
    this.#degraded = reason
    if (reason === null) this.#log('info', 'the whole root is watched again')
    else this.#log('error', 'watching is degraded, scanning often instead', { reason })
    this.#rescanLater()
    this.#statusSoon()
  }

  /** As long as segments keep memory, whether the root rests or not. */
  #trimLater(): void {
    if (this.#timers.has('trim')) return
    this.#timers.after('trim', REST_MS, () => {
      if (this.#tree?.packer.trim() === true) this.#trimLater()
    })
  }

  #rest(): void {
    this.#bulkBytes = 0
    this.#tree?.packer.trim()
    collectGarbage()
    this.#post({ type: 'rested' })
  }

  #rescanLater(): void {
    const periodMs = this.#degraded === null ? this.#options.watch.rescanMinutes * 60_000 : DEGRADED_RESCAN_MS
    this.#timers.after('rescan', periodMs, () => {
      this.#scans.hint(WHOLE_TREE)
      this.#rescanLater()
    })
  }

  #purge(): void {
    const known = this.#index.memory.watermarks().filter(({ seen }) => Date.now() - seen < FORGOTTEN_MS)
    this.#index.dropTombstones(Math.min(this.#index.head, ...known.map(({ durable }) => durable)))
  }

  #setState(state: State): void {
    const isReleased = this.#state.state === 'halted' && state.state !== 'halted'
    if (isReleased) this.#log('info', 'root is no longer halted', { was: this.#state.reason })
    this.#state = state
    if (isReleased) {
      this.#released.resolve()
      this.#released = Promise.withResolvers()
    }
    this.#sendStatus()
  }

  #statusSoon(): void {
    if (!this.#timers.has('status')) this.#timers.after('status', STATUS_MS, () => this.#sendStatus())
  }

  #sendStatus(): void {
    this.#post({
      type: 'status',
      status: {
        name: this.#options.name,
        epoch: this.#index.epoch,
        sequence: this.#index.head,
        ...this.#state,
        totals: { ...this.#index.totals },
        watch: { backend: this.#tree?.watcher.backend ?? null, degraded: this.#degraded },
        problems: this.#problems.list().slice(0, 100),
        problemCount: this.#problems.count,
        overflows: this.#overflows,
      },
    })
  }

  #log(level: LogLevel, message: string, details: Record<string, unknown> = {}): void {
    this.#post({ type: 'log', level, message, details })
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
