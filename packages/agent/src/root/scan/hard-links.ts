/**
 * Which indexed paths are names of the same file. The kernel reports a write only under the name that was used, so a
 * hint for one of them is a hint for all.
 *
 * Scans record names as they meet them. A file that gets its second name later is looked up in the index, once for
 * every number of names that it has. Only files with several names cost anything.
 */
export class HardLinks {
  readonly #names = new Map<number, Set<string>>()
  /** Inode → number of names for which the index was searched. */
  readonly #searched = new Map<number, number>()
  readonly #search: (inode: number) => string[]

  /** @param search returns the paths that the index has for an inode */
  constructor(search: (inode: number) => string[]) {
    this.#search = search
  }

  /** A look at a path showed this inode, with this many names. */
  addName(path: string, inode: number, links: number): void {
    if (links < 2) return
    const names = this.#names.get(inode)
    if (names === undefined) this.#names.set(inode, new Set([path]))
    else names.add(path)
  }

  /** The other known names of a file with this many names; some may be out of date. */
  others(path: string, inode: number, links: number): string[] {
    const names = this.#names.get(inode) ?? new Set()
    if (names.size < links && this.#searched.get(inode) !== links) {
      this.#searched.set(inode, links)
      for (const found of this.#search(inode)) this.addName(found, inode, links)
    }
    return [...(this.#names.get(inode) ?? names)].filter((name) => name !== path)
  }

  /** The path is not a name of that file any more. */
  forgetName(path: string, inode: number): void {
    const names = this.#names.get(inode)
    if (names?.delete(path) !== true || names.size > 0) return
    this.#names.delete(inode)
    this.#searched.delete(inode)
  }
}
