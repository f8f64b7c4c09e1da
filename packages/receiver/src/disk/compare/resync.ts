/**
 * A resync: reads the agent's listing part by part, compares it with the target, and asks for the content that must
 * come from the agent.
 *
 *   (summary ─▶ Summaries, step by step) ─▶ list ─▶ listing ─▶ Comparison, step by step ─▶ wants ─▶ answers ─▶ over
 *
 * An automatic resync takes the target from an unknown state to the position of the welcome. A resync that the agent
 * ordered runs while changesets come in, and reports. Every method is called in its turn among the agent's messages.
 * Memory does not grow with the tree: the next listing is asked for only when few wants and listings wait.
 */

import { errorCode, plainMessage, printable } from '@rootferry/host/machine'
import {
  type Listing,
  ProtocolError,
  type ResyncProgress,
  ROOT_PATH,
  type Summary,
  type ToAgent,
} from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { DiskEvent } from '../../root-messages.ts'
import type { Problems } from '../debts/problems.ts'
import type { Repairs } from '../debts/repairs.ts'
import type { Answered } from '../debts/settlement.ts'
import type { DiskSteps } from '../files/disk-retry.ts'
import { Comparison } from './comparison.ts'
import { Findings } from './findings.ts'
import type { Check } from './reconcile.ts'
import { ResyncRequests } from './resync-requests.ts'
import { Summaries, type SummariesParts } from './summaries.ts'

/** Long enough to make progress, short enough not to delay a change. */
const STEP_MS = 15
const REPORT_MS = 250
/** Extraneous paths that the log names. */
const MOST_LEFT = 10

export interface ResyncOrder {
  /** The agent's id of it; null: automatic, and as a dry run the first look before that. */
  id: number | null
  paths: readonly string[]
  check: Check
  dryRun: boolean
  /** `report`: objects that the agent does not have stay. */
  extraneous: 'trash' | 'report'
  /** The receiver's own work while it follows, which an order of the agent interrupts. */
  upkeep?: 'mapping' | 'protect' | 'volumes'
  /** The agent answers `summarize`. */
  summaries?: boolean
}

const WHOLE = { id: null, paths: [ROOT_PATH], extraneous: 'trash' } as const

/** Finds out how much a first join will do, by size and time alone, before it does anything. */
export const FIRST_LOOK: ResyncOrder = { ...WHOLE, check: 'metadata', dryRun: true }
/** The same by content, as far as the agent knows digests. */
export const CLOSER_LOOK: ResyncOrder = { ...WHOLE, check: 'content', dryRun: true }

export const WHOLE_TARGET: ResyncOrder = { ...WHOLE, check: 'strict', dryRun: false }
/** After the agent has begun a new index: extraneous objects may be content of this host that the old index allowed. */
export const NEW_INDEX: ResyncOrder = { ...WHOLE_TARGET, extraneous: 'report' }

/** Owners and modes are mapped in another way than before: only they are compared, and nothing is reported. */
export const NEW_MAPPING: ResyncOrder = {
  ...WHOLE,
  check: 'attributes',
  dryRun: false,
  extraneous: 'report',
  upkeep: 'mapping',
}

/** Some paths are not protected any more. */
export const NOT_PROTECTED: ResyncOrder = {
  ...WHOLE,
  check: 'metadata',
  dryRun: false,
  extraneous: 'report',
  upkeep: 'protect',
}

/** Filesystems are mounted at these paths that were not, or were others. */
export function newVolumes(paths: readonly string[]): ResyncOrder {
  return { id: null, paths, check: 'metadata', dryRun: false, extraneous: 'report', upkeep: 'volumes' }
}

/** Whether it changes nothing, and reports only the sum. */
export function isLook(order: ResyncOrder): boolean {
  return order === FIRST_LOOK || order === CLOSER_LOOK
}

function isByContent(check: Check): boolean {
  return check === 'content' || check === 'strict'
}

/** Whether digests of directories tell all that the order compares. */
function canSummarize({ summaries, check, paths }: ResyncOrder, { extended }: ResyncParts): boolean {
  const isWhole = paths.length === 1 && paths[0] === ROOT_PATH
  return summaries === true && check === 'metadata' && isWhole && !extended.isOn && !extended.preserved.hardLinks
}

export interface ResyncParts extends SummariesParts {
  repairs: Pick<Repairs, 'waiting' | 'nextRequest' | 'ask' | 'want' | 'drop'>
  problems: Pick<Problems, 'compare' | 'met'>
  steps: DiskSteps
  now(): number
  send(message: ToAgent): void
  event(event: DiskEvent): void
  /** Calls `act` in its turn after the messages that have come meanwhile, unless the connection has ended by then. */
  soon(act: () => Promise<void>): void
  /** Everything is compared and repaired, or the resync was cancelled. */
  over(findings: Findings): Promise<void>
}

export class Resync {
  readonly order: ResyncOrder
  readonly #parts: ResyncParts
  readonly #findings = new Findings()
  readonly #comparison: Comparison
  /** Called at the end of the comparison: a problem that it did not meet again is over. */
  readonly #endProblems: () => void
  /** Paths that were asked for and have not come. */
  readonly #wanted = new Set<string>()
  readonly #requests: ResyncRequests
  /** While directories are compared by their digests. */
  #summaries: Summaries | null
  #isCancelled = false
  #isComparing = false
  #isOver = false
  #reportedAt: number

  constructor(parts: ResyncParts, order: ResyncOrder) {
    this.#parts = parts
    this.order = order
    this.#reportedAt = parts.now()
    this.#endProblems = parts.problems.compare(order.paths)
    this.#comparison = this.#newComparison()
    this.#summaries = canSummarize(order, parts) ? this.#newSummaries() : null
    const summarizes = this.#summaries !== null
    this.#requests = new ResyncRequests({ paths: order.paths, digests: isByContent(order.check), summarizes })
    this.#ask()
  }

  /** @throws ProtocolError when the listing was not asked for */
  async listing(listing: Listing | Summary): Promise<void> {
    const { open, isOver } = this.#requests
    if (open?.number !== listing.request || (listing.type === 'summary') !== (this.#summaries !== null))
      throw new ProtocolError('unexpected-message', `a ${listing.type} that was not asked for`)
    this.#requests.answered(listing.next)
    if (!isOver && listing.type === 'summary') this.#summaries?.summary(listing)
    else if (!isOver && listing.type === 'listing') this.#comparison.listing(listing, open.top)
    await this.proceed()
  }

  /** A changeset, or the answer to a want, is visible. */
  committed(paths: Iterable<string>, answered: Answered | null): void {
    this.#comparison.touch(paths)
    if (answered !== null) this.#answered(answered)
  }

  /** No further step begins; an answer that is on its way is still accepted. */
  async cancel(): Promise<void> {
    this.#isCancelled = true
    this.#requests.end()
    this.#summaries?.end()
    this.#comparison.end()
    for (const path of this.#wanted) this.#parts.repairs.drop(path)
    this.#wanted.clear()
    await this.proceed()
  }

  /** The connection has ended. */
  end(): void {
    this.#isOver = true
    this.#summaries?.end()
    this.#comparison.end()
  }

  /** Continues as far as it can. */
  async proceed(): Promise<void> {
    if (this.#isOver) return
    this.#endSummaries()
    this.#ask()
    const { hasWork } = this.#summaries ?? this.#comparison
    if (hasWork && !this.#isComparing) {
      this.#isComparing = true
      this.#parts.soon(() => this.#compare())
    }
    const isDone = this.#requests.isOver && this.#requests.open === null && !hasWork && this.#wanted.size === 0
    if (!isDone) return this.#reportSometimes()
    this.#isOver = true
    if (!isLook(this.order)) this.#close()
    await this.#parts.over(this.#findings)
  }

  #newComparison(): Comparison {
    const { repairs, problems } = this.#parts
    const findings = this.#findings
    const { check, dryRun, extraneous } = this.order
    const counts = isLook(this.order)
    return new Comparison(
      this.#parts,
      { check, dryRun, counts, extraneous, lists: (path) => this.#requests.lists(path) },
      {
        checked: (entries) => {
          findings.checked += entries
        },
        found: (path, kind) => {
          findings.differs(path, kind)
          if (kind === 'extraneous') findings.look.affects(path, kind)
        },
        replaces: (path, isDoubtful) => {
          findings.look.replaced += 1
          if (isDoubtful) findings.look.doubtful += 1
          findings.look.affects(path, 'changed')
        },
        copied: (bytes) => this.#parts.event({ type: 'copied', bytes }),
        lacks: (bytes) => {
          findings.look.missingBytes += bytes
        },
        leaves: (objects) => {
          findings.look.leaving += objects
        },
        want: (path, size, digest) => {
          this.#wanted.add(path)
          repairs.want(path, digest, size)
        },
        repaired: () => {
          findings.repaired += 1
        },
        failed: (path, error) => {
          const message = plainMessage(error)
          findings.fail(path, message)
          // The comparison that follows a first look meets the problem again.
          if (!counts) problems.met({ path, code: errorCode(error) ?? 'unknown', message }, 'comparison')
        },
      },
    )
  }

  /** Asks for more, as far as it may. */
  #ask(): void {
    const { repairs, send } = this.#parts
    repairs.ask()
    const { pages } = this.#summaries ?? this.#comparison
    const hasRoom = repairs.waiting < BOUNDS.waitingWants && pages < BOUNDS.waitingListings
    if (this.#requests.isOver || this.#requests.open !== null || !hasRoom) return
    const message = this.#requests.begin(repairs.nextRequest(), this.#summaries?.owners ?? false)
    if (message !== null) send(message)
  }

  #newSummaries(): Summaries {
    return new Summaries(this.#parts, (entries) => {
      this.#findings.checked += entries
    })
  }

  /** Goes on to listings, when all summaries are compared, or differ too much. */
  #endSummaries(): void {
    const summaries = this.#summaries
    if (summaries === null || this.#requests.open !== null || this.#isCancelled) return
    if (!summaries.differsMuch) {
      if (!this.#requests.isOver || summaries.hasWork) return
      this.#requests.expand(summaries.differing)
    } else {
      this.#findings.checked -= summaries.checked
      this.#requests.listAll()
    }
    summaries.end()
    this.#summaries = null
  }

  #answered({ paths, unrepaired, bytes }: Answered): void {
    let isOurs = false
    for (const path of paths) {
      if (!this.#wanted.delete(path)) continue
      isOurs = true
      const why = unrepaired.get(path)
      if (why === undefined) this.#findings.repaired += 1
      // A file that the agent could not read comes as a change when it can.
      else if (why !== null) this.#findings.fail(path, why)
    }
    if (isOurs) this.#findings.bytes += bytes
  }

  async #compare(): Promise<void> {
    this.#isComparing = false
    if (this.#isOver) return
    const { confined, steps, now } = this.#parts
    await steps.whileConnected(() => {
      const began = now()
      const work = this.#summaries ?? this.#comparison
      work.step(() => now() - began > STEP_MS)
      confined.release()
    })
    await this.proceed()
  }

  #close(): void {
    if (this.order.upkeep === 'mapping') return this.#tellMapped()
    this.#report(true)
    if (!this.#isCancelled) this.#endProblems()
    const { differences: _, error, ...counts } = this.#findings.report()
    const { check, dryRun } = this.order
    const outcome = this.#outcome()
    const details = { outcome, check, isDryRun: dryRun, ...counts, error: error === null ? null : printable(error) }
    this.#parts.event({ type: 'log', level: 'info', message: 'resync is over', details })
    const { extraneous, upkeep } = this.order
    if (extraneous === 'report' && upkeep === undefined && this.#findings.extraneous > 0) this.#tellOfLeft()
  }

  #tellMapped(): void {
    const { checked, repaired: changed } = this.#findings
    const message = 'owners and modes of what is there follow the configuration'
    const details = { outcome: this.#outcome(), checked, changed }
    this.#parts.event({ type: 'log', level: 'info', message, details })
  }

  #tellOfLeft(): void {
    const { extraneous, look } = this.#findings
    const paths = look.affected.filter(({ kind }) => kind === 'extraneous').map(({ path }) => printable(path))
    const message = 'the agent has begun a new index, and what it does not have was left in place: a resync removes it'
    this.#parts.event({
      type: 'log',
      level: 'warn',
      message,
      details: { extraneous, paths: paths.slice(0, MOST_LEFT) },
    })
  }

  #outcome(): Exclude<ResyncProgress['state'], 'running'> {
    if (this.#isCancelled) return 'cancelled'
    return this.#findings.hasFailed ? 'failed' : 'done'
  }

  #reportSometimes(): void {
    if (isLook(this.order) || this.order.upkeep === 'mapping') return
    if (this.#parts.now() - this.#reportedAt >= REPORT_MS || this.#findings.hasUnreported) this.#report(false)
  }

  #report(isLast: boolean): void {
    const { event, now, send } = this.#parts
    const news = this.#findings.news()
    if (news !== null) event({ type: 'differences', ...news })
    this.#reportedAt = now()
    const { id } = this.order
    if (id === null) return
    const say = (state: ResyncProgress['state']) =>
      send({ type: 'resync-progress', id, state, ...this.#findings.report() })
    while (this.#findings.hasUnreported) say('running')
    say(isLast ? this.#outcome() : 'running')
  }
}
