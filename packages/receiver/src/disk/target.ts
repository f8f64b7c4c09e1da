/**
 * Opens a root for commits: refuses it when that would be harmful, locks it, and builds everything that works on it.
 *
 * A symlink at the configured path is followed, here and only here.
 */

import { existsSync, readdirSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  Borders,
  BulkReads,
  ConfinedDirectories,
  chooseSystemCalls,
  EXIT,
  errorCode,
  Failure,
  kindOf,
  lookThrough,
  makeDirectories,
  plainMessage,
  RootLock,
  removeTree,
  sinceBootMs,
} from '@rootferry/host/machine'
import { parentPath, ROOT_PATH } from '@rootferry/protocol'
import type { ModeMap } from '../mode-map.ts'
import type { DiskOptions, JoinGuard } from '../root-messages.ts'
import { Removal } from './area/removal.ts'
import { Trash } from './area/trash.ts'
import { WallClock } from './area/wall-clock.ts'
import { WorkArea } from './area/work-area.ts'
import { AskedFirst } from './commit/asked-first.ts'
import { Burst } from './commit/burst.ts'
import { WantSize } from './debts/want-size.ts'
import { readObject, statusOf } from './files/attributes.ts'
import { birthOf } from './files/birth.ts'
import { isOperatingError, RootGone } from './files/disk-errors.ts'
import type { Creation } from './files/disk-object.ts'
import { ExtendedAttributes } from './files/extended.ts'
import { HookMatches } from './files/hook-matches.ts'
import { Inheritance } from './files/inheritance.ts'
import { KnownVolumes } from './files/known-volumes.ts'
import { localModes } from './files/local-modes.ts'
import { OwnerMap } from './files/owner.ts'
import { TimeGrains } from './files/time-grains.ts'
import { Untouchable } from './files/untouchable.ts'
import { Acceptance } from './ledger/acceptance.ts'
import { Ledger } from './ledger/ledger.ts'
import type { LedgerLog } from './ledger/ledger-file.ts'
import { PartialFiles } from './stage/partial-files.ts'
import { Room } from './stage/room.ts'
import { probeCreation } from './stage/staging.ts'
import { checkIdentity, refuseMissing, TargetFill } from './target-identity.ts'

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
  /** Of whole files. */
  readonly reads: BulkReads
  readonly ledger: Ledger
  readonly area: WorkArea
  /** Objects are thrown away through `removal` only. */
  readonly trash: Omit<Trash, 'throwAway'>
  readonly removal: Removal
  readonly untouchable: Untouchable
  /** Read anew together with the borders of `untouchable`. */
  readonly volumes: Pick<KnownVolumes, 'missing' | 'due' | 'compared' | 'hasNews'>
  readonly hooks: HookMatches
  /** The modes that what arrives gets here. */
  readonly modeOf: ModeMap
  readonly owners: OwnerMap
  readonly grains: TimeGrains
  /** How owners and modes are mapped, and what is preserved besides, as a text: another one is another mapping. */
  mapping(): string
  readonly extended: ExtendedAttributes
  readonly creation: Creation
  readonly partials: PartialFiles
  readonly wantSize: WantSize
  readonly burst: Burst
  readonly acceptance: Acceptance
  readonly guard: JoinGuard
  readonly extraneous: DiskOptions['extraneous']
  readonly room: Room
  /** @throws RootGone when the path does not lead to the directory that was opened any more */
  insistOnPlace(): void
  isEmpty(): boolean
  readonly fill: Pick<TargetFill, 'note'>
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
  if (!existsSync(path)) {
    new RootLock(path, parts)[Symbol.dispose]()
    refuseMissing(path, stateDir, options.log)
  }
  prepareDirectories(path, stateDir, dirname(trashDir))
  refuseHarm(realpathSync(path), realpathSync(stateDir), path)
  const { paths } = chooseSystemCalls(options.systemCalls).calls
  const confined = new ConfinedDirectories(path, 'followed', paths)
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
  const { path, stateDir, beforeStep } = options
  const opened = confined.rootStatus()
  const { ino, dev } = opened
  const ledger = Ledger.open(stateDir, options.bootId, options.log)
  const { creation, area, trash, room, hindrances, reads } = openArea(options, confined, ledger)
  const { volumes, untouchable } = openUntouchable(options, confined, ledger)
  const warn = (message: string) => options.log('warn', message, {})
  const { accounts, attributes } = chooseSystemCalls(options.systemCalls).calls
  const owners = new OwnerMap({ policy: options.owner, privileged: creation.privileged, accounts, warn })
  const { preserved } = ledger.debts.mapping
  const extended = new ExtendedAttributes({ calls: attributes, preserved, allowsCapabilities: options.allowSetuid })
  const mapping = () => mappingText(options, owners, extended)
  // What is staged would come with the attributes of another mapping.
  if (ledger.staged.series?.mapping !== mapping() && !ledger.hasIntent) ledger.staged.clear()
  // For the agent, a protected path does not exist.
  const isEmpty = () =>
    readdirSync(confined.locateDirectory(ROOT_PATH), { withFileTypes: true }).every((entry) =>
      untouchable.protects(entry.name, kindOf(entry)),
    )
  checkIdentity(ledger, path, opened, options.log)
  untouchable.refreshBorders()
  const fill = new TargetFill(ledger, isEmpty)
  fill.doubt(options.log)
  const insistOnPlace = () => {
    if (confined.rootStatus().nlink === 0) throw new RootGone('the root was removed while it was served')
    const status = lookThrough(path)
    if (status?.ino !== ino || status.dev !== dev) throw new RootGone(`${path} is not the directory that was opened`)
  }
  const removal = new Removal({ confined, trash, untouchable })
  const grains = probeTimes(area)
  const [staging, givesOwners] = [() => area.directory('staging'), () => owners.able]
  const governs = (attribute: string) => extended.governs(attribute)
  const inheritance = new Inheritance({ staging, attributes, gid: creation.gid, givesOwners, governs })
  const placing = { creation, grains, inheritance, extended, ...hindrances, reads }
  const parts = { confined, area, removal, trash, untouchable, ...placing, insistOnPlace }
  return {
    ...parts,
    modeOf: localModes(options.allowSetuid, options.mode),
    hooks: new HookMatches(options.hooks),
    path,
    namesPaths: options.namesPaths === true,
    ledger,
    owners,
    mapping,
    volumes,
    partials: new PartialFiles(area, ledger),
    wantSize: new WantSize(),
    room,
    burst: new Burst(beforeStep === undefined ? parts : { ...parts, beforeStep }),
    acceptance: new Acceptance(stateDir, `${dev} ${ino} ${path}`),
    guard: options.guard,
    extraneous: options.extraneous,
    isEmpty,
    fill,
    doubtPosition: () => {
      try {
        fill.doubt(options.log)
      } catch (error) {
        // The next welcome writes it down, as soon as that works, and nothing is committed before.
        if (!isOperatingError(error)) throw error
      }
    },
    close: async (clean) => {
      ledger.close(clean)
      area.close()
      for (const held of [confined, lock]) held[Symbol.dispose]()
    },
  }
}

function mappingText(
  { owner, mode, allowSetuid }: TargetOptions,
  { able }: OwnerMap,
  extended: ExtendedAttributes,
): string {
  const plain = [owner, mode, allowSetuid, able]
  return JSON.stringify(extended.isOn ? [...plain, extended.preserved] : plain)
}

/** The places for what is staged and for what is thrown away. */
function openArea(options: TargetOptions, confined: ConfinedDirectories, ledger: Ledger) {
  const { path, stateDir, now, bootId } = options
  const isOutside = renameWorks(stateDir, path)
  const probed = probeCreation(stateDir)
  // Inside the root a default ACL may change the modes of what is staged.
  const creation: Creation = { ...probed, exactModes: probed.exactModes && isOutside }
  const outside = { staging: join(stateDir, 'staging'), trash: options.trashDir }
  const area = new WorkArea(confined, ledger, creation, isOutside ? outside : null)
  area.skipNames(ledger.staged.names())
  const clock = new WallClock(join(stateDir, 'clock'), { now, sinceBoot: sinceBootMs, bootId })
  const room = new Room(() => area.filesystem, options.minFreePercent)
  const hindrances = {
    isForeign: (at: string) => ledger.debts.has(at) && !room.isShortFor(at),
    askedFirst: new AskedFirst(),
    lacksContent: (at: string) => ledger.debts.lacksContent(at),
    lackOn: (border: string, at: string, bytes: number) =>
      room.lackOn({ border, directory: () => confined.locateDirectory(parentPath(at)) }, at, bytes),
  }
  const { calls } = chooseSystemCalls(options.systemCalls)
  const { ranges } = calls
  const syncAll = ranges === null ? null : (directory: number) => ranges.syncFilesystem(directory)
  return {
    creation,
    area,
    trash: new Trash(area, options.trash, clock, syncAll),
    room,
    hindrances,
    reads: new BulkReads(calls),
  }
}

function openUntouchable({ path, bootId, protect }: TargetOptions, confined: ConfinedDirectories, ledger: Ledger) {
  const borders = new Borders(realpathSync(path))
  const volumes = new KnownVolumes({
    borders,
    row: ledger.debts.volumes,
    bootId,
    isDirectory: (at) => isDirectory(confined, at),
    birthAt: (at) => birthAt(confined, at),
  })
  const untouchable = new Untouchable(protect, volumes, ledger.debts.protect.takeUp(protect))
  untouchable.setExcluded(ledger.filter)
  return { volumes, untouchable }
}

/** A place that cannot be looked at may be one. */
function isDirectory(confined: ConfinedDirectories, path: string): boolean {
  try {
    return readObject(confined.locate(path))?.kind === 'directory'
  } catch (error) {
    return errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR'
  } finally {
    confined.release()
  }
}

/** Null when it cannot be looked at. */
function birthAt(confined: ConfinedDirectories, path: string): number | null {
  try {
    const status = statusOf(confined.locate(path))
    return status === null ? null : birthOf(status)
  } catch (error) {
    if (errorCode(error) === null) throw error
    return null
  } finally {
    confined.release()
  }
}

/** Of the target's own filesystem. */
function probeTimes(area: WorkArea): TimeGrains {
  const grains = new TimeGrains()
  try {
    grains.probe(area.directory('staging'))
    area.leave()
  } catch (error) {
    // A disk in trouble: the first time that is set and does not stay tells as much.
    if (!isOperatingError(error)) throw error
  }
  return grains
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
