/**
 * The trash of one root as an operator sees it: which files are in it, and how one comes back. Needs no daemon.
 *
 * INVARIANT: nothing is ever replaced without a copy. A file that is in the way is moved to the trash first, and only when
 * that was asked for. Never led through a symlink: trash and target are entered by descriptors that follow none.
 */
import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, type Stats, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { ConfinedDirectories, EXIT, errorCode, Failure, kindOf, printable } from '@rootferry/host/machine'
import { isEntryPath, joinPath, parentPath, RESERVED_NAME, ROOT_PATH } from '@rootferry/protocol'

const DIRECTORY_MODE = 0o755
const PRIVATE = 0o700
/** Batches are named after the time at which they were begun. */
const BATCH = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z$/

export interface TrashedFile {
  batch: string
  /** Below the root. */
  path: string
  kind: 'file' | 'directory' | 'symlink' | 'other'
  /** Bytes of a file. */
  size: number
}

export interface TrashedRoot {
  name: string
  path: string
}

/** Files, symlinks and empty directories, the latest batch first. @throws the system error */
export function* trashedFiles(stateDir: string, root: TrashedRoot): Generator<TrashedFile> {
  for (const place of placesOf(stateDir, root)) {
    using trash = new ConfinedDirectories(place, 'refused')
    for (const batch of batchesIn(place)) yield* filesIn(trash, batch)
  }
}

export interface Restored {
  batch: string
  /** In which batch the object that was in the way is now; null: there was none. */
  displaced: string | null
}

/**
 * Moves an object from the trash back to its place.
 * @param replaces whether an object that is in its place is moved to the trash
 * @throws Failure with one line for the operator
 */
export function restoreFile(stateDir: string, root: TrashedRoot, path: string, replaces: boolean): Restored {
  if (!isEntryPath(path) || path === ROOT_PATH)
    throw new Failure(EXIT.usage, `'${printable(path)}' is not a path below a root`)
  const found = latest(stateDir, root, path)
  if (found === null) {
    throw new Failure(
      EXIT.failed,
      `${printable(path)} is not in the trash of ${root.name}: 'trash list ${root.name}' shows what is`,
    )
  }
  const { place, batch } = found
  using trash = new ConfinedDirectories(place, 'refused')
  using target = new ConfinedDirectories(root.path)
  try {
    makeParents(target, parentPath(path))
    const location = target.locate(path)
    let displaced: string | null = null
    keepingTime(target, parentPath(path), () => {
      if (lstatSync(location, { throwIfNoEntry: false }) !== undefined) {
        if (!replaces)
          throw new Failure(EXIT.failed, `${printable(path)} is there: --replace moves it to the trash first`)
        displaced = displace(trash, location, path)
      }
      renameSync(trash.locate(`${batch}/${path}`), location)
    })
    return { batch, displaced }
  } catch (error) {
    if (error instanceof Failure || errorCode(error) === undefined) throw error
    throw new Failure(EXIT.failed, `${printable(path)} cannot be restored: ${String(errorCode(error))}`, {
      cause: error,
    })
  }
}

/** The trash lies in the state directory, or inside the root where that is another filesystem. */
function placesOf(stateDir: string, { name, path }: TrashedRoot): string[] {
  return [join(stateDir, 'trash', name), join(path, RESERVED_NAME, 'trash')].filter((place) => existsSync(place))
}

function batchesIn(place: string): string[] {
  return readdirSync(place)
    .filter((name) => BATCH.test(name))
    .sort()
    .reverse()
}

function* filesIn(trash: ConfinedDirectories, batch: string): Generator<TrashedFile> {
  const waiting = [batch]
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    const names = readdirSync(trash.locateDirectory(directory)).sort()
    if (names.length === 0 && directory !== batch) {
      yield { batch, path: directory.slice(batch.length + 1), kind: 'directory', size: 0 }
    }
    for (const name of names) {
      const path = joinPath(directory, name)
      const status = lstatSync(trash.locate(path), { throwIfNoEntry: false })
      if (status === undefined) continue
      if (status.isDirectory()) waiting.push(path)
      else yield { batch, path: path.slice(batch.length + 1), kind: kindOf(status), size: sizeOf(status) }
    }
  }
}

function sizeOf(status: Stats): number {
  return status.isFile() ? status.size : 0
}

function latest(stateDir: string, root: TrashedRoot, path: string): { place: string; batch: string } | null {
  for (const place of placesOf(stateDir, root)) {
    using trash = new ConfinedDirectories(place, 'refused')
    const batch = batchesIn(place).find((name) => isThere(trash, `${name}/${path}`))
    if (batch !== undefined) return { place, batch }
  }
  return null
}

function isThere(directories: ConfinedDirectories, path: string): boolean {
  try {
    return lstatSync(directories.locate(path), { throwIfNoEntry: false }) !== undefined
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR' || errorCode(error) === 'ELOOP') return false
    throw error
  }
}

function makeParents(target: ConfinedDirectories, directory: string): void {
  if (directory === ROOT_PATH || isThere(target, directory)) return
  makeParents(target, parentPath(directory))
  mkdirSync(target.locate(directory), { mode: DIRECTORY_MODE })
}

/** @returns the batch of its own in which the object is now */
function displace(trash: ConfinedDirectories, location: string, path: string): string {
  const batch = new Date().toISOString().replaceAll(/[:.]/g, '-')
  mkdirSync(trash.locate(batch), { mode: PRIVATE })
  makeParents(trash, parentPath(`${batch}/${path}`))
  renameSync(location, trash.locate(`${batch}/${path}`))
  return batch
}

/** The agent's time of a directory stays, or every later resync would find it changed. */
function keepingTime(target: ConfinedDirectories, directory: string, act: () => void): void {
  const location = `${target.locateDirectory(directory)}/.`
  const { atimeMs, mtimeMs } = lstatSync(location)
  try {
    act()
  } finally {
    utimesSync(location, atimeMs / 1_000, mtimeMs / 1_000)
  }
}
