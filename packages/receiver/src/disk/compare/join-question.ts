/**
 * The question that a first join may put to an operator: reports what the join is going to do, and either lets it
 * continue, or waits until an operator has accepted it.
 *
 *   first look ─▶ (closer look) ─▶ whole target
 *                      └─▶ awaiting accept ─▶ whole target
 */
import type { ToAgent } from '@rootferry/protocol'
import type { DiskEvent, FirstJoin, JoinGuard } from '../../root-messages.ts'
import type { Trash } from '../area/trash.ts'
import type { Acceptance } from '../ledger/acceptance.ts'
import type { Findings } from './findings.ts'
import { judgeJoin } from './join-guard.ts'
import { CLOSER_LOOK, FIRST_LOOK, type ResyncOrder, WHOLE_TARGET } from './resync.ts'

export interface JoinQuestionParts {
  acceptance: Acceptance
  guard: JoinGuard
  trash: Pick<Trash, 'location'>
  send(message: ToAgent): void
  event(event: DiskEvent): void
}

export class JoinQuestion {
  readonly #parts: JoinQuestionParts
  #isOpen = false

  constructor(parts: JoinQuestionParts) {
    this.#parts = parts
  }

  /** @param order the look that has ended. @returns the next order; null: an operator is awaited */
  decide(order: ResyncOrder, findings: Findings): ResyncOrder | null {
    const { acceptance, guard, trash, send, event } = this.#parts
    const plan = firstJoin(findings, trash.location)
    const verdict = acceptance.isGiven ? 'go' : judgeJoin(plan, findings.look.doubtful, guard)
    if (verdict === 'closer' && order === FIRST_LOOK) return CLOSER_LOOK
    event({ type: 'first-join', plan })
    if (verdict === 'go') return WHOLE_TARGET
    this.#isOpen = true
    send({ type: 'failing', error: { code: 'awaiting-accept', message: awaitingLine(plan) } })
    event({ type: 'phase', phase: 'awaiting-accept' })
    return null
  }

  /** @returns the next order; null when nothing was asked */
  accepted(): ResyncOrder | null {
    if (!this.#isOpen) return null
    this.#isOpen = false
    this.#parts.send({ type: 'failing', error: null })
    this.#parts.event({ type: 'phase', phase: 'resyncing' })
    return WHOLE_TARGET
  }
}

export function firstJoin({ checked, missing, changed, look }: Findings, trash: string | null): FirstJoin {
  const { missingBytes, leaving, replaced, affected } = look
  const right = checked - missing - changed
  const entries = right + changed + leaving
  const figures = { entries, right, missing, missingBytes, differing: changed, replaced, extraneous: leaving }
  return { ...figures, trash, paths: affected }
}

function awaitingLine({ entries, replaced, extraneous }: FirstJoin): string {
  return `the first join would replace or remove ${replaced + extraneous} of ${entries} entries, and waits for an operator`
}
