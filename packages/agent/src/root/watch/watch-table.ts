/**
 * The directory of each of the kernel's watches: a tree in flat arrays, about a hundred bytes per directory.
 *
 * A directory is a number here, its *slot*. Several slots may have the same watch: inotify has one for an inode, and an
 * inode may be at two paths, for as long as only one half of a rename was seen, or for good with a bind mount.
 * INVARIANT: with a directory, all directories above it are in the table.
 */
import { baseName, parentPath, ROOT_PATH } from '@rootferry/protocol'
import { FlatIndex, NONE } from './flat-index.ts'

/** The watch of a directory that has none, and of a directory that the kernel refused. */
export const UNWATCHED = 0
export const REFUSED = -1

const ROOT_SLOT = 0
const FIRST_SLOTS = 64
/** V8 copies shorter parts of strings; a longer part keeps the whole string alive. */
const SLICED_LENGTH = 13

export class WatchTable {
  #parent = new Int32Array(FIRST_SLOTS)
  #firstChild = new Int32Array(FIRST_SLOTS)
  /** The next slot of the same parent; for a free slot, the next free one. */
  #next = new Int32Array(FIRST_SLOTS)
  #previous = new Int32Array(FIRST_SLOTS)
  #watch = new Int32Array(FIRST_SLOTS)
  readonly #names: string[] = []
  readonly #byName = new FlatIndex((slot) => nameHash(this.#parent[slot] ?? NONE, this.#names[slot] ?? ''))
  readonly #byWatch = new FlatIndex((slot) => this.#watch[slot] ?? UNWATCHED)
  #free = NONE
  watched = 0
  refused = 0

  /** @returns NONE when the table does not have the path */
  find(path: string): number {
    if (path === ROOT_PATH) return this.#names.length === 0 ? NONE : ROOT_SLOT
    let slot = this.#names.length === 0 ? NONE : ROOT_SLOT
    for (let begin = 0; slot !== NONE && begin <= path.length; ) {
      const slash = path.indexOf('/', begin)
      const end = slash === -1 ? path.length : slash
      slot = this.#child(slot, path.slice(begin, end))
      begin = end + 1
    }
    return slot
  }

  /** The slot of the path, made if needed. */
  add(path: string): number {
    const known = this.find(path)
    if (known !== NONE) return known
    if (path === ROOT_PATH) return this.#place(NONE, ROOT_PATH)
    return this.#place(this.add(parentPath(path)), baseName(path))
  }

  pathOf(slot: number): string {
    let path = this.#names[slot] ?? ''
    for (let at = this.#parent[slot] ?? NONE; at !== NONE && at !== ROOT_SLOT; at = this.#parent[at] ?? NONE)
      path = `${this.#names[at] ?? ''}/${path}`
    return path
  }

  watchOf(slot: number): number {
    return this.#watch[slot] ?? UNWATCHED
  }

  /** The slots with this watch; usually one. */
  slotsOf(watch: number): number[] {
    const slots: number[] = []
    for (let at = this.#byWatch.first(watch); this.#byWatch.at(at) !== NONE; at = this.#byWatch.after(at)) {
      const slot = this.#byWatch.at(at)
      if (this.#watch[slot] === watch) slots.push(slot)
    }
    return slots
  }

  /**
   * @param watch a number of the kernel, UNWATCHED or REFUSED. @returns the watch before if no slot has it any more, or
   * UNWATCHED
   */
  setWatch(slot: number, watch: number): number {
    const before = this.watchOf(slot)
    if (before === watch) return UNWATCHED
    if (before > UNWATCHED) this.#byWatch.delete(slot)
    this.#watch[slot] = watch
    if (watch > UNWATCHED) this.#byWatch.add(slot)
    this.watched += Number(watch > UNWATCHED) - Number(before > UNWATCHED)
    this.refused += Number(watch === REFUSED) - Number(before === REFUSED)
    return before > UNWATCHED && this.slotsOf(before).length === 0 ? before : UNWATCHED
  }

  /** Removes the path and everything below it. @param unused called with each watch that no slot has any more */
  remove(path: string, unused: (watch: number) => void): void {
    const top = this.find(path)
    if (top === NONE) return
    this.#detach(top)
    const leaving = [top]
    for (let slot = leaving.pop(); slot !== undefined; slot = leaving.pop()) {
      for (let child = this.#firstChild[slot] ?? NONE; child !== NONE; child = this.#next[child] ?? NONE)
        leaving.push(child)
      this.#drop(slot, unused)
    }
    if (top !== ROOT_SLOT) return
    // Nothing is left, and the root's slot is always the first.
    this.#names.length = 0
    this.#free = NONE
  }

  #child(parent: number, name: string): number {
    const hash = nameHash(parent, name)
    for (let at = this.#byName.first(hash); this.#byName.at(at) !== NONE; at = this.#byName.after(at)) {
      const slot = this.#byName.at(at)
      if (this.#parent[slot] === parent && this.#names[slot] === name) return slot
    }
    return NONE
  }

  #place(parent: number, name: string): number {
    const slot = this.#freeSlot()
    this.#names[slot] = name.length < SLICED_LENGTH ? name : Buffer.from(name).toString()
    this.#parent[slot] = parent
    this.#firstChild[slot] = NONE
    this.#previous[slot] = NONE
    this.#next[slot] = NONE
    this.#watch[slot] = UNWATCHED
    this.#byName.add(slot)
    if (parent !== NONE) this.#attach(slot, parent)
    return slot
  }

  #attach(slot: number, parent: number): void {
    const sibling = this.#firstChild[parent] ?? NONE
    this.#next[slot] = sibling
    if (sibling !== NONE) this.#previous[sibling] = slot
    this.#firstChild[parent] = slot
  }

  #detach(slot: number): void {
    const parent = this.#parent[slot] ?? NONE
    const [previous, next] = [this.#previous[slot] ?? NONE, this.#next[slot] ?? NONE]
    if (next !== NONE) this.#previous[next] = previous
    if (previous !== NONE) this.#next[previous] = next
    else if (parent !== NONE) this.#firstChild[parent] = next
  }

  #drop(slot: number, unused: (watch: number) => void): void {
    const watch = this.setWatch(slot, UNWATCHED)
    if (watch !== UNWATCHED) unused(watch)
    this.#byName.delete(slot)
    this.#names[slot] = ''
    this.#next[slot] = this.#free
    this.#free = slot
  }

  #freeSlot(): number {
    const slot = this.#free
    if (slot !== NONE) {
      this.#free = this.#next[slot] ?? NONE
      return slot
    }
    if (this.#names.length === this.#parent.length) this.#grow()
    return this.#names.push('') - 1
  }

  #grow(): void {
    this.#parent = doubled(this.#parent)
    this.#firstChild = doubled(this.#firstChild)
    this.#next = doubled(this.#next)
    this.#previous = doubled(this.#previous)
    this.#watch = doubled(this.#watch)
  }
}

function doubled(before: Int32Array): Int32Array<ArrayBuffer> {
  const after = new Int32Array(2 * before.length)
  after.set(before)
  return after
}

/** FNV-1a, begun with the parent. */
function nameHash(parent: number, name: string): number {
  let hash = Math.imul(parent ^ 0x811c9dc5, 0x01000193)
  for (let index = 0; index < name.length; index += 1) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193)
  return hash
}
