/**
 * The filesystems below the target that do not answer, or are not mounted: one problem tells of each, and nothing that is on
 * it is compared, because everything there would meet the same.
 */
import { isBorderTrouble, VolumeMissing } from '../files/disk-errors.ts'
import type { Untouchable } from '../files/untouchable.ts'

export class SilentBorders {
  readonly #untouchable: Pick<Untouchable, 'borderOf' | 'isAcrossBorder'>
  readonly #silent = new Set<string>()

  constructor(untouchable: Pick<Untouchable, 'borderOf' | 'isAcrossBorder'>) {
    this.#untouchable = untouchable
  }

  /** A directory cannot be looked at, which tells of its filesystem when that is mounted at this very place. */
  note(path: string, error: unknown): void {
    if (this.#untouchable.borderOf(path) !== path) return
    if (error instanceof VolumeMissing || isBorderTrouble(error, path, this.#untouchable)) this.#silent.add(path)
  }

  has(path: string): boolean {
    const border = this.#silent.size === 0 ? null : this.#untouchable.borderOf(path)
    return border !== null && this.#silent.has(border)
  }
}
