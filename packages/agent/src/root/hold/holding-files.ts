/**
 * The files of `hold.while`: which of them hold the root.
 *
 *   appears ─▶ holds ─an operator's release goes past it─▶ passed ─it has been away─▶ holds when it is back
 */
import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode } from '@rootferry/host/machine'
import type { HoldSettings } from '../../root-messages.ts'

const ABSENT: ReadonlySet<string | null> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP'])

export class HoldingFiles {
  /** The settings change with the configuration. */
  readonly #options: { path: string; hold: HoldSettings }
  readonly #passed: Set<string>
  /** Those that were there when a release was ordered, and have been since: it goes past them. */
  #passing: string[] = []

  constructor(options: { path: string; hold: HoldSettings }, passed: Iterable<string>) {
    this.#options = options
    this.#passed = new Set(passed)
  }

  get passed(): string[] {
    return [...this.#passed]
  }

  /** The same when the release that was ordered has gone. */
  get passedThen(): string[] {
    return [...this.#passed, ...this.#passing]
  }

  /**
   * @param otherwise what counts when it cannot be told whether a file is there
   * @returns those that hold the root, those of them that have appeared since a release was ordered, and whether `passed`
   *   is another than before
   */
  look(otherwise: boolean): { holding: string[]; appeared: string[]; isNews: boolean } {
    const present = this.#present(otherwise)
    const gone = this.passed.filter((path) => !present.includes(path))
    for (const path of gone) this.#passed.delete(path)
    this.#passing = this.#passing.filter((path) => present.includes(path))
    const holding = present.filter((path) => !this.#passed.has(path))
    return { holding, appeared: holding.filter((path) => !this.#passing.includes(path)), isNews: gone.length > 0 }
  }

  /** A release was ordered: it goes past the files that are there. */
  passPresent(): void {
    this.#passing = this.#present(false)
  }

  /** That release went, or not. */
  endPassing(went: boolean): void {
    if (went) for (const path of this.#passing) this.#passed.add(path)
    this.#passing = []
  }

  #present(otherwise: boolean): string[] {
    const { path: root, hold } = this.#options
    return hold.while.filter((path) => isThere(join(root, path), otherwise))
  }
}

function isThere(path: string, otherwise: boolean): boolean {
  try {
    lstatSync(path)
    return true
  } catch (error) {
    return ABSENT.has(errorCode(error)) ? false : otherwise
  }
}
