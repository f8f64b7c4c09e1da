/**
 * Compares which names lead to one file here with what the agent says, where the root preserves hard links.
 *
 * The agent names for each further name of a file the first one, so two names are compared at a time, and nothing must
 * be remembered of files that are linked as they should be. Names that are linked here and not at the agent are found
 * as long as the first of them is remembered: only files with several names here are, and only so many.
 */
import { type ConfinedDirectories, errorCode } from '@rootferry/host/machine'
import { isSameFile } from '../commit/link-names.ts'
import { statusOf } from '../files/attributes.ts'
import { isDiskTrouble } from '../files/disk-errors.ts'
import type { LocalEntry } from './local-scan.ts'

const MOST_REMEMBERED = 65_536

export type LinkVerdict = 'right' | 'to be linked' | 'to be a file of its own'

export class LinkedNames {
  readonly #confined: Pick<ConfinedDirectories, 'locate'>
  /** By inode and device, the first name at the agent. */
  readonly #firstNames = new Map<string, string>()

  constructor(confined: Pick<ConfinedDirectories, 'locate'>) {
    this.#confined = confined
  }

  /** @param first the file's first name at the agent; null: this is it @param found a file */
  judge(path: string, first: string | null, found: LocalEntry): LinkVerdict {
    const { inode, device, links = 1 } = found
    if (inode === undefined || device === undefined) return 'right'
    const known = links > 1 ? this.#remember(`${inode} ${device}`, first ?? path) : null
    if (known !== null && known !== (first ?? path)) return 'to be a file of its own'
    if (first === null) return 'right'
    const there = this.#at(first)
    return there !== null && isSameFile(there, { ino: inode, dev: device }) ? 'right' : 'to be linked'
  }

  #remember(file: string, first: string): string {
    const known = this.#firstNames.get(file)
    if (known !== undefined) return known
    const [oldest] = this.#firstNames.keys()
    if (this.#firstNames.size >= MOST_REMEMBERED && oldest !== undefined) this.#firstNames.delete(oldest)
    this.#firstNames.set(file, first)
    return first
  }

  #at(path: string) {
    try {
      return statusOf(this.#confined.locate(path))
    } catch (error) {
      // Its directory is missing here, or not one.
      if (errorCode(error) === null || isDiskTrouble(error)) throw error
      return null
    }
  }
}
