/**
 * The release of a held root: a scan of the whole tree, so that all that was on the disk when the release was asked for
 * goes out; then the judgement of the net loss; then the end of the hold.
 *
 * A release of more changes than receivers can commit at once is refused, or goes in parts: rounds one after another, and
 * the root is held at the end of each until the next has gone.
 *
 * INVARIANT: nothing is released that the guard refuses, unless the order accepts losses; and only one release works at
 * a time.
 */
import { isDeepStrictEqual } from 'node:util'
import { Refusal } from '@rootferry/host/machine'
import { LIMITS } from '@rootferry/protocol'
import PQueue from 'p-queue'
import { BOUNDS } from '../../bounds.ts'
import type { GuardLimits, LogLevel, ReleaseAnswer, RootRequests, Together } from '../../root-messages.ts'
import type { EntryIndex } from '../index/entry-index.ts'
import { type RootLife, statusOf } from '../root-life.ts'
import { Guard } from '../scan/guard.ts'
import type { Holding } from './holding.ts'

const MOST_PATHS = 1_000

export interface ReleasesParts {
  index: EntryIndex
  holding: Holding
  options: { guard: GuardLimits; together: Together }
  life: () => RootLife
  living: () => number
  /** Whether the root was halted before it was held, or meanwhile, and nothing was judged since. */
  wasHalted: () => boolean
  lookAtAll(): Promise<void>
  /** The loss so far was judged: the guard begins anew, and waiting requests continue. */
  released(): void
  /** Receivers are to commit together; `endRound` comes when they go. */
  round(from: number, to: number): void
  log(level: LogLevel, message: string, details: Record<string, unknown>): void
}

const RELEASED = 'root is released'

type ReleaseOrder = RootRequests['end-hold']['takes']

export class Releases {
  readonly #parts: ReleasesParts
  /** Where the further parts of the present release end. */
  #ends: number[] = []
  readonly #queue = new PQueue({ concurrency: 1 })
  /** What was refused: the same is not looked at and judged again. */
  #refused: { head: number; guard: GuardLimits } | null = null
  /** Settles with the dry run that works: it delays no release. */
  #look: Promise<unknown> = Promise.resolve()
  /** The dry run that has not begun: it answers all who ask meanwhile. */
  #nextLook: Promise<ReleaseAnswer> | null = null

  constructor(parts: ReleasesParts) {
    this.#parts = parts
  }

  /** @throws Refusal when the root is not ready */
  release(order: ReleaseOrder): Promise<ReleaseAnswer> {
    if (order.dryRun) return this.#looked(order)
    return this.#queue.add(() => this.#release(order))
  }

  #looked(order: ReleaseOrder): Promise<ReleaseAnswer> {
    this.#nextLook ??= this.#look.then(() => {
      this.#nextLook = null
      const look = this.#release(order)
      this.#look = Promise.allSettled([look])
      return look
    })
    return this.#nextLook
  }

  /** The files that held the root are gone: it releases itself, unless the guard objects. */
  releaseByItself(): void {
    const { holding, index, options } = this.#parts
    if (this.#queue.size + this.#queue.pending > 0) return
    const isJudged = this.#refused?.head === index.head && this.#refused.guard === options.guard
    if (holding.refused !== null && isJudged) return
    void this.#queue.add(() => this.#releaseByItself())
  }

  async #release(order: ReleaseOrder): Promise<ReleaseAnswer> {
    const { dryRun, acceptLosses, isInParts, isRolling, by } = order
    const { holding, log, options } = this.#parts
    if (holding.hold === null) return { outcome: 'not-held' }
    if (holding.isInRound) throw new Refusal('it is being released')
    await this.#scanned()
    const { hold } = holding
    if (hold === null) return { outcome: 'not-held' }
    const held = holding.statusAt(Date.now())
    if (held !== null && order.hold !== null && held.id !== order.hold) return { outcome: 'held-anew', hold: held }
    const loss = this.#loss(hold.living)
    const report = this.#report(hold.sequence, loss)
    if (dryRun) return { outcome: 'dry-run', ...report, parts: this.#partsOf(report) }
    if (loss !== null && !acceptLosses) return { outcome: 'guard', reason: loss }
    const isTogether = options.together !== 'never' || isRolling
    if (isTogether && !isInParts && isTooLarge(report)) return { outcome: 'too-large', changes: report.changes }
    const parts = isTogether ? this.#partsOf(report) : 1
    holding.passPresent()
    const isRound = this.#end(hold.sequence, isTogether)
    log(loss === null ? 'info' : 'warn', stateOf(isRound), { by, changes: report.changes, parts, loss })
    return { outcome: 'released', ...report, isRound, parts, to: this.#parts.index.head }
  }

  async #releaseByItself(): Promise<void> {
    const { holding, index, log, options, wasHalted } = this.#parts
    try {
      await this.#scanned()
    } catch (error) {
      // Halted or opened anew: the files are looked at again.
      if (error instanceof Refusal) return
      throw error
    }
    const { hold } = holding
    if (hold === null || holding.isInRound || !holding.areFilesGone()) return
    const isTogether = options.together !== 'never'
    const isRefused = isDeepStrictEqual(hold.refusedBy, options.guard)
    const loss = this.#loss(hold.living, isRefused || wasHalted())
    const report = this.#report(hold.sequence, loss)
    const reason = loss ?? (isTogether && isTooLarge(report) ? tooLarge(report.changes) : null)
    if (reason === null) {
      const isRound = this.#end(hold.sequence, isTogether)
      log('info', `${stateOf(isRound)}: the files that held it are gone`, { changes: report.changes })
      return
    }
    this.#refused = { head: index.head, guard: options.guard }
    if (loss !== null && !isRefused) holding.keepRefusal(options.guard)
    if (holding.refused !== reason) {
      holding.refused = reason
      const option = loss === null ? '--in-parts' : '--accept-losses'
      log('error', `root stays held: release it with ${option}, or put the tree right`, { reason })
    }
  }

  async #scanned(): Promise<void> {
    const { life, lookAtAll } = this.#parts
    await lookAtAll()
    const { state, reason } = statusOf(life())
    if (state !== 'ready') throw new Refusal(reason ?? `the root is ${state}`)
  }

  /**
   * Why the guard objects to what was lost since the hold began, or null. Moves and replacements cancel out.
   * @param isHalted what was lost was too much before: the tree must be back
   */
  #loss(livingBefore: number, isHalted = false): string | null {
    const { options, living } = this.#parts
    const removals = Math.max(0, livingBefore - living())
    const verdict = new Guard(options.guard, { isHalted }).judge(
      { removals, moved: 0, additions: 0 },
      livingBefore,
      0,
      true,
    )
    return verdict.decision === 'halt' ? verdict.reason : null
  }

  #report(from: number, loss: string | null) {
    const { index } = this.#parts
    const first = index.changesAfter(from, MOST_PATHS)
    const paths = first.map(({ path }) => path)
    const deleted = first.filter(({ kind }) => kind === 'absent').map(({ path }) => path)
    return { from, to: index.head, loss, ...index.sumAfter(from), paths, deleted, isRound: false, parts: 1 }
  }

  /** The round of a release is over, or goes. @returns whether another part follows */
  endRound(to: number, goes: boolean): boolean {
    const { holding, log, released, round } = this.#parts
    const next = this.#ends.shift()
    if (!goes) {
      this.#ends = []
      holding.abandonRound()
      return false
    }
    if (next === undefined) {
      holding.end(to)
      released()
      log('info', RELEASED, { sequence: to })
      return false
    }
    holding.advance(to)
    holding.beginRound(next)
    round(to, next)
    return true
  }

  /** @returns whether receivers commit together, so that the hold ends later */
  #end(from: number, isTogether: boolean): boolean {
    const { holding, index, round, released } = this.#parts
    holding.recordEnds()
    if (isTogether && index.head > from) {
      this.#ends = this.#endsOfParts(from)
      const first = this.#ends.shift() ?? index.head
      holding.beginRound(first)
      round(from, first)
      return true
    }
    holding.end(null)
    released()
    return false
  }

  #partsOf({ from, changes }: { from: number; changes: number }): number {
    return isTooLarge({ changes }) ? this.#endsOfParts(from).length : 1
  }

  /** The sequences at which the parts of a release end; one, unless it is too large. */
  #endsOfParts(from: number): number[] {
    const { index } = this.#parts
    const { head } = index
    if (!isTooLarge(index.sumAfter(from))) return [head]
    const ends: number[] = []
    // Receivers may have staged a smaller release that the end of an agent broke off: the first part is no shorter.
    let most: number = LIMITS.seriesChanges
    for (let at = from; at < head; most = BOUNDS.roundChanges) {
      at = index.endWithin(at, most) ?? head
      ends.push(at)
    }
    return ends
  }
}

function isTooLarge({ changes }: { changes: number }): boolean {
  return changes > LIMITS.seriesChanges
}

function tooLarge(changes: number): string {
  return `${changes} changes are more than the ${LIMITS.seriesChanges} that receivers can commit at once`
}

/** What a release that was judged has done so far, for the log. */
function stateOf(isRound: boolean): string {
  return isRound ? 'root is being released' : RELEASED
}
