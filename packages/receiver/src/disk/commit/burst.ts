/**
 * The burst that makes a changeset visible: carries out plans.
 *
 * Every call goes through a confined descriptor and does not follow the final component. A call that fails because the
 * tree has changed since the plan was made leads to a new plan. A call that fails for its path alone is a problem of
 * that path, whose change stays owed. Trouble of the whole disk is thrown, and the burst is run again later.
 * RACE: between a plan's look and its call a path can change once more; a rename then replaces the object that it
 * finds, as it would have done a moment earlier.
 */
import { Buffer } from 'node:buffer'
import { chmodSync, lstatSync, mkdirSync, renameSync } from 'node:fs'
import { type ConfinedDirectories, type DiskKind, errorCode, plainMessage } from '@rootferry/host/machine'
import { baseName, joinPath, parentPath } from '@rootferry/protocol'
import { type Removal, StaysError } from '../area/removal.ts'
import type { Trash } from '../area/trash.ts'
import type { WorkArea } from '../area/work-area.ts'
import { readObject, setAttributes } from '../files/attributes.ts'
import { type NewPlace, placeAcross } from '../files/copy-object.ts'
import { ExtendedRefused, isRace, isSystemError, isTroubleOfAll } from '../files/disk-errors.ts'
import type { Creation, DiskObject } from '../files/disk-object.ts'
import type { ExtendedAttributes } from '../files/extended.ts'
import type { Inheritance } from '../files/inheritance.ts'
import type { StagedChange } from '../files/staged-change.ts'
import type { TimeGrains } from '../files/time-grains.ts'
import type { Untouchable } from '../files/untouchable.ts'
import type { Walk } from '../files/walk.ts'
import { type Intent, isAnswer } from '../ledger/intent.ts'
import type { BurstOutcome, Finish, Operation, Plan } from '../ledger/operation.ts'
import type { AskedFirst } from './asked-first.ts'
import { DiskView } from './disk-view.ts'
import { Failures, JUST_WRITTEN, type Reason, STAGED_GONE } from './failures.ts'
import { KeptFiles } from './kept-files.ts'
import type { Placing } from './order-of-visibility.ts'
import { type PlaceLinkParts, placeLink } from './place-link.ts'
import { makePlan } from './plan.ts'
import { Precedence } from './precedence.ts'
import { mayBeNewer, meetsOther } from './shared-places.ts'

const MOST_ROUNDS = 4
/** So many operations take long enough to be seen. */
const MANY = 32
export interface BurstParts {
  confined: ConfinedDirectories
  area: WorkArea
  removal: Removal
  trash: Pick<Trash, 'keep' | 'throwAway'>
  untouchable: Untouchable
  /** @throws RootGone when the root's path does not lead to the directory that was opened any more */
  insistOnPlace(): void
  creation: Creation
  grains: Pick<TimeGrains, 'isSame' | 'learn'>
  inheritance: Pick<Inheritance, 'differs' | 'givesOwners'>
  extended: ExtendedAttributes
  /** Whether what is at the path may be this host's own: it was never made what the agent has. */
  isForeign(path: string): boolean
  askedFirst: AskedFirst
  /** Whether the path is owed, and its content is not known to be right. */
  lacksContent(path: string): boolean
  /** Why a file cannot be copied to the filesystem that is mounted at a border; null: there is room. */
  lackOn(border: string, path: string, bytes: number): Reason | null
  /** Called before each call that changes the tree; for fault injection. */
  beforeStep?(step: string, path: string): void
}

export type PlanOrder = Pick<Intent, 'changes' | 'before' | 'owed'> & { isAnswer: boolean }
export type BurstOrder = Omit<Intent, 'cleared' | 'isSeries'>

export class Burst {
  readonly #parts: BurstParts
  readonly #kept: KeptFiles
  readonly #precedence = new Precedence()
  /** Of this attempt. */
  #failures = new Failures()
  #unrestored: string[] = []
  /** By directory: whether it hands down what staging does not. */
  readonly #handsDown = new Map<string, boolean>()
  #raced = false
  #keepsReplaced = false
  /** The changes were asked for, and are what the agent has read since. */
  #isAnswer = false
  #askedMs: number | null = null
  /** Where objects are staged, looked for once in each attempt. */
  #staging = ''
  /** The plan for which files are kept already. */
  #keptFor: Plan | null = null

  constructor(parts: BurstParts) {
    this.#parts = parts
    this.#kept = new KeptFiles(parts.area, parts.untouchable)
  }

  /** @throws ProtocolError when the changes contradict each other */
  plan(order: PlanOrder): Plan {
    const { confined, untouchable, creation } = this.#parts
    untouchable.refreshBorders()
    const view = new DiskView(confined, untouchable)
    const isOther = otherContent(order, this.#parts)
    return makePlan({ ...order, untouchable, creation, isOther, lookUp: (path) => view.at(path) })
  }

  /**
   * Keeps the files that the plan replaces, ahead of a burst that is to be short.
   * @param isAgain those of an earlier plan for the same changes are kept, and are enough
   */
  keep(plan: Plan, isAgain: boolean): void {
    const { confined } = this.#parts
    try {
      if (!isAgain) this.#kept.begin(plan, (path) => confined.locate(path))
      this.#keptFor = plan
    } finally {
      confined.release()
    }
  }

  /**
   * Makes the changes visible; gives way only in directories that others filled. May be run again with the same
   * arguments at any time until it has returned.
   * @param first the plan for the present disk, if there is one already
   * @throws the system error when the disk as a whole is in trouble; RootGone
   */
  *run(order: BurstOrder, first: Plan | null): Walk<BurstOutcome> {
    const { confined } = this.#parts
    const { changes, askedMs, keepsReplaced } = order
    this.#keepsReplaced = keepsReplaced
    this.#isAnswer = isAnswer(order)
    const planned = { ...order, isAnswer: this.#isAnswer }
    this.#askedMs = askedMs
    this.#parts.insistOnPlace()
    let plan = first ?? this.plan(planned)
    let beganMs = performance.now()
    if (plan.operations.length >= MANY) this.#precedence.take()
    try {
      if (plan !== this.#keptFor) this.#kept.begin(plan, (path) => confined.locate(path))
      this.#keptFor = null
      beganMs = performance.now()
      for (let round = 1; ; round += 1) {
        yield* this.#attempt(plan, changes, round === MOST_ROUNDS)
        if (!this.#raced) break
        confined.release()
        plan = this.plan(planned)
      }
    } finally {
      this.#precedence.giveBack()
      confined.release()
    }
    const micros = Math.round((performance.now() - beganMs) * 1_000)
    // Objects that were placed in a directory which is no longer visible are not committed.
    this.#parts.insistOnPlace()
    const { untouchable } = this.#parts
    const { again, failed, held, problems } = this.#failures.undone(changes, this.#isAnswer)
    return {
      owed: [
        ...plan.owed.filter((path) => untouchable.missingAbove(path) === null),
        ...again,
        ...this.#failures.otherLinks,
      ],
      failed,
      held,
      problems,
      unrestored: this.#unrestored,
      bordered: leftForBorders(changes, untouchable),
      micros,
    }
  }

  /** @param isLast whether a race now counts as a problem of its path */
  *#attempt(plan: Plan, changes: readonly StagedChange[], isLast: boolean): Walk<void> {
    this.#failures = Failures.before(changes, plan, this.#parts.untouchable)
    this.#unrestored = []
    this.#handsDown.clear()
    this.#raced = false
    if (plan.operations.some(usesStaging)) this.#staging = this.#parts.area.directory('staging')
    for (const operation of plan.operations) {
      if (this.#failures.isBlocked(operation.path)) continue
      yield* this.#guarded(operation, isLast)
    }
    for (const finish of plan.finish) this.#finish(finish, isLast)
  }

  *#carryOut(operation: Operation): Walk<void> {
    const { confined, removal, untouchable } = this.#parts
    const { path } = operation
    this.#parts.beforeStep?.(operation.do, path)
    switch (operation.do) {
      case 'open':
        openUp(confined, path, operation.mode)
        return
      case 'vacate':
        yield* removal.vacate(path)
        return
      case 'unlink':
        if (untouchable.isAcrossBorder(path) && mayBeNewer(confined.locate(path), this.#askedMs)) this.#askFirst(path)
        else if (this.#keeps(path)) yield* this.#parts.trash.throwAway(() => confined.locate(path), path)
        else this.#kept.unlink(confined.locate(path))
        return
      case 'trash':
        yield* discard(removal, path, operation.kind)
        return
      case 'mkdir':
        mkdirSync(confined.locate(path), operation.mode)
        return
      case 'place':
        yield* this.#place(operation)
        return
      case 'attributes':
        setFile(operation, this.#parts)
        return
      case 'link':
        yield* placeLink(operation, this.#linking(path), this.#failures)
        return
      case 'rmdir':
        yield* removal.removeDirectory(path)
    }
  }

  #linking(path: string): PlaceLinkParts {
    const place = (placing: Placing) => this.#place(placing)
    return { ...this.#parts, staging: this.#staging, keeps: this.#keeps(path), place }
  }

  *#place(operation: Placing): Walk<void> {
    const { confined, trash, untouchable } = this.#parts
    const staged = `${this.#staging}/${operation.staged}`
    const location = () => confined.locate(operation.path)
    const isKept = this.#keeps(operation.path) && operation.replaces && operation.kind !== 'directory'
    const border = operation.kind === 'directory' ? null : untouchable.borderOf(operation.path)
    if (border !== null) {
      const meeting = yield* meetsOther(() => staged, location, this.#askedMs)
      if (meeting === 'newer') this.#askFirst(operation.path)
      if (meeting !== 'other') return
      const lack = isThere(staged) ? this.#parts.lackOn(border, operation.path, operation.size) : null
      if (lack !== null) return this.#failures.fail(operation.path, lack)
    }
    // Without a staged object an earlier attempt has placed it already.
    const takeBack = isKept && isThere(staged) ? yield* trash.keep(location, operation.path) : null
    try {
      yield* this.#put(operation, staged, location)
    } catch (error) {
      takeBack?.()
      throw error
    }
  }

  *#put(operation: Placing, staged: string, location: () => string): Walk<void> {
    const isStaged = () => isThere(staged)
    const across = () => placeAcross(() => staged, location, this.#newPlace(operation.path))
    if (this.#isMadeThere(operation.path) && isStaged()) return yield* across()
    try {
      renameSync(staged, location())
    } catch (error) {
      if (errorCode(error) === 'EXDEV') return yield* across()
      if (errorCode(error) !== 'ENOENT' || isStaged()) throw error
      // Nothing is staged any more: an earlier attempt placed it, or it is lost.
      if (!isPlaced(operation, readObject(location()), this.#parts.grains))
        this.#failures.fail(operation.path, STAGED_GONE)
    }
  }

  /** Whether a copy is kept of what is there. Across a border an answer meets what was just written, maybe by this host. */
  #keeps(path: string): boolean {
    const { untouchable, isForeign } = this.#parts
    if (this.#keepsReplaced || untouchable.wasLocal(path)) return true
    if (this.#isAnswer && untouchable.isAcrossBorder(path)) return !wasAskedFirst(path, this.#parts)
    return isForeign(path)
  }

  /** What is at the path may be newer than what the agent has read. */
  #askFirst(path: string): void {
    askFirst(path, this.#parts)
    this.#failures.fail(path, JUST_WRITTEN)
  }

  #newPlace(at: string): NewPlace {
    const { extended, inheritance } = this.#parts
    const refused = (below: string, { code, message }: ExtendedRefused) =>
      this.#failures.unfinished(below === '' ? at : joinPath(at, below), { code, message })
    return { givesOwners: inheritance.givesOwners, extended, refused }
  }

  /** Whether it must be created in its directory to be as if it had been. */
  #isMadeThere(path: string): boolean {
    const parent = parentPath(path)
    const known = this.#handsDown.get(parent)
    if (known !== undefined) return known
    const { confined, inheritance } = this.#parts
    const differs = inheritance.differs(confined.locateDirectory(parent))
    this.#handsDown.set(parent, differs)
    return differs
  }

  #finish({ path, change, isOwn }: Finish, isLast: boolean): void {
    if (this.#failures.isBlocked(path)) return
    try {
      this.#parts.beforeStep?.('finish', path)
      setAttributes(this.#parts.confined.locate(path), 'directory', change, this.#parts.extended)
    } catch (error) {
      if (isTroubleOfAll(error, path, this.#parts.untouchable) || !isSystemError(error)) throw error
      if (!isOwn) this.#unrestored.push(path)
      else if (isRace(error) && !isLast) this.#raced = true
      else this.#failures.unfinished(path, { code: errorCode(error) ?? 'unknown', message: plainMessage(error) })
    }
  }

  *#guarded(operation: Operation, isLast: boolean): Walk<void> {
    const { path } = operation
    try {
      yield* this.#carryOut(operation)
    } catch (error) {
      if (error instanceof StaysError) this.#failures.fail(path, { code: 'protected', message: error.message })
      else if (error instanceof ExtendedRefused)
        this.#failures.unfinished(path, { code: error.code, message: error.message })
      else if (isTroubleOfAll(error, path, this.#parts.untouchable) || !isSystemError(error)) throw error
      else if (isRace(error) && !isLast) this.#raced = true
      else this.#failures.fail(path, { code: errorCode(error) ?? 'unknown', message: plainMessage(error) })
    }
  }
}

type Asking = Pick<BurstParts, 'askedFirst' | 'confined' | 'isForeign'>

function askFirst(path: string, { askedFirst, confined, isForeign }: Asking): void {
  if (!isForeign(path)) askedFirst.note(path, confined.locate(path))
}

function wasAskedFirst(path: string, { askedFirst, confined }: Asking): boolean {
  return askedFirst.take(path, confined.locate(path))
}

/** Whether what is at a path is known to have other content than the agent takes it to have. */
function otherContent(
  { changes, owed, isAnswer }: PlanOrder,
  { lacksContent }: Pick<BurstParts, 'lacksContent'>,
): (path: string) => boolean {
  const lacking = new Set(owed)
  // What stays of an answer is what was named in the question.
  const named = new Set(isAnswer ? changes.map(({ path }) => path) : [])
  return (path) => lacking.has(path) || (!named.has(path) && lacksContent(path))
}

function leftForBorders(changes: readonly StagedChange[], untouchable: Pick<Untouchable, 'holdsBorder'>): string[] {
  return changes.filter(({ kind, path }) => kind === 'absent' && untouchable.holdsBorder(path)).map(({ path }) => path)
}

/** Best effort: a directory that cannot be opened shows in the calls that need it. */
function openUp(confined: ConfinedDirectories, path: string, mode: number): void {
  try {
    chmodSync(confined.locateDirectory(path), mode)
  } catch (error) {
    if (errorCode(error) !== 'EPERM' && errorCode(error) !== 'EACCES') throw error
  }
}

/** Discards the object that is where a directory must be. */
function* discard(removal: Removal, path: string, kind: DiskKind): Walk<void> {
  const name = Buffer.from(baseName(path))
  for (const removable of yield* removal.removable(parentPath(path), name, kind)) yield* removal.throwAway(removable)
}

function isPlaced(operation: Placing, found: DiskObject | null, grains: Pick<TimeGrains, 'isSame'>): boolean {
  if (found?.kind !== operation.kind) return false
  const isWhole = found.kind !== 'file' || found.size === operation.size
  return isWhole && (found.kind === 'directory' || grains.isSame(found, operation.mtime))
}

function isThere(location: string): boolean {
  return lstatSync(location, { throwIfNoEntry: false }) !== undefined
}

function usesStaging({ do: step }: Operation): boolean {
  return step === 'place' || step === 'link'
}

function setFile(
  { path, change }: Extract<Operation, { do: 'attributes' }>,
  { confined, extended, grains, untouchable }: BurstParts,
): void {
  const location = confined.locate(path)
  setAttributes(location, 'file', change, extended)
  // How exactly the root's own filesystem keeps times is known.
  if (change.mtime !== null && untouchable.isAcrossBorder(path)) grains.learn(location, 'file', change.mtime)
}
