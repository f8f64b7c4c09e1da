/**
 * How much one want asks for: less where a line breaks amid answers, of which only the slices of large files are kept,
 * and more again with every answer that comes. So a line that brings one file, or one slice, brings something for good.
 * It outlives connections. Pure.
 */
import { LIMITS } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'

/** Then a want has one path. */
const MOST_HALVINGS = Math.ceil(Math.log2(LIMITS.wantPaths))

export class WantSize {
  #halvings = 0

  get paths(): number {
    return Math.max(1, Math.floor(LIMITS.wantPaths / 2 ** this.#halvings))
  }

  /** Of content. */
  get bytes(): number {
    return BOUNDS.wantBytes / 2 ** this.#halvings
  }

  /** A connection has ended before an answer came. */
  cut(): void {
    this.#halvings = Math.min(this.#halvings + 1, MOST_HALVINGS)
  }

  came(): void {
    this.#halvings = Math.max(this.#halvings - 1, 0)
  }
}
