/**
 * What a ledger records about the paths that are protected: the list in force, after those before it that protected more,
 * as long as what they left alone has not been compared with what the agent has.
 */
import type { LedgerFile } from './ledger-file.ts'

type Patterns = readonly string[]

export class ProtectRow {
  readonly #file: LedgerFile

  constructor(file: LedgerFile) {
    this.#file = file
  }

  /** @param present gitignore lines, as configured now. @returns the lists that protected more and are not followed yet */
  takeUp(present: Patterns): Patterns[] {
    const former = this.#lists
    const lifted = former.filter((patterns) => mayProtectMore(patterns, present))
    const lists = [...lifted, present]
    // Usually there is nothing to be written.
    if (JSON.stringify(lists) !== JSON.stringify(former)) this.#lists = lists
    return lifted
  }

  /** Whether there are paths that are not protected any more, and are not compared. */
  get isLifted(): boolean {
    return this.#lists.length > 1
  }

  /** What the former lists left alone is compared. */
  followed(): void {
    this.#lists = this.#lists.slice(-1)
  }

  get #lists(): Patterns[] {
    const text = this.#file.row('SELECT protect FROM state')['protect']
    return typeof text === 'string' ? (JSON.parse(text) as Patterns[]) : []
  }

  set #lists(lists: Patterns[]) {
    this.#file.run('UPDATE state SET protect = ?', JSON.stringify(lists))
  }
}

/** Of patterns that take some back, the order counts. */
function mayProtectMore(former: Patterns, present: Patterns): boolean {
  if (former.join('\n') === present.join('\n')) return false
  const [all, those] = [new Set(present), [...former, ...present]]
  return those.some((pattern) => pattern.startsWith('!')) || former.some((pattern) => !all.has(pattern))
}
