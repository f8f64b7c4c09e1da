/**
 * Oracle for every single change of a receiver's disk, at the moment when it is made.
 *
 *   G2  no byte of a visible file is written; a file that becomes visible is a version that the source had at that path
 *   G3  the tree changes only while an intent is recorded, or while a resync is under way (no position)
 *   G6  nothing outside the root and the state directory changes, nothing that is protected or excluded does
 */
import { type PathFilter, PLACING_PREFIX } from '../../packages/protocol/src/index.ts'
import type { DiskChange } from './disk.ts'
import { presentProcess } from './farm.ts'
import type { Inode } from './inode.ts'
import { isAmidBurst, positionOf } from './judge-committed.ts'
import type { Machine } from './machine.ts'
import { BORDER_DEVICE, OWN_FILE, REPLACED, SHARED_DEVICE, STATE, TARGET } from './places.ts'
import { isShared } from './shared-volume.ts'
import { digestOfInode } from './tree-look.ts'
import { Violation } from './violation.ts'
import type { Workload } from './workload.ts'

const RESERVED = '.rootferry'

export interface WatchTargetParts {
  machine: Machine
  workload: Workload
  /** The paths that are protected or excluded now. */
  untouchable(): PathFilter
  /** Others change the tree too, so that a resync repairs committed changes. */
  isDrifting: boolean
  /** The tree, or another part of the receiver, has changed. @param isShared on a volume that is shared */
  changed: (isShared: boolean) => void
  /** Something becomes visible on a volume that is shared, or in its place. */
  sharing(path: string): void
  /** A part of the tree that visitors see changes. */
  showing: (change: DiskChange, path: string) => void
  violated: (violation: Violation) => void
}

/** Begins to watch. */
export function watchTarget(parts: WatchTargetParts): void {
  const { machine, violated } = parts
  const { disk } = machine
  disk.observe = (change, inode, directory, name) => {
    if (presentProcess() === null) return
    parts.changed((directory ?? inode).device === SHARED_DEVICE)
    try {
      judge(parts, change, inode, directory, name)
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      violated(error)
    }
  }
}

function judge(parts: WatchTargetParts, change: DiskChange, inode: Inode, directory: Inode | null, name: string): void {
  const { machine } = parts
  refuseBorderCrossing(change, inode, directory, name)
  const [target, state] = [machine.disk.find(TARGET), machine.disk.find(STATE)]
  const where = directory ?? inode
  // A file that lost its last name while a process holds it open is not checked.
  if (inode.places.length === 0 && directory === null) return
  if (target === null || !where.isWithin(target)) {
    // A volume that went while it was open: what is done to its content has an oracle of its own.
    if (where.device === SHARED_DEVICE) return
    if (state !== null && !where.isWithin(state) && inode !== state && !isOwnPlaceIn(where, change, name, machine)) {
      throw new Violation('G6', `${change} outside of root and state directory: ${name}`)
    }
    return
  }
  const paths = where.pathsBelow(target).map((path) => joined(path, directory === null ? null : name))
  const path = paths.find((one) => !isReservedAnywhere(one))
  if (path === undefined) return
  if (change === 'content') throw new Violation('G2', `${path} is written to where everybody sees it`)
  // Making and removing the staging directory must not change the root's time.
  if (path === '.' && change === 'attributes') return
  parts.showing(change, path)
  if (parts.untouchable().excludesWithParents(path, inode.kind)) {
    throw new Violation('G6', `${change} of ${path}, which is protected or excluded`)
  }
  // A volume that is mounted again is compared, and what it has follows.
  if (!parts.isDrifting && !isShared(path) && !isAmidBurst(machine) && positionOf(machine) !== null)
    throw new Violation('G3', `${change} of ${path} without an intent`)
  if (change === 'attach' && isShared(path)) parts.sharing(path)
  if (change === 'attach') refuseStrangers(parts, path, inode)
}

/** The receiver's own directory in what was its target, and the time of that one, which it gives back. */
function isOwnPlaceIn(where: Inode, change: DiskChange, name: string, { disk }: Machine): boolean {
  const path = where.pathsBelow(disk.root).find((one) => one.includes(`/${REPLACED}`)) ?? ''
  if (path === '') return false
  return name === RESERVED || path.includes(`/${RESERVED}`) || (change === 'attributes' && path.split('/').length === 2)
}

/** Also what is completed beside its place before it gets its name. */
function isReservedAnywhere(path: string): boolean {
  return path === RESERVED || path.startsWith(`${RESERVED}/`) || path.includes(PLACING_PREFIX)
}

/** A mount stays where it is, and what this host has of its own in it as well. */
function refuseBorderCrossing(change: DiskChange, inode: Inode, directory: Inode | null, name: string): void {
  if (change !== 'detach' || (inode.device !== BORDER_DEVICE && inode.device !== SHARED_DEVICE)) return
  if (directory?.device !== inode.device)
    throw new Violation('G6', `the filesystem that is mounted at ${name} is moved`)
  if (name === OWN_FILE) throw new Violation('G6', `${name} is taken out of the filesystem that is mounted there`)
}

/** Files that become visible at and below a path. */
function refuseStrangers(parts: WatchTargetParts, path: string, inode: Inode): void {
  if (inode.kind === 'file') {
    if (!parts.workload.hadContent(path, digestOfInode(inode))) {
      throw new Violation('G2', `${path} becomes visible with content that the source never had there`)
    }
  }
  for (const [name, below] of inode.entries) refuseStrangers(parts, `${path}/${name}`, below)
}

function joined(directory: string, name: string | null): string {
  if (name === null) return directory
  return directory === '.' ? name : `${directory}/${name}`
}
