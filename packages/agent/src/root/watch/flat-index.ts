/**
 * A hash table of small whole numbers in one flat array: four bytes a place and no object for an entry.
 *
 * It holds the numbers only; the caller keeps the objects that they stand for elsewhere, and compares:
 *
 *   for (let at = index.first(hash); index.at(at) !== NONE; at = index.after(at)) if (…index.at(at)…) …
 *
 * Open addressing with linear probing; a deleted entry leaves no mark, because its followers move up.
 * INVARIANT: at most half of the places are taken.
 */

/** The content of an empty place. */
export const NONE = -1

const FIRST_PLACES = 64

export class FlatIndex {
  readonly #hashOf: (value: number) => number
  #places = new Int32Array(FIRST_PLACES).fill(NONE)
  #size = 0

  /** @param hashOf returns the hash of a number in the table, as it was when the number was added */
  constructor(hashOf: (value: number) => number) {
    this.#hashOf = hashOf
  }

  first(hash: number): number {
    return spread(hash) & (this.#places.length - 1)
  }

  after(at: number): number {
    return (at + 1) & (this.#places.length - 1)
  }

  at(at: number): number {
    return this.#places[at] ?? NONE
  }

  add(value: number): void {
    if (2 * (this.#size + 1) > this.#places.length) this.#grow()
    this.#size += 1
    this.#put(value)
  }

  /** The value must be in the table. */
  delete(value: number): void {
    let hole = this.first(this.#hashOf(value))
    while (this.at(hole) !== value) hole = this.after(hole)
    this.#size -= 1
    const mask = this.#places.length - 1
    for (let at = this.after(hole); this.at(at) !== NONE; at = this.after(at)) {
      const home = this.first(this.#hashOf(this.at(at)))
      // An entry whose home lies behind the hole stays: a search for it never passes the hole.
      if (((at - home) & mask) < ((at - hole) & mask)) continue
      this.#places[hole] = this.at(at)
      hole = at
    }
    this.#places[hole] = NONE
  }

  clear(): void {
    this.#places = new Int32Array(FIRST_PLACES).fill(NONE)
    this.#size = 0
  }

  #grow(): void {
    const before = this.#places
    this.#places = new Int32Array(2 * before.length).fill(NONE)
    for (const value of before) if (value !== NONE) this.#put(value)
  }

  #put(value: number): void {
    let at = this.first(this.#hashOf(value))
    while (this.at(at) !== NONE) at = this.after(at)
    this.#places[at] = value
  }
}

/** Spreads neighbouring hashes far apart. */
function spread(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b)
  return (mixed ^ (mixed >>> 15)) >>> 0
}
