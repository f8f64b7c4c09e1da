/**
 * Keeps the files that a burst replaces or removes until the burst is over. Freeing an old file's blocks takes a disk
 * longer than the rename that replaces the file, and meanwhile visitors would see the tree half old and half new.
 *
 *   before the burst   a hard link in staging to each file that will be replaced
 *   in the burst       a removal is a rename into staging
 *   afterwards         staging is tidied, and the old files are freed
 *
 * INVARIANT: a kept file is litter. An interrupted burst does not need it, and every start removes it. A file that
 * cannot be kept (another filesystem, too many links, no right to link it) is replaced or removed directly.
 */
import { linkSync, renameSync, unlinkSync } from 'node:fs'
import { errorCode } from '@rootferry/host/machine'
import type { WorkArea } from '../area/work-area.ts'
import type { BorderView } from '../files/disk-errors.ts'
import type { Operation, Plan } from '../ledger/operation.ts'

/** Below this number of files the links would take longer than they save. */
const FEWEST = 32
/** Errors that concern one file, or this place, only: the file is not kept. */
const NOT_KEPT = new Set([
  'ENOENT',
  'EXDEV',
  'EPERM',
  'EMLINK',
  'ENOTDIR',
  'EACCES',
  'EEXIST',
  'EOPNOTSUPP',
  'ENOSPC',
  'EDQUOT',
])

export class KeptFiles {
  readonly #area: WorkArea
  readonly #borders: BorderView
  #isWorthIt = false
  #staging = ''

  constructor(area: WorkArea, borders: BorderView) {
    this.#area = area
    this.#borders = borders
  }

  /**
   * Links the files that the plan replaces, if there are enough of them. @throws the system error when the disk is in
   * trouble
   */
  begin(plan: Plan, locate: (path: string) => string): void {
    const replaced = plan.operations.filter(replacesFile)
    const removed = plan.operations.filter(({ do: step }) => step === 'unlink')
    this.#isWorthIt = replaced.length + removed.length >= FEWEST
    if (!this.#isWorthIt) return
    this.#staging = this.#area.directory('staging')
    for (const { path } of replaced) {
      // No link leads over a border, and a filesystem in trouble must not hold up the others.
      if (this.#borders.isAcrossBorder(path)) continue
      this.#unlessRefused(() => linkSync(locate(path), this.#newPlace()))
    }
  }

  /** Removes a file or symlink from the tree. @throws the system error */
  unlink(location: string): void {
    if (this.#isWorthIt && this.#unlessRefused(() => renameSync(location, this.#newPlace()))) return
    unlinkSync(location)
  }

  #newPlace(): string {
    return `${this.#staging}/kept-${this.#area.newName()}`
  }

  #unlessRefused(act: () => void): boolean {
    try {
      act()
      return true
    } catch (error) {
      if (!NOT_KEPT.has(errorCode(error) ?? '')) throw error
      return false
    }
  }
}

function replacesFile(operation: Operation): boolean {
  return operation.do === 'place' && operation.kind === 'file' && operation.replaces
}
