/**
 * The changes of one attempt of a burst that could not be made, and what becomes of them. A path whose change failed
 * is owed, and so is what lies below it. Some are asked for again at once, which is no problem of theirs yet.
 */
import { parentPath, ROOT_PATH } from '@rootferry/protocol'
import type { PathProblem } from '../../root-messages.ts'
import { VolumeMissing } from '../files/disk-errors.ts'
import type { StagedChange, StagedFile } from '../files/staged-change.ts'
import type { Untouchable } from '../files/untouchable.ts'
import type { Plan } from '../ledger/operation.ts'

export type Reason = Omit<PathProblem, 'path'>

export const JUST_WRITTEN: Reason = {
  code: 'just-written',
  message: 'it was written a moment ago, after what the agent has; it is asked for again',
}
export const STAGED_GONE: Reason = { code: 'staged-gone', message: 'what was staged for it is gone' }
export const OTHER_LINK: Reason = {
  code: 'other-link',
  message: 'the file that it is another name of is not here as the agent has it; both are asked for again',
}
const { code, message } = new VolumeMissing()
const UNMOUNTED: Reason = { code, message }
const BLOCKED: Reason = { code: 'protected', message: 'what is in its place is protected or excluded' }
/** No problem of the path when a changeset meets it: it is asked for at once. An answer that meets it again says so. */
const AGAIN = new Set([JUST_WRITTEN.code, STAGED_GONE.code, OTHER_LINK.code])

export interface Undone {
  /** Paths to be asked for again at once. */
  again: string[]
  /** Paths that cannot be made right for now. */
  failed: string[]
  /** Those among them whose content is right, with its digest. */
  held: [path: string, digest: string][]
  problems: PathProblem[]
}

export class Failures {
  /** Files of which others are to be names, and that are not as they should be. */
  readonly otherLinks: string[] = []
  /** By the name of a file that could not be made: the name that has got its content instead. */
  readonly standIns = new Map<string, string>()
  /** Nothing below their paths can be made either. */
  readonly #failures = new Map<string, PathProblem>()
  /** Directories that exist, but without their attributes, and objects that lack some of what the root preserves. */
  readonly #unfinished = new Map<string, PathProblem>()

  readonly #changes: readonly StagedChange[]

  constructor(changes: readonly StagedChange[] = []) {
    this.#changes = changes
  }

  /** Those that are certain before the first call. */
  static before(
    changes: readonly StagedChange[],
    { blocked }: Pick<Plan, 'blocked'>,
    untouchable: Pick<Untouchable, 'missingAbove'>,
  ): Failures {
    const failures = new Failures(changes)
    for (const change of changes) {
      if ('lacks' in change && change.lacks !== undefined) failures.unfinished(change.path, change.lacks)
      const missing = untouchable.missingAbove(change.path)
      if (missing !== null) failures.fail(missing, UNMOUNTED)
    }
    for (const path of blocked) failures.fail(path, BLOCKED)
    return failures
  }

  fail(path: string, reason: Reason): void {
    this.#failures.set(path, { path, ...reason })
  }

  unfinished(path: string, reason: Reason): void {
    this.#unfinished.set(path, { path, ...reason })
  }

  /** Whether the path, or a directory above it, could not be made. */
  isBlocked(path: string): boolean {
    return this.#failureAbove(path) !== null
  }

  /** What is staged for a file that could not be made; null: it could, or nothing is. */
  unusedOf(path: string): (StagedFile & { staged: string }) | null {
    if (!this.isBlocked(path)) return null
    const found = this.#changes.find((change) => change.path === path)
    return found?.kind === 'file' && found.staged !== null ? { ...found, staged: found.staged } : null
  }

  /** @param isAnswer whether the changes were asked for */
  undone(changes: readonly StagedChange[], isAnswer: boolean): Undone {
    const problems = [...this.#failures.values(), ...this.#unfinished.values()]
    if (problems.length === 0) return { again: [], failed: [], held: [], problems }
    // A directory stays while something in it is asked for again.
    const holding = new Set(problems.flatMap(({ path, code }) => (AGAIN.has(code) ? directoriesAbove(path) : [])))
    const isAgain = (path: string) => holding.has(path) || AGAIN.has(this.#failureAbove(path)?.code ?? '')
    const isUndone = (change: StagedChange) =>
      this.#isOwed(change) || (change.kind === 'absent' && holding.has(change.path))
    const undone = changes.filter(isUndone).map(({ path }) => path)
    return {
      again: undone.filter(isAgain),
      failed: undone.filter((path) => !isAgain(path)),
      held: changes.flatMap((change) => (this.#holdsContent(change) ? [[change.path, change.digest]] : [])),
      problems: problems.filter(({ code }) => isAnswer || !AGAIN.has(code)),
    }
  }

  /** Whether some attributes alone were refused. */
  #holdsContent(change: StagedChange): change is StagedFile & { digest: string } {
    return this.#unfinished.has(change.path) && change.kind === 'file' && change.digest !== undefined
  }

  #isOwed({ path, kind }: StagedChange): boolean {
    const above = this.#failureAbove(path)
    // What is to go from a filesystem that is not mounted is there when it comes back.
    const isFailed = kind === 'absent' && above?.code !== UNMOUNTED.code ? this.#failures.has(path) : above !== null
    return this.#unfinished.has(path) || isFailed
  }

  #failureAbove(path: string): PathProblem | null {
    if (this.#failures.size === 0) return null
    for (let at = path; at !== ROOT_PATH; at = parentPath(at)) {
      const failure = this.#failures.get(at)
      if (failure !== undefined) return failure
    }
    return null
  }
}

function directoriesAbove(path: string): string[] {
  return path === ROOT_PATH ? [] : [parentPath(path), ...directoriesAbove(parentPath(path))]
}
