/**
 * Oracle for what is a receiver's own: whatever happens, its content is on that machine's disk, in its place, in the trash,
 * or in a directory that somebody has moved away (G6). On a filesystem that is mounted in the target a later change may
 * replace it; but a loss of power takes nothing there either. And with `extraneous: report`, a stranger that turned up in a target
 * stays where it is, also when the agent begins a new index.
 */
import type { Inode } from './inode.ts'
import type { Machine } from './machine.ts'
import { TARGET } from './places.ts'
import { Violation } from './violation.ts'

/** Names of files that somebody put into a target begin with this. */
export const STRANGER = 'stranger '

export class LocalContent {
  readonly #machine: Machine
  readonly #contents = new Set<string>()
  /** The same on a filesystem that is mounted in the target. */
  readonly #across = new Set<string>()
  /** Paths of strangers that came to a target that follows an index, since it, or its ledger, was last another one. */
  #strangers: string[] = []

  constructor(machine: Machine) {
    this.#machine = machine
  }

  /** Somebody has written a file, and it is on the disk. */
  put(path: string): void {
    this.#put(path, this.#contents)
  }

  /** The same where a later change may replace it. */
  putAcross(path: string): void {
    this.#put(path, this.#across)
  }

  #put(path: string, contents: Set<string>): void {
    const { disk, name } = this.#machine
    const content = `of ${name}: ${path} ${contents.size}`
    disk.put(`${TARGET}/${path}`, content)
    const inode = disk.find(`${TARGET}/${path}`)
    if (inode !== null) disk.sync(inode)
    contents.add(content)
  }

  /** @param isKnown whether the target follows an index, so that it is not taken for one that joins. @returns its path */
  putStranger(isKnown: boolean): string {
    const path = `${STRANGER}${this.#contents.size}`
    const target = this.#machine.disk.makePath(TARGET)
    const before = target.attributes
    this.put(path)
    // The time of the directory would be drift, which nobody finds without a resync.
    target.attributes = before
    if (isKnown) this.#strangers.push(path)
    return path
  }

  /** From now on the target may be taken for one that was never known, from which strangers go to the trash. */
  mayMove(): void {
    this.#strangers = []
  }

  /** @throws Violation */
  losePower(lose: () => void): void {
    const before = contentsOf(this.#machine.disk.root)
    lose()
    const after = contentsOf(this.#machine.disk.root)
    const lost = [...this.#contents, ...this.#across].filter((content) => before.has(content) && !after.has(content))
    if (lost.length > 0)
      throw new Violation('G6', `${this.#machine.name} has lost '${lost.join("', '")}' with its power`)
  }

  /** @throws Violation */
  judge(staysInPlace: boolean): void {
    const { disk, name } = this.#machine
    const found = contentsOf(disk.root)
    const lost = [...this.#contents].filter((content) => !found.has(content))
    if (lost.length > 0) throw new Violation('G6', `${name} has lost '${lost.join("', '")}'`)
    const gone = this.#strangers.filter((path) => disk.find(`${TARGET}/${path}`) === null)
    if (staysInPlace && gone.length > 0)
      throw new Violation('G6', `${name} was to report what is extraneous, and has taken away ${gone.join(', ')}`)
  }
}

function contentsOf(top: Inode): Set<string> {
  const found = new Set<string>()
  const waiting = [top]
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (at.kind === 'file' && at.content.byteLength < 200) found.add(Buffer.from(at.content).toString())
    waiting.push(...at.entries.values())
  }
  return found
}
