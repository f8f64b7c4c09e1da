/**
 * Opens a root for commits: refuses it when that would be harmful, locks it, and builds everything that works on it.
 *
 * A symlink at the configured path is followed, here and only here. The position in the ledger counts only for the
 * directory for which it was recorded: another directory at the same path, or an empty one, begins anew.
 */

import { existsSync, readdirSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  Borders,
  ConfinedDirectories,
  chooseSystemCalls,
  EXIT,
  errorCode,
  Failure,
  kindOf,
  makeDirectories,
  mountPointOf,
  plainMessage,
  RootLock,
  removeTree,
  sinceBootMs,
} from '@rootferry/host/machine'
import { ROOT_PATH } from '@rootferry/protocol'
import type { ModeMap } from '../mode-map.ts'
import type { DiskOptions, JoinGuard } from '../root-messages.ts'
import { Removal } from './area/removal.ts'
import { Trash } from './area/trash.ts'
import { WallClock } from './area/wall-clock.ts'
import { WorkArea } from './area/work-area.ts'
import { Burst } from './commit/burst.ts'
import { isOperatingError } from './files/disk-errors.ts'
import type { Creation } from './files/disk-object.ts'
import { HookMatches } from './files/hook-matches.ts'
import { localModes } from './files/local-modes.ts'
import { OwnerMap } from './files/owner.ts'
import { Untouchable } from './files/untouchable.ts'
import { Acceptance } from './ledger/acceptance.ts'
import { Ledger } from './ledger/ledger.ts'
import type { LedgerLog } from './ledger/ledger-file.ts'
import { PartialFiles } from './stage/partial-files.ts'
import { Room } from './stage/room.ts'
import { probeCreation } from './stage/staging.ts'

export interface TargetOptions extends DiskOptions {
  now(): number
  log: LedgerLog
  beforeStep?(step: string, path: string): void
}

export interface Target {
  readonly path: string
  /** Whether commits are to name their paths. */
  readonly namesPaths: boolean
  readonly confined: ConfinedDirectories
  readonly ledger: Ledger
  readonly area: WorkArea
  /** Objects are thrown away through `removal` only. */
  readonly trash: Omit<Trash, 'throwAway'>
  readonly removal: Removal
  readonly untouchable: Untouchable
  readonly hooks: HookMatches
  /** The modes that what arrives gets here. */
  readonly modeOf: ModeMap
  readonly owners: OwnerMap
  readonly creation: Creation
  readonly partials: PartialFiles
  readonly burst: Burst
  readonly acceptance: Acceptance
  readonly guard: JoinGuard
  readonly extraneous: DiskOptions['extraneous']
  readonly room: Room
  /** Whether the path still leads to the directory that was opened. */
  isInPlace(): boolean
  isEmpty(): boolean
  /** Forgets the position when nothing of the recorded tree is left, if need be in memory only. */
  doubtPosition(): void
  /** @param clean whether everything committed was synced to disk */
  close(clean: boolean): Promise<void>
}

/** @throws Failure with one line for the operator */
export async function openTarget(options: TargetOptions): Promise<Target> {
  const { path, stateDir, trashDir } = options
  const parts = {
    role: 'receiver' as const,
    systemCalls: options.systemCalls,
    warn: (message: string, details: Record<string, unknown>) => options.log('warn', message, details),
  }
  // Nothing is made in somebody else's root.
  if (!existsSync(path)) new RootLock(path, parts)[Symbol.dispose]()
  prepareDirectories(path, stateDir, dirname(trashDir))
  refuseHarm(realpathSync(path), realpathSync(stateDir), path)
  const confined = new ConfinedDirectories(path)
  let lock: RootLock | null = null
  try {
    lock = new RootLock(path, parts)
    return assemble(options, confined, lock)
  } catch (error) {
    lock?.[Symbol.dispose]()
    confined[Symbol.dispose]()
    throw error
  }
}

function assemble(options: TargetOptions, confined: ConfinedDirectories, lock: RootLock): Target {
  const { path, stateDir, now } = options
  const { ino, dev } = confined.rootStatus()
  const ledger = Ledger.open(stateDir, options.bootId, options.log)
  const creation = probeCreation(stateDir)
  const outside = { staging: join(stateDir, 'staging'), trash: options.trashDir }
  const area = new WorkArea(confined, ledger, creation, renameWorks(stateDir, path) ? outside : null)
  area.skipNames(ledger.staged.names())
  const clocks = { now, sinceBoot: sinceBootMs, bootId: options.bootId }
  const trash = new Trash(area, options.trash, new WallClock(join(stateDir, 'clock'), clocks))
  const borders = new Borders(realpathSync(path))
  const untouchable = new Untouchable(options.protect, borders)
  untouchable.setExcluded(ledger.filter)
  const warn = (message: string) => options.log('warn', message, {})
  const { accounts } = chooseSystemCalls(options.systemCalls).calls
  const owners = new OwnerMap({ policy: options.owner, privileged: creation.privileged, accounts, warn })
  // For the agent, a protected path does not exist.
  const isEmpty = () =>
    readdirSync(confined.locateDirectory(ROOT_PATH), { withFileTypes: true }).every((entry) =>
      untouchable.protects(entry.name, kindOf(entry)),
    )
  checkIdentity(ledger, identityOf(path, ino), options.log)
  doubtEmptied(ledger, isEmpty(), options.log)
  const step = options.beforeStep
  const isInPlace = () => {
    const status = statSync(path, { throwIfNoEntry: false })
    return status !== undefined && status.ino === ino && status.dev === dev
  }
  const removal = new Removal({ confined, trash, untouchable })
  const parts = { confined, area, removal, trash, untouchable, creation, isInPlace }
  return {
    ...parts,
    modeOf: localModes(options.allowSetuid, options.mode),
    hooks: new HookMatches(options.hooks),
    trash,
    path,
    namesPaths: options.namesPaths === true,
    ledger,
    owners,
    partials: new PartialFiles(area, ledger),
    room: new Room(() => area.filesystem, options.minFreePercent),
    burst: new Burst(step === undefined ? parts : { ...parts, beforeStep: step }),
    acceptance: new Acceptance(stateDir, `${dev} ${ino} ${path}`),
    guard: options.guard,
    extraneous: options.extraneous,
    isEmpty,
    doubtPosition: () => {
      const emptied = isEmpty()
      try {
        doubtEmptied(ledger, emptied, options.log)
      } catch (error) {
        // The next welcome writes it down, as soon as that works, and nothing is committed before.
        if (!isOperatingError(error)) throw error
      }
    },
    close: async (clean) => {
      ledger.close(clean)
      area.close()
      confined[Symbol.dispose]()
      lock[Symbol.dispose]()
    },
  }
}

function prepareDirectories(path: string, ...ours: string[]): void {
  prepareDirectory(path, 0o755, 'a target')
  for (const directory of ours) prepareDirectory(directory, 0o700, 'a place for state')
}

function prepareDirectory(path: string, mode: number, use: string): void {
  try {
    makeDirectories(path, mode)
  } catch (error) {
    const isOther = errorCode(error) === 'EEXIST' || errorCode(error) === 'ENOTDIR'
    const what = isOther ? 'is not a directory, or below something that is none' : plainMessage(error)
    throw new Failure(EXIT.failed, `${path} cannot be used as ${use}: ${what}`, { cause: error })
  }
}

function refuseHarm(root: string, stateDir: string, path: string): void {
  if (root === '/') throw new Failure(EXIT.badConfiguration, `${path} is the root of the file system, not a docroot`)
  if (`${stateDir}/`.startsWith(`${root}/`)) {
    throw new Failure(EXIT.badConfiguration, `the state directory ${stateDir} lies inside the target ${path}`)
  }
  if (`${root}/`.startsWith(`${stateDir}/`)) {
    throw new Failure(EXIT.badConfiguration, `the target ${path} lies inside its own state directory ${stateDir}`)
  }
}

/**
 * Whether objects staged in the state directory can be renamed into the root. A rename onto the root's `.` always
 * fails, with EXDEV when the two are on different mounts (also bind mounts of one filesystem) and else with EBUSY, so
 * nothing must be made in the tree to find out.
 */
function renameWorks(stateDir: string, path: string): boolean {
  const probe = join(stateDir, 'rename-probe')
  writeFileSync(probe, '')
  try {
    renameSync(probe, `${path}/.`)
  } catch (error) {
    return errorCode(error) === 'EBUSY' && statSync(stateDir).dev === statSync(path).dev
  } finally {
    removeTree(probe)
  }
  return false
}

/** An index begins with the root's own entry: up to there an empty target is as it should be. */
const ROOT_SEQUENCE = 1

/** The directory that the position in the ledger belongs to. */
interface TargetIdentity {
  inode: string
  /** As configured. */
  path: string
  /** The mount point of its filesystem. */
  mount: string
}

function identityOf(path: string, inode: number): TargetIdentity {
  return { inode: String(inode), path, mount: mountPointOf(realpathSync(path)) }
}

/** Earlier versions recorded the inode alone. */
function parseIdentity(text: string, present: TargetIdentity): TargetIdentity {
  return text.startsWith('{') ? { ...present, ...JSON.parse(text) } : { ...present, inode: text }
}

/** @throws Failure when the target's filesystem is not mounted, because files written here would never be visible */
function checkIdentity(ledger: Ledger, present: TargetIdentity, log: LedgerLog): void {
  const { rootIdentity, position } = ledger
  const known = rootIdentity === null ? null : parseIdentity(rootIdentity, present)
  if (known !== null && position !== null && known.path === present.path) refuseBareMountPoint(known, present)
  if (known !== null && known.inode !== present.inode && position !== null) {
    log('warn', 'the target is another directory than before', {})
    // First of all: a process that ends in between must not leave the position to another directory.
    ledger.forgetTarget()
  }
  const text = JSON.stringify(present)
  if (text !== rootIdentity) ledger.setRootIdentity(text)
}

function refuseBareMountPoint({ path, mount }: TargetIdentity, present: TargetIdentity): void {
  if (mount === present.mount || mount === '/' || mountPointOf(mount) === mount) return
  const remedy = 'mount it, or remove the state directory of this root to begin anew with what is there'
  throw new Failure(EXIT.failed, `${path}: the filesystem that was mounted at ${mount} is not mounted: ${remedy}`)
}

function doubtEmptied(ledger: Ledger, isEmpty: boolean, log: LedgerLog): void {
  if (!isEmpty || ledger.position === null || ledger.position.sequence <= ROOT_SEQUENCE) return
  log('warn', 'the target was emptied', {})
  ledger.forgetTarget()
}
