/**
 * Files with several names: programs make such names, write through them, part them, move and remove them, and each name
 * is told of by itself. On a small pool of names, so that they meet.
 */
import { chmodSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from './disk-calls.ts'
import { SOURCE } from './places.ts'
import type { Chance } from './random.ts'
import { contentOf } from './workload.ts'

const NAMES = ['a', 'b', 'c', 'd/a', 'd/b', 'd/e/a', 'd/e/c']
const DEEDS = ['write', 'write', 'write over', 'link', 'link', 'link', 'copy', 'rename', 'remove', 'chmod'] as const
/** Content differs from all that others write. */
const FIRST_CONTENT = 3_000_000

export class Linkers {
  readonly chance: Chance

  constructor(chance: Chance) {
    this.chance = chance
  }

  /** Yields after each step what was done, for people: what makes no sense at the moment is passed over. */
  *work(): Generator<string> {
    mkdirSync(`${SOURCE}/linked/d/e`, { recursive: true })
    for (let deeds = 1 + this.chance.below(12); deeds > 0; deeds -= 1) {
      const deed = this.chance.pick(DEEDS)
      const [from, to] = [this.chance.pick(NAMES), this.chance.pick(NAMES)].map((name) => `linked/${name}`)
      try {
        for (const step of this.#do(deed, `${SOURCE}/${from}`, `${SOURCE}/${to}`)) yield `${step} ${from} ${to}`
      } catch (error) {
        if (!(error instanceof Error) || !('code' in error)) throw error
      }
    }
  }

  *#do(deed: (typeof DEEDS)[number], from: string, to: string): Generator<string> {
    switch (deed) {
      case 'write':
        writeFileSync(from, '')
        yield 'truncate'
        writeFileSync(from, this.#content())
        yield 'write'
        return
      case 'write over':
        writeFileSync(from, this.#content())
        yield deed
        return
      case 'link':
        rmSync(to, { force: true })
        if (this.chance.oneIn(3)) yield 'make room'
        linkSync(from, to)
        yield deed
        return
      case 'copy':
        writeFileSync(`${to}.new`, readFileSync(from))
        renameSync(`${to}.new`, to)
        yield deed
        return
      case 'rename':
        renameSync(from, to)
        yield deed
        return
      case 'remove':
        rmSync(from)
        yield deed
        return
      case 'chmod':
        chmodSync(from, this.chance.pick([0o644, 0o600]))
        yield deed
    }
  }

  /** Often of the same size, and the same bytes. */
  #content(): Buffer {
    return contentOf(FIRST_CONTENT + this.chance.below(4), this.chance.pick([1, 1, 10, 500]))
  }
}
