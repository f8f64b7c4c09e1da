/**
 * The row of a ledger about how owners and modes were mapped when everything in the target got those that it has:
 * `owner`, `mode` and `allowSetuid` of the configuration. When the present mapping is another one, or none is known,
 * what is there is mapped anew. A loss of power may have undone that, and so the row goes.
 */
import { NOTHING_PRESERVED, type Preserved } from '@rootferry/protocol'
import type { LedgerFile } from './ledger-file.ts'

export class MappingRow {
  readonly #file: LedgerFile

  constructor(file: LedgerFile) {
    this.#file = file
  }

  /** Null: it is not known. */
  get text(): string | null {
    const [row] = this.#file.all('SELECT body FROM mapping')
    return row === undefined ? null : String(row['body'])
  }

  /** What the root preserves besides: an intent is finished by it before the agent can say it again. */
  get preserved(): Preserved {
    const text = this.#file.row('SELECT preserved FROM state')['preserved']
    return typeof text === 'string' ? (JSON.parse(text) as Preserved) : NOTHING_PRESERVED
  }

  preserve(preserved: Preserved): void {
    this.#file.run('UPDATE state SET preserved = ?', JSON.stringify(preserved))
  }

  /** All that is there, and all that comes, has this mapping. */
  follow(text: string): void {
    this.#file.run('INSERT OR REPLACE INTO mapping VALUES (1, ?)', text)
  }

  forget(): void {
    this.#file.run('DELETE FROM mapping')
  }
}
