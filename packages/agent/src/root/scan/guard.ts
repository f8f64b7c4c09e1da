/**
 * Pure decision: whether entries that a scan found missing may be recorded as deleted.
 *
 *   few entries are gone ──────────────▶ pass
 *   many entries are gone ─────────────▶ look-again: when deletions have stopped, then judge all of them at once
 *   all of it, or above both limits ───▶ halt: nothing is recorded until the tree is back or an operator accepts
 *
 * A loss is counted in two ways, and the greater number decides. In one scan: entries that are gone and were not found
 * elsewhere (a move is not a deletion). Over the last ten minutes: how far the tree has shrunk from its largest size,
 * so that a slow `rm -rf` adds up, while caches that come and go do not.
 * After a halt the tree passes when it is back but for a few entries, also after a restart: what is missing while it is being
 * put back is no loss that anybody wants. With a limit of 100 % it passes as soon as there is something. Where most of what
 * is gone is found in another place, the halt was for a move: the look that halted the root had seen its first half only.
 * INVARIANT: with `look-again` and `halt` nothing is recorded as deleted, so the next scan finds the whole loss again.
 */
import type { GuardLimits } from '../../root-messages.ts'

/**
 * The findings of a scan that are not recorded yet, in entries. `removals` includes the `moved` ones; `additions` counts
 * paths that were not known.
 */
export interface Loss {
  removals: number
  moved: number
  additions: number
}

export type GuardVerdict =
  | { decision: 'pass' }
  | { decision: 'look-again' }
  /** `isOfPart`: not everything is gone, and where the loss is may be told. */
  | { decision: 'halt'; reason: string; isOfPart: boolean }

/** The longest time that the guard waits for the end of a burst of deletions. */
export const LONGEST_WAIT_MS = 30_000
const WINDOW_MINUTES = 10
const MINUTE_MS = 60_000
/** A tree that shrank to nothing bit by bit is guarded if it had at least this many entries. */
const FEW = 10

const PASS: GuardVerdict = { decision: 'pass' }
const LOOK_AGAIN: GuardVerdict = { decision: 'look-again' }

/** Whether the root was halted and is not back. */
export interface HaltNote {
  isHalted: boolean
}

export class Guard {
  limits: GuardLimits
  readonly #note: HaltNote
  /** The most entries that the tree had in each recent minute, oldest first. */
  #highs: { minute: number; living: number }[] = []
  /** The present wait: since when, and how many entries were gone at the last look. */
  #waited: { sinceMs: number; deletions: number } | null = null

  constructor(limits: GuardLimits, note: HaltNote = { isHalted: false }) {
    this.limits = limits
    this.#note = note
  }

  /**
   * @param living entries of the index below the root, with what this scan and others have recorded until now
   * @param isComplete whether the scan is over; before that, whether it may record its findings so far
   * @param nowMs of a monotonic clock
   */
  judge(loss: Loss, living: number, nowMs: number, isComplete: boolean): GuardVerdict {
    const verdict = this.#judge(loss, living, nowMs, isComplete)
    if (verdict.decision === 'halt') this.halted()
    return verdict
  }

  #judge(loss: Loss, living: number, nowMs: number, isComplete: boolean): GuardVerdict {
    const highest = this.#highest(living, nowMs)
    const deletions = loss.removals - loss.moved
    if (deletions === 0) return PASS
    const left = living - loss.removals + loss.additions
    const isEmptied = loss.removals >= living && loss.moved === 0
    if (isEmptied && (deletions > 1 || (left <= 0 && highest >= FEW))) {
      return isComplete ? halt(`emptied: all ${highest} entries are gone`, false) : LOOK_AGAIN
    }
    const lost = Math.max(deletions, highest - left)
    if (lost >= this.limits.minDeletes && lost * 100 > this.limits.maxDeletePercent * highest) {
      const share = `${lost} of ${highest} entries (${Math.floor((lost * 100) / highest)} %) are gone`
      return isComplete ? halt(`mass deletion: ${share}, ${this.limits.maxDeletePercent} % may go`, true) : LOOK_AGAIN
    }
    if (deletions < this.#considerable(living)) return PASS
    const isMove = loss.moved > deletions
    if (this.#note.isHalted && !isMove && this.limits.maxDeletePercent < 100) {
      const reason = `not back yet: ${deletions} of ${highest} entries are still gone`
      return isComplete ? halt(reason, true) : LOOK_AGAIN
    }
    return isComplete ? this.#lookAgain(deletions, nowMs) : LOOK_AGAIN
  }

  /** The loss is recorded. */
  passed({ removals, moved }: Loss): void {
    if (removals > moved) this.#waited = null
  }

  /** No deletions wait any more: they were recorded, or the missing entries are back. */
  endWait(): void {
    this.#waited = null
  }

  get isHalted(): boolean {
    return this.#note.isHalted
  }

  /** The root is halted, whoever found it: the docroot is missing or another one, or a filesystem below it is. */
  halted(): void {
    this.#note.isHalted = true
  }

  /** A scan of the whole tree was judged, and has passed. */
  passedWhole(): void {
    this.#note.isHalted = false
  }

  /** The loss so far is accepted: the tree has the size that it should have. */
  accept(): void {
    this.#note.isHalted = false
    this.#waited = null
    this.#highs = []
  }

  #lookAgain(deletions: number, nowMs: number): GuardVerdict {
    const wait = this.#waited ?? { sinceMs: nowMs, deletions: 0 }
    if (deletions <= wait.deletions || nowMs - wait.sinceMs >= LONGEST_WAIT_MS) return PASS
    this.#waited = { sinceMs: wait.sinceMs, deletions }
    return LOOK_AGAIN
  }

  /** So many deletions at once that more may follow: a hundredth of the tree, or a twentieth of the minimum. */
  #considerable(living: number): number {
    return Math.max(2, Math.min(living / 100, this.limits.minDeletes / 20))
  }

  /** The most entries of the last ten minutes. Deletions are judged before they are recorded, so no height is missed. */
  #highest(living: number, nowMs: number): number {
    const minute = Math.floor(nowMs / MINUTE_MS)
    const last = this.#highs.at(-1)
    if (last?.minute === minute) last.living = Math.max(last.living, living)
    else this.#highs = [...this.#highs.filter((high) => high.minute >= minute - WINDOW_MINUTES), { minute, living }]
    return Math.max(...this.#highs.map((high) => high.living))
  }
}

function halt(reason: string, isOfPart: boolean): GuardVerdict {
  return { decision: 'halt', reason, isOfPart }
}
