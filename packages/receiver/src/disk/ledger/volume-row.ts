/** What a ledger records about the filesystems that are mounted below the target: those that are known. */
import type { VolumeRecord } from '../files/known-volumes.ts'
import type { LedgerFile } from './ledger-file.ts'

export class VolumeRow {
  readonly #file: LedgerFile

  constructor(file: LedgerFile) {
    this.#file = file
  }

  /** Null: none was looked for yet in this target. */
  get volumes(): VolumeRecord | null {
    const text = this.#file.row('SELECT volumes FROM state')['volumes']
    return typeof text === 'string' ? (JSON.parse(text) as VolumeRecord) : null
  }

  set volumes(volumes: VolumeRecord | null) {
    this.#file.run('UPDATE state SET volumes = ?', volumes === null ? null : JSON.stringify(volumes))
  }
}
