/**
 * The series that is staged in this session, or was kept from an earlier one, until its commit.
 *
 *   fold (each changeset, at its prepare) ─▶ ready (synced, linked, planned) ─▶ commit, from the rows of the ledger
 *
 * When a connection ends within a changeset, the beginning of it that is staged is folded: it is the series with which
 * the next connection begins. INVARIANT: what is folded is in the ledger, so that a killed process can go on from it.
 * Shows nothing.
 */
import { ProtocolError, type Welcome } from '@rootferry/protocol'
import type { PathProblem } from '../../root-messages.ts'
import type { WorkArea } from '../area/work-area.ts'
import type { Burst } from '../commit/burst.ts'
import { presyncAll } from '../commit/presync.ts'
import type { DiskSteps } from '../files/disk-retry.ts'
import type { StagedChange } from '../files/staged-change.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Plan } from '../ledger/operation.ts'
import type { StagedPath } from '../ledger/staged-rows.ts'
import type { PartialFiles } from './partial-files.ts'
import type { StagedPart } from './staged-so-far.ts'

export interface SeriesParts {
  ledger: Ledger
  area: WorkArea
  partials: PartialFiles
  burst: Burst
  steps: DiskSteps
  /** How owners and modes are mapped, in one text. */
  mapping(): string
  /** Milliseconds, for durations only. */
  now(): number
}

/** All of a series. */
interface Listed {
  paths: string[]
  staged: StagedChange[]
  owed: string[]
}

interface Ready extends Listed {
  plan: Plan
  /** When the plan was made, and for how long that took. */
  madeMs: number
  tookMs: number
}

/** A plan is good for so many times as long as it takes to make one: a commit hardly ever waits for the next plan. */
const GOOD_FOR = 20

export class Series {
  readonly #parts: SeriesParts
  /** Everything that a commit needs, so that it begins at once. */
  #ready: Ready | null = null
  /** Paths for which the disk has no room: they are owed too. */
  readonly unfit: PathProblem[] = []
  bytes = 0

  constructor(parts: SeriesParts) {
    this.#parts = parts
  }

  /** The end of what is staged; null: nothing is. */
  get to(): number | null {
    return this.#parts.ledger.staged.series?.to ?? null
  }

  /**
   * A changeset that is staged completely becomes part of the series, or its beginning.
   * @param isWhole the partials that it does not use are obsolete
   */
  async fold(part: StagedPart, { epoch, term }: Welcome, isWhole: boolean): Promise<void> {
    const { ledger, area, partials, steps } = this.#parts
    const { base, to } = part
    const rows = rowsOf(part)
    const row = { epoch, term, base, to, mapping: this.#parts.mapping() }
    const used = partials.release(part.paths, isWhole)
    const unneeded = await steps.whileConnected(() => ledger.staged.put(row, rows, used))
    partials.released(used)
    await steps.whileConnected(() => {
      for (const name of unneeded) area.discard(name)
    })
    this.#ready = null
    this.unfit.push(...part.unfit)
    this.bytes += part.bytes
  }

  /** Everything that can be done before the burst is done. @throws ProtocolError when the changes contradict each other */
  async ready(): Promise<void> {
    const { ledger, burst, area, steps, now } = this.#parts
    const isAgain = this.#ready !== null
    if (this.#ready !== null && now() - this.#ready.madeMs < GOOD_FOR * this.#ready.tookMs) return
    const rows = this.#ready ?? listed(ledger.staged.all())
    const order = { changes: rows.staged, before: [], owed: rows.owed, isAnswer: false }
    if (!isAgain) {
      const draft = await steps.whileConnected(() => burst.plan(order))
      const staging = await steps.whileConnected(() => area.directory('staging'))
      await presyncAll(draft, staging, steps)
    }
    this.#ready = await steps.whileConnected(() => {
      const began = now()
      const plan = burst.plan(order)
      const madeMs = now()
      burst.keep(plan, isAgain)
      return { ...rows, plan, madeMs, tookMs: madeMs - began }
    })
  }

  /** The commit may come much later. */
  delayed(): void {
    this.#ready = null
  }

  /** @returns everything, with the plan if it is of this moment */
  arrival(): Listed & { plan: Plan | null } {
    const ready = this.#ready
    this.#ready = null
    return ready ?? { ...listed(this.#parts.ledger.staged.all()), plan: null }
  }
}

/** @throws ProtocolError when the agent builds on something else than what was offered */
export function checkPrepared(welcome: Welcome, offered: number | null): void {
  if (welcome.prepared === null || (welcome.start === 'replay' && welcome.prepared === offered)) return
  throw new ProtocolError('unexpected-message', `a welcome that builds on ${welcome.prepared}, which is not prepared`)
}

function rowsOf({ paths, staged, owed, unfit }: StagedPart): StagedPath[] {
  const changes = new Map(staged.map((change) => [change.path, change]))
  const owing = new Set([...owed, ...unfit.map(({ path }) => path)])
  return paths.map((path) => ({ path, change: changes.get(path) ?? null, isOwed: owing.has(path) }))
}

function listed(rows: readonly StagedPath[]): Listed {
  return {
    paths: rows.map(({ path }) => path),
    staged: rows.flatMap(({ change }) => (change === null ? [] : [change])),
    owed: rows.filter(({ isOwed }) => isOwed).map(({ path }) => path),
  }
}
