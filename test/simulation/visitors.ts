/**
 * Entries that come and go while a directory full of others is scanned: somebody unpacks an archive into a directory, and
 * programs make directories and symlinks in it and remove them, or take something away for a moment and put it back.
 */
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from './disk-calls.ts'
import { SOURCE } from './places.ts'
import type { Chance } from './random.ts'
import { contentOf } from './workload.ts'

const MOST_FILES = 12
/** Content differs from all that others write. */
const FIRST_CONTENT = 2_000_000
const ASIDE = '/srv/aside'

export class Visitors {
  readonly chance: Chance
  #made = 0
  #contents = FIRST_CONTENT
  /** What ends each visit that is under way. */
  readonly #ends: (() => string)[] = []

  constructor(chance: Chance) {
    this.chance = chance
  }

  /** Somebody unpacks an archive. @returns what was done, for people */
  unpack(): string {
    this.#made += 1
    const directory = `unpacked/${this.#made % 4}/${this.#made}`
    mkdirSync(`${SOURCE}/${directory}/part`, { recursive: true })
    for (let visits = 1 + this.chance.below(3); visits > 0; visits -= 1) this.#visit(`${directory}/visitor ${visits}`)
    for (let files = 4 + this.chance.below(MOST_FILES); files > 0; files -= 1) {
      const path = `${SOURCE}/${directory}/${this.chance.oneIn(2) ? 'part/' : ''}${files}`
      writeFileSync(path, contentOf(++this.#contents, this.chance.below(200)))
    }
    if (this.#made > 8) rmSync(`${SOURCE}/unpacked/${(this.#made - 8) % 4}/${this.#made - 8}`, { recursive: true })
    return `unpack ${directory}`
  }

  /** One visit ends. @returns what was done, for people; null: nobody is there */
  leave(): string | null {
    return this.#ends.pop()?.() ?? null
  }

  #visit(path: string): void {
    const at = `${SOURCE}/${path}`
    const kind = this.chance.below(3)
    if (kind === 0) symlinkSync('nowhere', at)
    else mkdirSync(at)
    if (kind === 2) writeFileSync(`${at}/file`, contentOf(++this.#contents, 100))
    const isBack = this.chance.oneIn(3)
    this.#ends.push(() => {
      if (isBack) return this.#aside(path)
      rmSync(at, { recursive: true })
      return `${path} goes`
    })
  }

  /** It goes, and is there again later. */
  #aside(path: string): string {
    const aside = `${ASIDE} ${path.replaceAll('/', ' ')}`
    renameSync(`${SOURCE}/${path}`, aside)
    this.#ends.unshift(() => {
      renameSync(aside, `${SOURCE}/${path}`)
      return `${path} is there again`
    })
    return `${path} goes for a moment`
  }
}
