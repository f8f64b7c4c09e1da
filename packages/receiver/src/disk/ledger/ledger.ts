/**
 * The receiver's durable record of one root: its position, the paths that it owes, and the commit in progress.
 *
 * The ledger holds one row of state, the intent of the burst in progress, the owed paths, and the partly received
 * files. There are no rows for other paths: the disk itself is the record of the tree. Every method is one transaction.
 * INVARIANT: after a loss of power the ledger never claims more than was synced: commits are written with
 * synchronous=NORMAL, which may lose the last ones, and then the durable position counts, which is written with FULL. A
 * paid debt is remembered as repaired until its repair is synced; after a loss of power it is owed again. What was made
 * visible after the durable position comes again then, but not the directories in which it is: see `isAfterLoss`.
 */

import assert from 'node:assert/strict'
import type { DueRun, HookReason } from '@rootferry/host/machine'
import { isOperatingError } from '../files/disk-errors.ts'
import type { HookMatch } from '../files/hook-matches.ts'
import { DebtRows } from './debt-rows.ts'
import { HookRows } from './hook-rows.ts'
import { LedgerFile, type LedgerLog } from './ledger-file.ts'
import { PartialRows } from './partial-rows.ts'
import { StagedRows } from './staged-rows.ts'

const CHECKPOINT_BYTES = 1024 * 1024

export interface Position {
  epoch: string
  term: string
  sequence: number
}

/** What a finished burst changes in the record. `position` is null for the answer to a want. */
export interface CommitRecord {
  position: Position | null
  cleared: readonly string[]
  owed: readonly string[]
  /** Owed paths whose content is here, with its digest. */
  held?: readonly (readonly [path: string, digest: string])[]
  /** The hooks that it concerns, and why it happens. */
  hooks?: { matches: readonly HookMatch[]; reason: HookReason }
  /** Paths that are shown as they are at `to`, while the position stays. */
  ahead?: { paths: readonly string[]; to: number }
}

export class Ledger {
  readonly debts: DebtRows
  readonly hooks: HookRows
  readonly staged: StagedRows
  readonly partials: PartialRows
  readonly #file: LedgerFile
  #position: Position | null = null
  #durable: { term: string; sequence: number } | null = null
  #guardedRootTime: number | null = null
  #hasIntent = false
  #isComplete = false
  #isAfterLoss = false
  #unwritten = 0

  private constructor(file: LedgerFile) {
    this.#file = file
    this.debts = new DebtRows(file)
    this.hooks = new HookRows(file)
    this.staged = new StagedRows(file)
    this.partials = new PartialRows(file)
    this.#load()
  }

  /**
   * Opens the ledger in `directory`, or begins a new one; a damaged file is set aside.
   * @throws Failure when it is in use, from a newer version, or cannot be opened
   */
  static open(directory: string, bootId: string, log: LedgerLog): Ledger {
    const ledger = new Ledger(LedgerFile.open(directory, log))
    ledger.#takeOver(bootId, log)
    return ledger
  }

  /** The target's position, or null when it is unknown (first start, during a resync, damaged ledger). */
  get position(): Position | null {
    return this.#position
  }

  /** The epoch that the target follows, or followed until a comparison began that is not over; null: none. */
  get followed(): string | null {
    return followedBy(this.#file)
  }

  /** The sequence that survives a loss of power, in the position's epoch. */
  get durableSequence(): number {
    return this.#position === null ? 0 : (this.#durable?.sequence ?? 0)
  }

  /** Whether a burst is in progress, or was when the last process ended. */
  get hasIntent(): boolean {
    return this.#hasIntent
  }

  /** Whether the target once held everything that its agent had; also while its position is unknown. */
  get isComplete(): boolean {
    return this.#isComplete
  }

  /** Power was lost, and the target has not caught up since: a directory may have the time of a burst lost in part. */
  get isAfterLoss(): boolean {
    return this.#isAfterLoss
  }

  get guardedRootTime(): number | null {
    return this.#guardedRootTime
  }

  get rootIdentity(): string | null {
    const identity = this.#file.row('SELECT root_identity FROM state')['root_identity']
    return typeof identity === 'string' ? identity : null
  }

  get filter(): string[] {
    const parsed: unknown = JSON.parse(String(this.#file.row('SELECT filter FROM state')['filter']))
    return Array.isArray(parsed) ? parsed.map(String) : []
  }

  setRootIdentity(identity: string): void {
    this.#file.run('UPDATE state SET root_identity = ?', identity)
  }

  /** The target holds everything that its agent has. */
  complete(): void {
    if (this.#isComplete && !this.#isAfterLoss) return
    this.#file.run('UPDATE state SET complete = 1, after_loss = 0')
    this.#isComplete = true
    this.#isAfterLoss = false
  }

  setFilter(patterns: readonly string[]): void {
    this.#file.run('UPDATE state SET filter = ?', JSON.stringify(patterns))
  }

  guardRootTime(mtime: number | null): void {
    if (mtime === this.#guardedRootTime) return
    this.#file.run('UPDATE state SET root_time = ?', mtime)
    this.#guardedRootTime = mtime
  }

  /** Takes a position that agent and disk agree on: the start of a replay, or the end of a resync. */
  setPosition(position: Position): void {
    const { epoch, term, sequence } = position
    const keepDurable = this.#position?.epoch === epoch
    assert.ok(!keepDurable || sequence >= (this.#position?.sequence ?? 0), `${sequence} is behind`)
    this.#file.transaction(() => {
      this.#file.run('UPDATE state SET epoch = ?, term = ?, sequence = ?', epoch, term, sequence)
      if (!keepDurable) this.#file.run('UPDATE state SET durable_term = NULL, durable_sequence = 0')
      this.#file.run('DELETE FROM partial WHERE epoch <> ?', epoch)
    })
    this.#position = position
    if (!keepDurable) this.#durable = null
  }

  /**
   * No sequence describes the target any more. Takes effect in this process even when it throws because it could not be
   * written down.
   */
  forgetPosition(): void {
    this.#position = null
    this.#durable = null
    this.debts.beginAnew()
    // The rows of a series that is not known are overwritten by the next one.
    this.staged.erased()
    this.#file.transaction(() => {
      this.debts.ahead.clear()
      this.#file.run('DELETE FROM series')
      this.#file.run(FORGET_POSITION)
    })
  }

  /** The target is another directory, or was emptied. Takes effect as `forgetPosition` does. */
  forgetTarget(): void {
    this.#isComplete = false
    this.forgetPosition()
    this.#file.run('UPDATE state SET complete = 0, term = NULL, volumes = NULL')
  }

  /** Recorded before the burst. `usedPartials` are now part of the intent. */
  recordIntent(body: string, usedPartials: readonly string[]): void {
    this.#file.transaction(() => {
      this.#file.run('INSERT OR REPLACE INTO intent VALUES (1, ?)', body)
      for (const path of usedPartials) this.#file.run('DELETE FROM partial WHERE path = ?', path)
    })
    this.#hasIntent = true
    this.#unwritten += body.length
  }

  /** The burst that was in progress when the process ended, or null. */
  intent(): string | null {
    const row = this.#file.all('SELECT body FROM intent')[0]
    return row === undefined ? null : String(row['body'])
  }

  /** The burst is done. Sequences never go back within an epoch. @returns the runs of hooks that are due now */
  recordCommit({ position, cleared, owed, held = [], hooks, ahead }: CommitRecord): DueRun[] {
    let due: DueRun[] = []
    const moves = position !== null && isAhead(position, this.#position)
    this.#file.transaction(() => {
      this.#file.run('DELETE FROM intent')
      if (moves) this.#file.run('UPDATE state SET term = ?, sequence = ?', position.term, position.sequence)
      this.debts.record(cleared, owed, held)
      if (hooks !== undefined) due = this.hooks.record(hooks.matches, hooks.reason)
      if (position !== null) this.staged.erase()
      this.debts.ahead.record(ahead ?? null, position?.sequence ?? null)
    })
    if (position !== null) this.staged.erased()
    this.debts.recorded(cleared, owed)
    this.#hasIntent = false
    if (moves) this.#position = position
    return due
  }

  /**
   * Everything up to `position` was synced to disk, with all changes of the first `commits` commits.
   * @returns false when the position is not new, or belongs to another epoch, or to a target that was emptied since
   */
  recordDurable({ epoch, term, sequence }: Position, commits: number): boolean {
    const isWithin = epoch === this.#position?.epoch && sequence <= this.#position.sequence
    const isNews = isWithin && sequence > (this.#durable?.sequence ?? -1) && this.debts.isOfTarget(commits)
    if (!isNews && !this.debts.hasRepaired) return false
    this.#file.synced(() => {
      this.#file.transaction(() => {
        if (isNews) this.#file.run('UPDATE state SET durable_term = ?, durable_sequence = ?', term, sequence)
        this.debts.synced(commits)
      })
    })
    if (isNews) this.#durable = { term, sequence }
    if (this.#unwritten > CHECKPOINT_BYTES) {
      this.#file.checkpoint()
      this.#unwritten = 0
    }
    return isNews
  }

  /** Closes for good. @param clean whether everything committed was synced to disk */
  close(clean: boolean): void {
    try {
      if (clean) {
        this.#file.synced(() => {
          this.#file.transaction(() => {
            this.debts.synced(this.debts.commits)
            this.#file.run('UPDATE state SET clean = 1')
          })
        })
      }
    } catch (error) {
      // On a full disk this counts as a killed process, which is no less safe.
      if (!isOperatingError(error)) throw error
    }
    this.#file.close()
  }

  #load(): void {
    const row = this.#file.row('SELECT * FROM state')
    this.#durable = null
    this.#position = null
    const [epoch, term, durableTerm] = [row['epoch'], row['term'], row['durable_term']]
    if (typeof epoch === 'string' && typeof term === 'string') {
      this.#position = { epoch, term, sequence: Number(row['sequence']) }
      if (typeof durableTerm === 'string') {
        this.#durable = { term: durableTerm, sequence: Number(row['durable_sequence']) }
      }
    }
    this.#guardedRootTime = row['root_time'] === null ? null : Number(row['root_time'])
    this.#hasIntent = this.intent() !== null
    this.#isComplete = row['complete'] === 1
    this.#isAfterLoss = row['after_loss'] === 1
    this.debts.load()
    this.staged.load()
  }

  /** Begins this process's session, durably; falls back to what was durable if the machine lost power in the last one. */
  #takeOver(bootId: string, log: LedgerLog): void {
    const { boot_id: lastBoot, clean } = this.#file.row('SELECT boot_id, clean FROM state')
    if (clean === 0 && lastBoot !== null && lastBoot !== bootId) {
      const { position } = this
      this.#file.transaction(() => {
        this.#file.run('DELETE FROM intent')
        this.#file.run('DELETE FROM partial')
        this.staged.erase()
        this.debts.recall()
        this.#file.run(this.#durable === null ? FALL_BACK_TO_NOTHING : FALL_BACK)
      })
      this.#load()
      const details = { committed: position?.sequence ?? 0, durable: this.durableSequence }
      log('warn', 'the machine went down without warning: continuing from the state that was synced to disk', details)
    }
    this.#file.synced(() => this.#file.run('UPDATE state SET boot_id = ?, clean = 0', bootId))
  }
}

/** Without a position, the term's place names the epoch that was followed: a comparison may be broken off. */
const FORGET_POSITION = `UPDATE state SET epoch = NULL, term = coalesce(epoch, term), sequence = 0, durable_term = NULL,
  durable_sequence = 0`
const FALL_BACK = 'UPDATE state SET root_time = NULL, term = durable_term, sequence = durable_sequence, after_loss = 1'
const FALL_BACK_TO_NOTHING = 'UPDATE state SET root_time = NULL, epoch = NULL, term = NULL, sequence = 0, complete = 0'

function followedBy(file: LedgerFile): string | null {
  const { epoch, term } = file.row('SELECT epoch, term FROM state')
  const known = epoch ?? term
  return typeof known === 'string' ? known : null
}

function isAhead(position: Position, current: Position | null): boolean {
  return current !== null && position.epoch === current.epoch && position.sequence >= current.sequence
}

/** The identity of the target whose position a ledger knows, without taking the ledger over; null: there is none. */
export function knownTarget(directory: string, log: LedgerLog): string | null {
  const file = LedgerFile.open(directory, log)
  try {
    const { root_identity: identity } = file.row('SELECT root_identity FROM state')
    return typeof identity === 'string' && followedBy(file) !== null ? identity : null
  } finally {
    file.close()
  }
}
