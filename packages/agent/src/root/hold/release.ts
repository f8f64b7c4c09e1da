/**
 * The release of a held root: a scan of the whole tree, so that all that was on the disk when the release was asked for
 * goes out; then the judgement of the net loss; then the end of the hold.
 *
 * INVARIANT: nothing is released that the guard refuses, unless the order accepts losses; and only one release works at
 * a time.
 */
import { Refusal } from '@rootferry/host/machine'
import PQueue from 'p-queue'
import type { GuardLimits, LogLevel, ReleaseAnswer, Together } from '../../root-messages.ts'
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
  lookAtAll(): Promise<void>
  /** The loss so far was judged: the guard begins anew, and waiting requests continue. */
  released(): void
  /** Receivers are to commit together; `endRound` comes when they go. */
  round(from: number, to: number): void
  log(level: LogLevel, message: string, details: Record<string, unknown>): void
}

export interface ReleaseOrder {
  dryRun: boolean
  acceptLosses: boolean
  /** Receivers take turns, also where releases are not committed together. */
  isRolling: boolean
  by: string
}

export class Releases {
  readonly #parts: ReleasesParts
  readonly #queue = new PQueue({ concurrency: 1 })

  constructor(parts: ReleasesParts) {
    this.#parts = parts
  }

  /** @throws Refusal when the root is not ready */
  release(order: ReleaseOrder): Promise<ReleaseAnswer> {
    return this.#queue.add(() => this.#release(order))
  }

  /** The files that held the root are gone: it releases itself, unless the guard objects. */
  releaseByItself(): void {
    if (this.#queue.size + this.#queue.pending > 0) return
    void this.#queue.add(() => this.#releaseByItself())
  }

  async #release({ dryRun, acceptLosses, isRolling, by }: ReleaseOrder): Promise<ReleaseAnswer> {
    const { holding, log } = this.#parts
    if (holding.hold === null) return { outcome: 'not-held' }
    if (holding.isInRound) throw new Refusal('it is being released')
    await this.#scanned()
    const { hold } = holding
    if (hold === null) return { outcome: 'not-held' }
    const loss = this.#loss(hold.living)
    const report = this.#report(hold.sequence, loss)
    if (dryRun) return { outcome: 'dry-run', ...report }
    if (loss !== null && !acceptLosses) return { outcome: 'guard', reason: loss }
    const isRound = this.#end(hold.sequence, isRolling)
    log(loss === null ? 'info' : 'warn', 'root is released', { by, changes: report.changes, loss })
    return { outcome: 'released', ...report, isRound, to: this.#parts.index.head }
  }

  async #releaseByItself(): Promise<void> {
    const { holding, log } = this.#parts
    try {
      await this.#scanned()
    } catch (error) {
      // Halted or opened anew: the files are looked at again.
      if (error instanceof Refusal) return
      throw error
    }
    const { hold } = holding
    if (hold === null || holding.isInRound || !holding.areFilesGone()) return
    const loss = this.#loss(hold.living)
    if (loss === null) {
      const { changes } = this.#report(hold.sequence, null)
      this.#end(hold.sequence, false)
      log('info', 'root is released: the files that held it are gone', { changes })
    } else if (holding.refused !== loss) {
      holding.refused = loss
      log('error', 'root stays held: release it with --accept-losses, or put the tree right', { reason: loss })
    }
  }

  async #scanned(): Promise<void> {
    const { life, lookAtAll } = this.#parts
    await lookAtAll()
    const { state, reason } = statusOf(life())
    if (state !== 'ready') throw new Refusal(reason ?? `the root is ${state}`)
  }

  /** Why the guard objects to what was lost since the hold began, or null. Moves and replacements cancel out. */
  #loss(livingBefore: number): string | null {
    const { options, living } = this.#parts
    const removals = Math.max(0, livingBefore - living())
    const verdict = new Guard(options.guard).judge({ removals, moved: 0, additions: 0 }, livingBefore, 0, true)
    return verdict.decision === 'halt' ? verdict.reason : null
  }

  #report(from: number, loss: string | null) {
    const { index } = this.#parts
    const paths = index.changesAfter(from, MOST_PATHS).map(({ path }) => path)
    return { from, to: index.head, loss, ...index.sumAfter(from), paths, isRound: false }
  }

  /** The round of a release is over, or goes. */
  endRound(to: number, goes: boolean): void {
    const { holding, released } = this.#parts
    if (!holding.isInRound) return
    if (!goes) return holding.abandonRound()
    holding.end(to)
    released()
  }

  /** @returns whether receivers commit together, so that the hold ends later */
  #end(from: number, isRolling: boolean): boolean {
    const { holding, index, options, round, released } = this.#parts
    holding.recordEnds()
    if ((options.together !== 'never' || isRolling) && index.head > from) {
      round(from, holding.beginRound())
      return true
    }
    holding.end(null)
    released()
    return false
  }
}
