/**
 * One root's thread: watcher → coalescer → scanner → index, and packing for whoever asks.
 *
 *   unavailable ──root appears──▶ scanning ──first scan done──▶ ready
 *        ▲────────────────────root is gone or another────────────┘
 *
 * Scans run one at a time and give way between directories; packing happens in between. This file owns the timers and
 * decides nothing about files: that is the scanner's, and the packer's.
 */

import { randomBytes } from 'node:crypto'
import { statfsSync, statSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Accounts, ConfinedDirectories, collectGarbage, errorMessage } from '@rootferry/host'
import { type Hello, PathFilter, ROOT_PATH, type Welcome } from '@rootferry/protocol'
import PQueue from 'p-queue'
import { answerList } from './feed/listing.ts'
import { Packer } from './feed/packer.ts'
import { decideStart } from './feed/start-decision.ts'
import type { FromRoot, LogLevel, RootOptions, RootRequest, RootStatus, ToRoot } from './root-messages.ts'
import { Timers } from './timers.ts'
import { chooseBackend, createWatcher, MOST_CHOKIDAR_ENTRIES } from './tree/choose-watcher.ts'
import { Coalescer } from './tree/coalesce.ts'
import { digestFile, type ReadFault } from './tree/content-reader.ts'
import { countEntries } from './tree/count-entries.ts'
import type { EntryIndex } from './tree/entry-index.ts'
import { observe } from './tree/observe.ts'
import { type Problem, Problems } from './tree/problems.ts'
import { Retries } from './tree/retries.ts'
import { closeRootIndex, openRootIndex } from './tree/root-index.ts'
import { Scanner } from './tree/scanner.ts'
import type { Hint, Watcher } from './tree/watcher.ts'

const SLICE_MS = 10
const ROOT_CHECK_MS = 1_000
const POLL_MS = 1_000
const DEGRADED_RESCAN_MS = 30_000
const STATUS_MS = 250
const IDLE_FLUSH_MS = 200
const PURGE_MS = 600_000
/** Work that leaves enough garbage behind to be worth a collection, and the rest it waits for. */
const BULK_BYTES = 64 * 1024 * 1024
const REST_MS = 2_000
/** A receiver that was not heard of for this long no longer keeps tombstones alive: it will have to compare. */
const FORGOTTEN_MS = 7 * 24 * 3_600_000
const WHOLE_TREE: Hint = { path: ROOT_PATH, extent: 'subtree' }

type State = Pick<RootStatus, 'state' | 'reason'>

export class RootService {
  readonly #options: RootOptions
  readonly #post: (message: FromRoot, transfer?: ArrayBuffer[]) => void
  readonly #index: EntryIndex
  readonly #problems = new Problems()
  readonly #retries = new Retries()
  readonly #accounts = new Accounts()
  readonly #scans = new PQueue({ concurrency: 1 })
  readonly #digests = new PQueue({ concurrency: 1 })
  readonly #timers = new Timers()
  readonly #firstScan = Promise.withResolvers<void>()
  #coalescer: Coalescer
  #tree: OpenTree | null = null
  #state: State = { state: 'scanning', reason: null }
  #degraded: string | null = null
  #overflows = 0
  #bulkBytes = 0
  #lastScanMs = 0
  #firstHintMs: number | null = null
  #closing = false

  constructor(options: RootOptions, post: (message: FromRoot, transfer?: ArrayBuffer[]) => void) {
    this.#options = options
    this.#post = post
    this.#coalescer = new Coalescer(options.watch)
    const { index, remark } = openRootIndex(options.stateDir, () => randomBytes(12).toString('base64url'), Date.now())
    this.#index = index
    if (remark !== null) this.#log('warn', remark)
  }

  start(): void {
    this.#post({ type: 'advanced', head: this.#index.head, seenMs: Date.now() })
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
        return
      case 'watermark':
        this.#index.saveWatermark(message.receiver, message.committed, message.durable, Date.now())
        return
      case 'forget':
        this.#index.forgetReceiver(message.receiver)
        return
      case 'reconfigure':
        this.#options.exclude = message.exclude
        this.#options.watch = message.watch
        this.#coalescer = new Coalescer(message.watch)
        await this.#closeTree()
        await this.#checkRoot()
        return
      case 'rescan':
        this.#hint(WHOLE_TREE)
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
      this.#post({ type: 'refusal', id: request.id, message: errorMessage(error) })
      if (!(error instanceof RangeError))
        this.#log('error', 'request failed', { request: request.type, error: describe(error) })
    }
  }

  #work(request: RootRequest) {
    if (request.type === 'greet') return this.#greet(request.hello, request.receiver)
    if (request.type === 'watermarks') return this.#index.watermarks()
    const tree = this.#tree
    if (tree === null) throw new RangeError(this.#state.reason ?? 'the root is not available')
    switch (request.type) {
      case 'plan':
        return tree.packer.planChangeset(request.from)
      case 'repair':
        return tree.packer.planRepair(request.request, request.paths)
      case 'pack':
        return this.#pack(tree, request)
      case 'list':
        return answerList(request.list, { ...this.#reading(tree.directories), index: this.#index })
    }
  }

  async #pack(tree: OpenTree, request: Extract<RootRequest, { type: 'pack' }>) {
    const packed = await tree.packer.pack(request.plan, request.segment, request.compress)
    if (tree.packer.hasLearnt) this.#timers.after('flush', IDLE_FLUSH_MS, () => this.#tree?.packer.flushDigests())
    this.#bulkBytes += packed.payload.byteLength
    if (this.#bulkBytes > BULK_BYTES) this.#timers.after('rest', REST_MS, () => this.#rest())
    return packed
  }

  async #greet(hello: Hello, receiver: string): Promise<Welcome> {
    let decision = decideStart(hello, this.#index)
    if (decision.start === 'resync') {
      if (this.#state.state === 'unavailable') throw new RangeError(this.#state.reason ?? 'the root is not available')
      await this.#firstScan.promise
      decision = decideStart(hello, this.#index)
    }
    // From now on tombstones are kept for it.
    const durable = decision.start === 'resync' ? decision.sequence : Math.min(hello.durable, decision.sequence)
    this.#index.saveWatermark(receiver, decision.sequence, durable, Date.now())
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
      if (this.#tree === null) await this.#openTree()
    } catch (error) {
      await this.#closeTree()
      const reason = `${this.#options.path}: ${errorMessage(error)}`
      if (this.#state.reason !== reason) this.#log('error', 'root is unavailable', { reason })
      this.#setState({ state: 'unavailable', reason })
    }
    this.#timers.after('root', ROOT_CHECK_MS, () => void this.#checkRoot())
  }

  async #openTree(): Promise<void> {
    const { path, watch, exclude } = this.#options
    this.#setState({ state: 'scanning', reason: null })
    const directories = new ConfinedDirectories(path)
    const filter = new PathFilter(exclude)
    const known = this.#index.totals.files + this.#index.totals.directories
    const entries = known > 0 ? known : countEntries(path, MOST_CHOKIDAR_ENTRIES + 1)
    const backend = chooseBackend(watch.backend, entries, statfsSync(path).type)
    const watcher = createWatcher(
      backend,
      { rootPath: path, filter, pollMs: POLL_MS },
      {
        hint: (hint) => this.#hint(hint),
        overflow: (reason) => this.#overflow(reason),
        degraded: (reason) => this.#setDegraded(reason),
        error: (error) => this.#log('warn', 'watching', { error: errorMessage(error) }),
      },
    )
    const scanner = new Scanner({
      directories,
      index: this.#index,
      filter,
      problems: this.#problems,
      nowMs: Date.now,
      events: {
        directoryFound: (found, location) => watcher.directoryFound(found, location),
        directoryGone: (gone) => watcher.directoryGone(gone),
        largeSuspect: (suspect) => void this.#digests.add(() => this.#settleLarge(suspect)),
        problem: (problem) => this.#noteProblem(problem),
      },
    })
    const packer = new Packer({
      ...this.#reading(directories),
      index: this.#index,
      events: {
        stale: (stale) => this.#hint({ path: stale, extent: 'entry' }),
        deferred: (deferred, fault, message) => this.#retry(deferred, fault, message),
      },
    })
    this.#tree = { directories, watcher, scanner, packer }
    if (backend === 'directory') await watcher.start()
    this.#enqueueScan([WHOLE_TREE, ...this.#index.deferred().map((late): Hint => ({ path: late, extent: 'entry' }))])
    void this.#scans.onIdle().then(() => this.#finishFirstScan())
    if (backend !== 'directory') {
      await watcher.start()
      // What changed between the scan and the first hint is found by another scan.
      if (this.#tree?.watcher === watcher) this.#enqueueScan([WHOLE_TREE])
    }
    this.#rescanLater()
  }

  #finishFirstScan(): void {
    if (this.#state.state !== 'scanning' || this.#tree === null) return
    this.#setState({ state: 'ready', reason: null })
    this.#log('info', 'root is ready', {
      ...this.#index.totals,
      sequence: this.#index.head,
      backend: this.#tree.watcher.backend,
      ms: this.#lastScanMs,
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
    tree.packer.flushDigests()
    await tree.watcher.close()
    await this.#scans.onIdle()
    await this.#digests.onIdle()
    tree.directories[Symbol.dispose]()
  }

  #reading(directories: ConfinedDirectories) {
    return { directories, accounts: this.#accounts, nowMs: Date.now, pause: () => nextTurn() }
  }

  #hint(hint: Hint): void {
    const now = Date.now()
    this.#firstHintMs ??= now
    this.#coalescer.add(hint, now)
    const dueAt = this.#coalescer.dueAt()
    if (dueAt !== null && !this.#timers.has('batch')) this.#timers.after('batch', dueAt - now, () => this.#takeBatch())
  }

  #takeBatch(): void {
    const now = Date.now()
    const batch = this.#coalescer.take(now)
    if (batch.length > 0) this.#enqueueScan(batch)
    const dueAt = this.#coalescer.dueAt()
    if (dueAt !== null) this.#timers.after('batch', dueAt - now, () => this.#takeBatch())
  }

  #enqueueScan(hints: Hint[]): void {
    const seenMs = this.#firstHintMs ?? Date.now()
    this.#firstHintMs = null
    void this.#scans.add(() => this.#runScan(hints, seenMs))
  }

  async #runScan(hints: Hint[], seenMs: number): Promise<void> {
    const tree = this.#tree
    if (tree === null) return
    const began = performance.now()
    let head = this.#index.head
    let sliceBegan = began
    const steps = tree.scanner.scan(hints)
    for (let step = steps.next(); step.done !== true; step = steps.next()) {
      if (performance.now() - sliceBegan < SLICE_MS) continue
      if (this.#index.head > head) head = this.#announce(seenMs)
      await nextTurn()
      sliceBegan = performance.now()
      if (this.#tree !== tree) return
    }
    this.#lastScanMs = performance.now() - began
    if (this.#index.head > head) this.#announce(seenMs)
    this.#statusSoon()
  }

  #announce(seenMs: number): number {
    this.#post({ type: 'advanced', head: this.#index.head, seenMs })
    this.#statusSoon()
    return this.#index.head
  }

  async #settleLarge(path: string): Promise<void> {
    const tree = this.#tree
    if (tree === null) return
    let location: string
    try {
      location = tree.directories.locate(path)
    } catch {
      // A directory above it is gone: its own hint is under way.
      return
    }
    const read = await digestFile(location, () => nextTurn())
    if (read.fault !== null) return this.#retry(path, read.fault, '')
    const look = observe(read.stats, null, Date.now())
    await this.#scans.add(() => {
      if (this.#tree !== tree || look.found !== 'entry') return
      const head = this.#index.head
      tree.scanner.settle(path, look.observation, read.digest)
      if (this.#index.head > head) this.#announce(Date.now())
    })
  }

  #retry(path: string, fault: ReadFault['fault'], message: string): void {
    const delayMs = this.#retries.delayAfter(path, fault, Date.now())
    if (delayMs === null) this.#noteProblem({ path, code: 'unreadable', message }, true)
    else if (delayMs === 0) this.#hint({ path, extent: 'entry' })
    else this.#timers.after(`retry ${path}`, delayMs, () => this.#hint({ path, extent: 'entry' }))
  }

  #noteProblem(problem: Problem, isNew = false): void {
    if (isNew && !this.#problems.add(problem)) return
    this.#log('warn', 'path can not be synchronized', { ...problem })
    this.#statusSoon()
  }

  #overflow(reason: string): void {
    this.#overflows += 1
    this.#log('warn', 'hints may have been lost, scanning', { reason })
    this.#hint(WHOLE_TREE)
  }

  #setDegraded(reason: string | null): void {
    if (this.#degraded === reason) return
    this.#degraded = reason
    if (reason === null) this.#log('info', 'watching is whole again')
    else this.#log('error', 'watching is degraded, scanning often instead', { reason })
    this.#rescanLater()
    this.#statusSoon()
  }

  #rest(): void {
    this.#bulkBytes = 0
    collectGarbage()
    this.#post({ type: 'rested' })
  }

  #rescanLater(): void {
    const periodMs = this.#degraded === null ? this.#options.watch.rescanMinutes * 60_000 : DEGRADED_RESCAN_MS
    this.#timers.after('rescan', periodMs, () => {
      this.#hint(WHOLE_TREE)
      this.#rescanLater()
    })
  }

  #purge(): void {
    const known = this.#index.watermarks().filter(({ seen }) => Date.now() - seen < FORGOTTEN_MS)
    this.#index.dropTombstones(Math.min(this.#index.head, ...known.map(({ durable }) => durable)))
  }

  #setState(state: State): void {
    this.#state = state
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
        lastScanMs: this.#lastScanMs,
      },
    })
  }

  #log(level: LogLevel, message: string, details: Record<string, unknown> = {}): void {
    this.#post({ type: 'log', level, message, details })
  }
}

/** All that stands and falls with one opening of the docroot. */
interface OpenTree {
  directories: ConfinedDirectories
  watcher: Watcher
  scanner: Scanner
  packer: Packer
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
