/**
 * One root's thread: watcher → coalescer → scanner → index, and packing on demand.
 *
 * Drives the root's life (root-life.ts): looks whether the docroot is there, and carries out the effects of each step.
 * Decides nothing about files: scanner, guard and packer do.
 */

import assert, { AssertionError } from 'node:assert'
import { randomBytes } from 'node:crypto'
import type { Stats } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { Accounts, bootId, chooseSystemCalls, errorMessage, plainMessage, Refusal } from '@rootferry/host/machine'
import type { FromRoot, GuardAnswer, RootOptions, RootRequest, ToRoot } from '../root-messages.ts'
import { RootHold } from './hold/root-hold.ts'
import type { EntryIndex } from './index/entry-index.ts'
import type { MemoryRows } from './index/memory-rows.ts'
import { closeRootIndex, openRootIndex } from './index/root-index.ts'
import { closeRoot, docrootAt, isToBeReopened, type OpenedRoot, type OpenedRootParts, openRoot } from './opened-root.ts'
import { RequestAnswers } from './request-answers.ts'
import {
  answerToAcceptance,
  BORN,
  type LifeEffect,
  type LifeEvent,
  type RootLife,
  scanModeOf,
  statusOf,
  step,
  wantsDocroot,
} from './root-life.ts'
import { RootReport } from './root-report.ts'
import { livingEntries } from './scan/living-entries.ts'
import { PathProblems } from './scan/path-problems.ts'
import { formatIdentity, IDENTITY, parseIdentity, type RootIdentity, replacement } from './scan/root-identity.ts'
import { ScanQueue, WHOLE_TREE } from './scan/scan-queue.ts'
import { troubleOf } from './scan/trouble.ts'
import { DEGRADED_RESCAN_MS, rescanSilent } from './silent-rescans.ts'
import { Timers } from './timers.ts'
import { Upkeep } from './upkeep.ts'
import type { Hint } from './watch/watcher.ts'

const ROOT_CHECK_MS = 1_000

interface IdentifiedRoot extends OpenedRoot {
  identity: RootIdentity
}

const HALTED = 'root is halted: nothing is sent until it is back as it was, or accepted'

export class Root {
  readonly #options: RootOptions
  readonly #post: (message: FromRoot, transfer?: ArrayBuffer[]) => void
  readonly #index: EntryIndex
  /** The same for every opening of the docroot. */
  readonly #shared: Pick<OpenedRootParts, 'index' | 'problems' | 'accounts'>
  readonly #timers = new Timers()
  readonly #report: RootReport
  readonly #scans: ScanQueue
  readonly #hold: RootHold
  readonly #upkeep: Upkeep
  readonly #answers: RequestAnswers
  #life: RootLife = BORN
  #opened: IdentifiedRoot | null = null

  constructor(options: RootOptions, post: (message: FromRoot, transfer?: ArrayBuffer[]) => void) {
    this.#options = options
    this.#post = post
    const { index, remark } = openRootIndex(options.stateDir, () => randomBytes(12).toString('base64url'), Date.now())
    this.#index = index
    const accounts = new Accounts(chooseSystemCalls(options.systemCalls).calls.accounts)
    const problems = new PathProblems((problem) => this.#report.problem(problem))
    this.#shared = { index, problems, accounts }
    const timers = this.#timers
    const backend = () => this.#opened?.watcher.backend ?? null
    const parts = { options, index, timers, post, life: () => this.#life, opened: () => this.#opened }
    const others = { scans: () => this.#scans, report: () => this.#report, released: () => this.#answers.release() }
    this.#hold = new RootHold({ ...parts, ...others })
    const progress = () => this.#scans.progress.status
    this.#report = new RootReport({ ...parts, problems, backend, hold: this.#hold, progress })
    this.#upkeep = new Upkeep({ index, timers, post, packer: () => this.#opened?.packer ?? null })
    this.#scans = new ScanQueue({
      index,
      timers,
      problems,
      settings: options,
      hold: this.#hold,
      mode: () => scanModeOf(this.#life, this.#hold.isHeld),
      events: {
        advanced: (seenMs) => this.#report.advanced(seenMs),
        begins: () => this.#report.statusSoon(),
        scanned: (tookMs) => this.#report.scanned(tookMs),
        passed: (tookMs) => this.#passed(tookMs),
        stopped: (reason) => void this.#step({ type: 'stopped', reason }),
      },
    })
    const [scans, hold, upkeep] = [this.#scans, this.#hold, this.#upkeep]
    this.#answers = new RequestAnswers({ ...parts, accounts, scans, hold, upkeep, report: others.report })
    if (remark !== null) this.#report.log('warn', remark)
  }

  start(): void {
    this.#hold.start()
    this.#report.advanced(Date.now())
    void this.#lookForDocroot()
    this.#upkeep.begin()
  }

  async handle(message: ToRoot): Promise<void> {
    switch (message.type) {
      case 'release':
        return this.#opened?.packer.release(message.plan)
      case 'recycle':
        this.#opened?.packer.recycle(message.memory)
        this.#upkeep.trimLater()
        return
      case 'shown':
        return this.#scans.progress.pace.shown(message.sequence)
      case 'watermark':
      case 'remember':
      case 'forget':
        return takeNote(this.#index.memory, message)
      case 'shut':
        return this.#hold.shut(message.sequence)
      case 'reconfigure':
        if (isDeepStrictEqual(settingsOf(message), settingsOf(this.#options))) return
        Object.assign(this.#options, settingsOf(message))
        this.#scans.configure(message)
        await this.#step({ type: 'displaced' })
        return await this.#lookForDocroot()
      case 'close':
        return await this.#close(message.forGood)
    }
    await this.#answer(message)
  }

  async #close(forGood: boolean): Promise<void> {
    if (forGood) this.#hold.abandon()
    this.#timers.close()
    this.#upkeep.close()
    await this.#step({ type: 'closed' })
    this.#answers.release()
    closeRootIndex(this.#index)
    this.#post({ type: 'closed' })
  }

  /** A refusal or a fault is an answer too; a broken invariant ends the thread, which is started again. */
  async #answer(request: RootRequest): Promise<void> {
    const { id } = request
    try {
      const value = request.type === 'accept-guard' ? this.#acceptGuard() : await this.#answers.answer(request)
      const payload = typeof value === 'object' && value !== null && 'payload' in value ? value.payload.buffer : null
      this.#post({ type: 'answer', id, value }, payload === null || payload.byteLength === 0 ? [] : [payload])
    } catch (error) {
      if (error instanceof AssertionError) throw error
      if (error instanceof Refusal) return this.#post({ type: 'refusal', id, message: error.message })
      this.#post({ type: 'fault', id, message: errorMessage(error), stack: describe(error) })
    }
  }

  #acceptGuard(): GuardAnswer {
    const answer = answerToAcceptance(this.#life)
    if (answer !== 'accepted') return answer
    this.#opened?.borders.accept()
    this.#report.log('warn', 'an operator accepted the root as it is', { reason: statusOf(this.#life).reason })
    void this.#step({ type: 'accepted' })
    return answer
  }

  /** Looks whether the docroot is there, and is still the open one; again in a second. */
  async #lookForDocroot(): Promise<void> {
    if (this.#life.at === 'closed') return
    const { path } = this.#options
    try {
      const found = docrootAt(path)
      const open = this.#opened?.directories.rootStatus()
      if (open !== undefined && isOther(open, found)) await this.#step({ type: 'displaced' })
      if (!found.isDirectory()) throw new Error('is no directory')
      const mayReopen = this.#life.at === 'ready' && !this.#hold.isUnderWay
      if (this.#opened === null) {
        const fault = replacementIn(this.#index, identityOf(path, found))
        // Opened before the step: a directory that cannot be opened is missing, and nothing else has happened.
        if (wantsDocroot(this.#life, fault)) this.#opened = this.#openDocroot()
        await this.#step({ type: 'found', fault })
      } else if (mayReopen && isToBeReopened(this.#opened, this.#options, this.#index)) {
        await this.#step({ type: 'displaced' })
        return await this.#lookForDocroot()
      } else {
        // Nothing else reports that a filesystem below the root was unmounted, or mounted again.
        rescanSilent(this.#opened, this.#timers, this.#report, this.#scans)
        if (this.#opened.borders.changed(this.#life.at === 'ready')) await this.#scans.scan([WHOLE_TREE])
      }
      this.#hold.look()
    } catch (error) {
      if (error instanceof AssertionError) throw error
      const isIndexEmpty = livingEntries(this.#index) === 0
      // A process that could not look at the docroot has not found it missing.
      if (this.#opened === null || troubleOf(error) !== 'process')
        await this.#step({ type: 'missing', reason: `${path}: ${plainMessage(error)}`, isIndexEmpty })
    }
    this.#timers.after('root', ROOT_CHECK_MS, () => void this.#lookForDocroot())
  }

  async #step(event: LifeEvent): Promise<void> {
    const before = this.#life
    const { life, effects } = step(before, event)
    this.#life = life
    if (life !== before && life.at !== 'closed') this.#report.lives(life)
    // All begin at once: a released request finds the docroot open, and a failure keeps no other from being done.
    await Promise.all(effects.map((effect) => this.#do(effect, statusOf(before).reason)))
  }

  /** @param reasonBefore the reason of the halt that ends, if there was one */
  async #do(effect: LifeEffect, reasonBefore: string | null): Promise<void> {
    const { reason } = statusOf(this.#life)
    switch (effect) {
      case 'watch-docroot':
        return await this.#watchDocroot()
      case 'close-docroot':
        return await this.#closeDocroot()
      case 'scan-whole':
        return void this.#scans.scan([WHOLE_TREE])
      case 'look-for-docroot':
        return void this.#lookForDocroot()
      case 'tell-ready':
        return this.#answers.scanned()
      case 'tell-halted':
        this.#report.log('error', HALTED, { reason })
        return this.#scans.guard.halted()
      case 'tell-unavailable':
        return this.#report.log('error', 'root is unavailable', { reason })
      case 'release':
        if (this.#life.at !== 'closed') this.#report.log('info', 'root is no longer halted', { was: reasonBefore })
        return this.#answers.release()
    }
  }

  #openDocroot(): IdentifiedRoot {
    const opened = openRoot(this.#options, {
      ...this.#shared,
      scans: this.#scans,
      watching: {
        overflow: (reason) => {
          this.#report.overflowed(reason)
          this.#scans.hint(WHOLE_TREE)
        },
        degraded: (reason) => {
          if (this.#report.degraded(reason)) this.#rescanLater()
        },
        error: (error) => this.#report.log('warn', 'watching', { error: errorMessage(error) }),
      },
      warn: (message, details) => this.#report.log('warn', message, details),
    })
    if (this.#life.at === 'halted' && this.#life.isAccepted) opened.borders.accept()
    return { ...opened, identity: identityOf(this.#options.path, opened.directories.rootStatus()) }
  }

  async #watchDocroot(): Promise<void> {
    const opened = this.#opened
    assert.ok(opened !== null, 'the docroot was opened for this')
    const { watcher } = opened
    this.#scans.use(opened)
    if (watcher.backend === 'directory') await watcher.start()
    const late = this.#index.deferred().map((path): Hint => ({ path, extent: 'entry' }))
    void this.#scans.scan([WHOLE_TREE, ...late])
    if (watcher.backend !== 'directory') {
      await watcher.start()
      // A change between the scan and the first hint is found by another scan.
      if (this.#opened?.watcher === watcher) void this.#scans.scan([WHOLE_TREE])
    }
    this.#rescanLater()
  }

  async #closeDocroot(): Promise<void> {
    const opened = this.#opened
    if (opened === null) return
    this.#opened = null
    // Sessions that were welcomed to the old docroot, with its filter, must say hello again.
    this.#post({ type: 'interrupted' })
    this.#scans.use(null)
    await closeRoot(opened, () => this.#scans.idle())
  }

  #passed(tookMs: number): void {
    const opened = this.#opened
    if (opened === null || this.#life.at === 'ready') return
    this.#index.memory.setNote(IDENTITY, formatIdentity(opened.identity))
    void this.#step({ type: 'passed' })
    this.#report.ready(tookMs)
    this.#upkeep.scannedAll()
  }

  #rescanLater(): void {
    const periodMs = this.#report.isDegraded ? DEGRADED_RESCAN_MS : this.#options.watch.rescanMinutes * 60_000
    this.#timers.after('rescan', periodMs, () => {
      this.#scans.hint(WHOLE_TREE)
      this.#rescanLater()
    })
  }
}

function isOther(open: Pick<Stats, 'dev' | 'ino'>, found: Pick<Stats, 'dev' | 'ino'>): boolean {
  return open.ino !== found.ino || open.dev !== found.dev
}

function identityOf(path: string, { dev, ino }: Pick<Stats, 'dev' | 'ino'>): RootIdentity {
  return { path, device: dev, inode: ino, boot: bootId() }
}

/** Why a directory must be taken for another root than the index describes, or null. */
function replacementIn(index: EntryIndex, found: RootIdentity): string | null {
  const known = parseIdentity(index.memory.note(IDENTITY))
  return known === null || livingEntries(index) === 0 ? null : replacement(known, found)
}

function takeNote(memory: MemoryRows, message: Extract<ToRoot, { type: 'watermark' | 'remember' | 'forget' }>): void {
  if (message.type === 'remember') memory.setNote(message.key, message.text)
  else if (message.type === 'forget') memory.forgetReceiver(message.receiver)
  else memory.saveWatermark({ ...message, name: message.receiver, seen: Date.now() })
}

/** What the root is opened anew for. */
function settingsOf(options: Omit<Extract<ToRoot, { type: 'reconfigure' }>, 'type'>) {
  const { exclude, watch, guard, hold, together, preserve } = options
  return { exclude, watch, guard, hold, together, preserve }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
