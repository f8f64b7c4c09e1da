/** Seeded chance: the same seed always draws the same numbers. Source: Chris Doty-Humphrey's SFC32 (PractRand). */
export class Chance {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number) {
    this.#a = seed | 0
    this.#b = Math.floor(seed / 2 ** 32) | 0
    this.#c = 0x9e3779b9
    for (let round = 0; round < 12; round += 1) this.#next()
  }

  /** An independent chance, so that more draws from one do not change the draws from the other. */
  fork(): Chance {
    return new Chance(this.#next())
  }

  /** In [0, 1). */
  fraction(): number {
    return this.#next() / 2 ** 32
  }

  /** A whole number in [0, end). */
  below(end: number): number {
    return Math.floor(this.fraction() * end)
  }

  /** A number in [least, most). */
  between(least: number, most: number): number {
    return least + this.fraction() * (most - least)
  }

  /** True in one of this many cases. */
  oneIn(cases: number): boolean {
    return this.below(cases) === 0
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new RangeError('nothing to pick from')
    return item
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    return sum >>> 0
  }
}
