/**
 * Moves an object with everything below it, also to another filesystem, then piece by piece and in turns. Never follows
 * a symlink, not even a moved one.
 *
 * INVARIANT: a file leaves its place on one filesystem when its copy is on the disk of the other one, under its name: a
 * loss of power cannot take both.
 */
import { Buffer } from 'node:buffer'
import {
  closeSync,
  constants,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  type Stats,
  unlinkSync,
} from 'node:fs'
import { errorCode } from '@rootferry/host/machine'
import { diskObject } from '../files/attributes.ts'
import { AT_ONCE_BYTES, copyOne, copyOneSynced, keepAttributes, type Locate } from '../files/copy-object.ts'
import type { DiskObject } from '../files/disk-object.ts'
import { listInTurns } from '../files/list-in-turns.ts'
import type { Walk } from '../files/walk.ts'

/** Copies that get onto the disk together: one call for each takes more time. */
const MOST_COPIED = 256
const IF_ANY = { throwIfNoEntry: false } as const
const DIRECTORY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_DIRECTORY

/** Makes the call by which the object leaves its place. */
export type Taking = (act: () => void) => void

/** How names get onto the disk of the place that objects are moved to. */
export interface Settling {
  /** Returns when the new name of the object itself is on the disk, with the directories that were made for it. */
  name(): void
  /** Returns when everything is, on the filesystem of an open directory; null where there is no such call. */
  all: ((directory: number) => void) | null
}

/**
 * @param taking wraps the last call, by which the object itself is gone from its place
 * @throws the system error; on another filesystem a part may have been moved by then
 */
export function* move(from: Locate, to: Locate, settling: Settling, taking: Taking = (act) => act()): Walk<void> {
  if (renamed(from, to, taking)) return
  const top = lstatSync(from())
  if (top.isDirectory()) return yield* moveTree(from, to, settling, taking)
  yield* copyOneSynced(from, to)
  settling.name()
  try {
    taking(() => unlinkSync(from()))
  } catch (error) {
    // It may not be removed: each attempt would leave another copy.
    if (isStill(from, top) && lstatSync(to(), IF_ANY) !== undefined) unlinkSync(to())
    throw error
  }
}

/** Whether the object that was there before is there now. @throws the system error */
export function isStill(at: Locate, { ino, dev }: Pick<Stats, 'ino' | 'dev'>): boolean {
  const now = lstatSync(at(), IF_ANY)
  return now?.ino === ino && now.dev === dev
}

/** Errors that say that one object cannot be linked there. */
const NOT_LINKED = new Set(['EXDEV', 'EPERM', 'EMLINK', 'EACCES', 'EOPNOTSUPP', 'ENOSYS'])

/**
 * Puts a file or symlink in another place too: by a hard link, else by a copy, else it is moved.
 * @throws the system error
 */
export function* keepObject(from: Locate, to: Locate, settling: Settling): Walk<void> {
  try {
    linkSync(from(), to())
    return
  } catch (error) {
    if (!NOT_LINKED.has(errorCode(error) ?? '')) throw error
  }
  try {
    yield* copyOneSynced(from, to)
  } catch (error) {
    // It may be moved though it may not be read.
    if (errorCode(error) !== 'EACCES') throw error
    return yield* move(from, to, settling)
  }
  settling.name()
}

function renamed(from: Locate, to: Locate, taking: Taking): boolean {
  try {
    taking(() => renameSync(from(), to()))
    return true
  } catch (error) {
    if (errorCode(error) !== 'EXDEV') throw error
    return false
  }
}

/** A directory on its way; names are taken from the end. */
interface Level {
  object: DiskObject
  from: number
  to: number
  names: Buffer[]
  /** Copies that may not be on the disk yet, with the time at which each original had last changed. */
  copied: { name: Buffer; changedMs: number }[]
}

/** For a directory on a filesystem of its own, or in a lower layer of an overlay. */
function* moveTree(from: Locate, to: Locate, settling: Settling, taking: Taking): Walk<void> {
  const levels: Level[] = []
  /** The names that lead to the levels below the first. */
  const way: Buffer[] = []
  let copied = 0
  try {
    levels.push(yield* enter(from, to))
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      yield copied
      copied = 0
      const name = level.names.pop()
      if (name === undefined || level.copied.length === MOST_COPIED) yield* settle(levels, settling)
      if (name === undefined) {
        levels.pop()
        leave(level)
        const above = levels.at(-1)
        const last = way.pop()
        if (above !== undefined && last !== undefined) rmdirSync(below(above.from, last))
        else taking(() => rmdirSync(from()))
        continue
      }
      const [source, target] = [() => below(level.from, name), () => below(level.to, name)]
      if (renamed(source, target, (act) => act())) continue
      const status = lstatSync(source())
      if (status.isDirectory()) {
        levels.push(yield* enter(source, target))
        way.push(name)
        continue
      }
      yield* (settling.all === null ? copyOneSynced : copyOne)(source, target)
      level.copied.push({ name, changedMs: status.ctimeMs })
      if (status.isFile() && status.size <= AT_ONCE_BYTES) copied = status.size
    }
  } finally {
    for (const { from: source, to: target } of levels) {
      closeSync(source)
      closeSync(target)
    }
  }
}

/** Takes the originals away, when their copies in the last of the levels are on the disk. */
function* settle(levels: readonly Level[], settling: Settling): Walk<void> {
  const level = levels.at(-1)
  if (level === undefined || level.copied.length === 0) return
  if (settling.all !== null) settling.all(level.to)
  else {
    for (const { to } of levels) fsyncSync(to)
    settling.name()
  }
  for (const { name, changedMs } of level.copied) {
    const [source, target] = [() => below(level.from, name), () => below(level.to, name)]
    const changed = lstatSync(source(), IF_ANY)?.ctimeMs
    if (changed === changedMs) unlinkSync(source())
    else if (changed !== undefined) {
      // It was written meanwhile.
      if (lstatSync(target(), IF_ANY) !== undefined) unlinkSync(target())
      yield* move(source, target, { ...settling, name: () => fsyncSync(level.to) })
    }
  }
  level.copied = []
}

function* enter(from: Locate, to: Locate): Walk<Level> {
  const object = diskObject(lstatSync(from()))
  mkdirSync(to(), { mode: 0o700 })
  const source = openSync(from(), DIRECTORY)
  let target = -1
  let names: Buffer[] | null = null
  try {
    target = openSync(to(), DIRECTORY)
    names = (yield* listInTurns(`/proc/self/fd/${source}`)).map(({ name }) => name)
    return { object, from: source, to: target, names, copied: [] }
  } finally {
    if (names === null) {
      closeSync(source)
      if (target >= 0) closeSync(target)
    }
  }
}

/** Everything in it is moved. */
function leave({ object, from, to }: Level): void {
  closeSync(from)
  try {
    keepAttributes(object, `/proc/self/fd/${to}/.`)
  } finally {
    closeSync(to)
  }
}

function below(directory: number, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${directory}/`), name])
}
