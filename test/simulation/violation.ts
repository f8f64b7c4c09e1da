/** A guarantee that did not hold. */
export type Guarantee = 'G1' | 'G2' | 'G3' | 'G4' | 'G5' | 'G6' | 'G7' | 'G8' | 'G9' | 'G10' | 'sound'

export class Violation extends Error {
  override name = 'Violation'
  readonly guarantee: Guarantee

  /** @param guarantee `sound`: no thread ends by a fault of the program */
  constructor(guarantee: Guarantee, what: string) {
    super(`${guarantee}: ${what}`)
    this.guarantee = guarantee
  }
}
