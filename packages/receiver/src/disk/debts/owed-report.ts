/** The report of the paths that cannot be made right, to the agent and for status: one whenever they change. Lives for one
 * connection. */
import { LIMITS, type Owed, type ToAgent } from '@rootferry/protocol'
import { type DiskEvent, MOST_KNOWN } from '../../root-messages.ts'
import type { Problems } from './problems.ts'

/** As the protocol bounds it. */
const MOST_CODE = 32
const NOT_TOLD = -1

export class OwedReport {
  readonly #problems: Problems
  /** The version of the problems that the agent was told; an agent begins with none. */
  #told: number

  constructor(problems: Problems) {
    this.#problems = problems
    this.#told = problems.list.length === 0 ? problems.version : NOT_TOLD
  }

  /** @param owed paths that the ledger knows to be owed */
  tell(owed: number, out: { send(message: ToAgent): void; event(event: DiskEvent): void }): void {
    const report = this.#next(owed)
    if (report === null) return
    out.send(report)
    out.event({ type: 'owed', count: report.count })
  }

  /** @returns null when the agent knows everything */
  #next(owed: number): Owed | null {
    const { version, list } = this.#problems
    if (this.#told === version) return null
    this.#told = version
    const paths = list.slice(0, LIMITS.reportedOwed).map(({ path, code }) => ({ path, code: code.slice(0, MOST_CODE) }))
    // Only so many problems are remembered.
    const count = list.length < MOST_KNOWN ? list.length : Math.max(list.length, owed)
    return { type: 'owed', count, paths }
  }
}
