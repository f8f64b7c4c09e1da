/**
 * Answers the main thread's requests to a root: where a receiver begins, plans and segments, listings, and scans on
 * demand. While the root is halted or held, requests for content wait; root-life.ts decides about the root's state,
 * and holding.ts about what a held root still answers.
 */
import { isDeepStrictEqual } from 'node:util'
import { type Accounts, printable, Refusal } from '@rootferry/host/machine'
import { type Hello, LIMITS, NOTHING_PRESERVED } from '@rootferry/protocol'
import { BOUNDS } from '../bounds.ts'
import type { RootOptions, RootRequest, RootRequests } from '../root-messages.ts'
import { changedPaths } from './answer/changed-paths.ts'
import { answerExpand } from './answer/expansion.ts'
import { answerList } from './answer/listing.ts'
import { recentChanges } from './answer/recent-changes.ts'
import { decideStart, preparedOf, roundToComplete } from './answer/start-decision.ts'
import { answerSummarize } from './answer/summary.ts'
import { weighed } from './answer/weighed.ts'
import type { RootHold } from './hold/root-hold.ts'
import type { EntryIndex } from './index/entry-index.ts'
import type { OpenedRoot } from './opened-root.ts'
import { type RootLife, statusOf } from './root-life.ts'
import type { RootReport } from './root-report.ts'
import { IDENTITY } from './scan/root-identity.ts'
import type { ScanQueue } from './scan/scan-queue.ts'
import type { Upkeep } from './upkeep.ts'
import type { Hint } from './watch/watcher.ts'

export interface RequestAnswersParts {
  options: RootOptions
  index: EntryIndex
  accounts: Accounts
  scans: ScanQueue
  hold: RootHold
  upkeep: Upkeep
  life: () => RootLife
  opened: () => OpenedRoot | null
  report: () => RootReport
}

/** Paths of a changeset that a log line names. */
const MOST_NAMED = 1_000

export class RequestAnswers {
  readonly #parts: RequestAnswersParts
  readonly #firstScan = Promise.withResolvers<void>()
  #released = Promise.withResolvers<void>()

  constructor(parts: RequestAnswersParts) {
    this.#parts = parts
  }

  /** A scan of the whole tree was recorded: the index is complete. */
  scanned(): void {
    this.#firstScan.resolve()
  }

  /** The root is not halted, or not held, any more. */
  release(): void {
    this.#released.resolve()
    this.#released = Promise.withResolvers()
  }

  /** @throws Refusal when the root is not available, or was closed or opened anew meanwhile */
  async answer(request: Exclude<RootRequest, { type: 'accept-guard' }>) {
    const { hold, opened } = this.#parts
    if (request.type === 'greet') return this.#greet(request.hello, request.receiver)
    if (request.type === 'memory') return this.#memory()
    if (request.type === 'alive') return { isAlive: true }
    const reading = { index: this.#parts.index, turn: opened()?.turn ?? null }
    if (request.type === 'changed') return changedPaths(request, reading)
    if (request.type === 'recent') return recentChanges(request, reading)
    if (request.type === 'weigh') return weighed(request, this.#parts.index)
    if (request.type === 'hold') return hold.hold(request)
    if (request.type === 'end-hold') return hold.release(request)
    if (request.type === 'end-round') return hold.endRound(request.to, request.goes)
    if (request.type === 'overtake') return this.#overtake(request)
    await this.#open(request)
    const root = opened()
    if (root === null) throw this.#refusal('the root is not available')
    switch (request.type) {
      case 'plan':
        return this.#plan(root, request)
      case 'repair':
        return root.packer.planRepair(request.request, request.paths)
      case 'lay-out':
        return root.packer.layOut(request.plan)
      case 'pack':
        return this.#pack(root, request)
      case 'list':
        return this.#list(root, request)
      case 'rescan':
        return this.#rescan(request)
    }
  }

  /** Resolves when the request may be answered. */
  async #open(request: RootRequest): Promise<void> {
    const { life, hold } = this.#parts
    hold.look()
    if (hold.isStale(request)) throw new Refusal('the round is over')
    while (life().at === 'halted' || (life().at !== 'closed' && hold.blocks(request))) await this.#released.promise
  }

  #memory() {
    const { memory } = this.#parts.index
    return {
      watermarks: memory.watermarks(),
      headTimes: memory.note('head-times'),
      resyncs: memory.note('resyncs'),
      hooks: memory.note('hooks'),
    }
  }

  async #greet(hello: Hello, receiver: string): Promise<RootRequests['greet']['answers']> {
    const { index, options, life, hold } = this.#parts
    let decision = decideStart(hello, index)
    // Of an index that has never described the whole tree a receiver would take a part for all of it, and be ready.
    const isPartial = index.memory.note(IDENTITY) === null
    if (decision.start === 'resync' || isPartial) {
      if (life().at === 'unavailable') throw this.#refusal('the root is not available')
      await this.#firstScan.promise
      decision = decideStart(hello, index)
    }
    // From now on tombstones are kept for this receiver.
    const { start, sequence } = decision
    const durable = start === 'resync' ? sequence : Math.min(hello.durable, sequence)
    const isHeld = start === 'replay' && hello.epoch === index.epoch && hello.sequence === sequence
    const whole = isHeld ? index.held.wholeAt(sequence, index.memory.wholeOf(receiver)) : 0
    index.memory.saveWatermark({ name: receiver, committed: sequence, durable, whole, seen: Date.now() })
    const { files, directories, symlinks, bytes } = index.totals
    const welcome = {
      type: 'welcome' as const,
      software: options.software,
      epoch: index.epoch,
      term: index.term,
      head: Math.max(hold.reach, decision.sequence),
      ...decision,
      total: { entries: files + directories + symlinks, bytes: Math.min(bytes, LIMITS.integer) },
      filter: [...options.exclude],
      prepared: preparedOf(hello, decision, index),
      released: hold.endOfRounds,
      ...(isDeepStrictEqual(index.preserved.kinds, NOTHING_PRESERVED) ? {} : { preserve: index.preserved.kinds }),
    }
    const round = welcome.prepared === null ? null : roundToComplete(sequence, hold.endOfRounds, index)
    return { welcome, whole, round }
  }

  async #plan(root: OpenedRoot, { to, isFrail, limit, ...start }: Extract<RootRequest, { type: 'plan' }>) {
    const { index, hold, options, report } = this.#parts
    const segmentBytes = isFrail ? BOUNDS.frailSegmentBytes : BOUNDS.segmentBytes
    const plan = await root.packer.planChangeset({
      ...start,
      isRound: to !== null,
      limit: to ?? Math.min(hold.reach, limit ?? hold.reach),
      segmentBytes,
    })
    if (to !== null) hold.planned(plan.id)
    if (options.namesPaths === true) {
      const paths = index.changesAfter(plan.from, MOST_NAMED, plan.to).map(({ path }) => printable(path))
      report().log('debug', 'changeset', { from: plan.from, to: plan.to, paths })
    }
    return plan
  }

  async #pack(root: OpenedRoot, request: Extract<RootRequest, { type: 'pack' }>) {
    const packed = await root.packer.pack(request.plan, request.segment, request.compress)
    // Bytes that were read after a hold began may be of what it holds back.
    await this.#open(request)
    this.#parts.upkeep.packed(packed.header.length + packed.payload.byteLength)
    return packed
  }

  /** Nothing goes ahead in a root that is held or halted, and what was packed meanwhile does not either. */
  async #overtake(request: Extract<RootRequest, { type: 'overtake' }>) {
    const { hold, life, opened } = this.#parts
    const isClosed = () => {
      hold.look()
      return life().at !== 'ready' || hold.isHeld
    }
    const root = opened()
    if (root === null || isClosed()) return null
    const { plan, after, limit, compress } = request
    const packed = await root.packer.overtake(plan, after, Math.min(limit, hold.reach), compress)
    return isClosed() ? null : packed
  }

  async #list(root: OpenedRoot, { list, at }: Extract<RootRequest, { type: 'list' }>) {
    const { index, accounts, scans, report } = this.#parts
    root.packer.flushLearnt()
    const { head } = index
    // A receiver that is not at the head is told the present state, and nothing about what it missed.
    if (at === null) index.held.noteCut(index.head)
    if (at !== null && at !== head) {
      // A scan that is under way tells its head when it gives way.
      report().advanced(Date.now())
      return { listing: null }
    }
    const { directories, reads, turn } = root
    const isDoubted = (path: string) => scans.isDoubted(path)
    const parts = { directories, reads, turn, index, accounts, nowMs: Date.now, isDoubted }
    if (list.type === 'list') return { listing: await answerList(list, parts) }
    return { listing: await (list.type === 'expand' ? answerExpand(list, parts) : answerSummarize(list, parts)) }
  }

  async #rescan({ within, content }: Extract<RootRequest, { type: 'rescan' }>) {
    const { index, scans, life } = this.#parts
    await this.#firstScan.promise
    // A root that is back from a halt is being scanned: this scan waits its turn behind that.
    await scans.rescan(within.map((path): Hint => ({ path, extent: 'subtree' })))
    if (life().at !== 'ready') throw this.#refusal('the root is not ready')
    if (content) for (const path of within) await scans.readAgain(path)
    return { head: index.head }
  }

  #refusal(otherwise: string): Refusal {
    return new Refusal(statusOf(this.#parts.life()).reason ?? otherwise)
  }
}
