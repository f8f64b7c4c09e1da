/**
 * Brings an object from the trash of a root back to its place. Needs no daemon.
 *
 * INVARIANT: nothing is ever replaced without a copy. A file that is in the way is moved to the trash first, and only when
 * that was asked for; a directory in which another filesystem is mounted is never moved. What belongs to another
 * filesystem is copied there under a reserved name, and is on the disk before it leaves the trash. Never led through a
 * symlink: trash and target are entered by descriptors that follow none.
 */
import { spawnSync } from 'node:child_process'
import { lstatSync, mkdirSync, realpathSync, renameSync, utimesSync } from 'node:fs'
import {
  Borders,
  ConfinedDirectories,
  EXIT,
  errorCode,
  Failure,
  plainMessage,
  printable,
  removeTree,
} from '@rootferry/host/machine'
import { baseName, isEntryPath, joinPath, PLACING_PREFIX, parentPath, ROOT_PATH } from '@rootferry/protocol'
import { batchName, numbered } from '../trash-names.ts'
import { batchesIn, type TrashedRoot, trashPlaces } from './trash-files.ts'

const DIRECTORY_MODE = 0o755
const PRIVATE = 0o700

export interface Restored {
  batch: string
  /** How many objects with this path were in that batch. */
  versions: number
  /** In which batch the object that was in the way is now; null: there was none. */
  displaced: string | null
}

interface Found {
  place: string
  batch: string
  /** The path of each in the batch, the latest last. */
  versions: string[]
}

/**
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
  try {
    return restore(root, path, found, replaces)
  } catch (error) {
    if (error instanceof Failure || errorCode(error) === null) throw error
    throw new Failure(EXIT.failed, `${printable(path)} cannot be restored: ${plainMessage(error)}`, { cause: error })
  }
}

function restore(root: TrashedRoot, path: string, { place, batch, versions }: Found, replaces: boolean): Restored {
  using trash = new ConfinedDirectories(place, 'refused')
  using target = openTarget(root)
  const kept = `${batch}/${versions.at(-1) ?? path}`
  refuseMounted(place, kept, `what is in the trash of ${printable(path)}`)
  makeParents(target, parentPath(path))
  let displaced: string | null = null
  keepingTime(target, parentPath(path), () => {
    if (isThere(target, path)) {
      if (!replaces)
        throw new Failure(EXIT.failed, `${printable(path)} is there: --replace moves it to the trash first`)
      refuseMounted(root.path, path, printable(path))
      displaced = displace(trash, target, path)
    }
    try {
      move({ from: trash, path: kept }, { to: target, path })
    } catch (error) {
      if (displaced !== null) undo({ from: trash, path: `${displaced}/${path}` }, { to: target, path }, error)
      throw error
    }
  })
  return { batch, versions: versions.length, displaced }
}

/** @throws Failure when what was there cannot be put back */
function undo(displaced: Source, place: Place, cause: unknown): void {
  try {
    move(displaced, place)
  } catch (error) {
    const why = [cause, error].map(plainMessage).join('; ')
    const at = printable(displaced.path)
    throw new Failure(EXIT.failed, `it cannot be restored, and what was there is in the trash, at ${at}: ${why}`)
  }
}

function openTarget({ path }: TrashedRoot): ConfinedDirectories {
  try {
    return new ConfinedDirectories(path)
  } catch (error) {
    throw new Failure(EXIT.failed, `the target ${path} cannot be opened: ${plainMessage(error)}`, { cause: error })
  }
}

/** The latest of both places: a target may have been moved to another filesystem. */
function latest(stateDir: string, root: TrashedRoot, path: string): Found | null {
  const found = trashPlaces(stateDir, root).flatMap((place): Found[] => {
    using trash = new ConfinedDirectories(place, 'refused')
    for (const batch of batchesIn(place)) {
      const versions = versionsIn(trash, batch, path)
      if (versions.length > 0) return [{ place, batch, versions }]
    }
    return []
  })
  return found.sort((a, b) => (a.batch < b.batch ? 1 : -1))[0] ?? null
}

/** What was thrown into one batch again and again has a number behind its name. */
function versionsIn(trash: ConfinedDirectories, batch: string, path: string): string[] {
  const versions: string[] = []
  for (;;) {
    const version = joinPath(parentPath(path), numbered(baseName(path), versions.length))
    if (!isThere(trash, `${batch}/${version}`)) return versions
    versions.push(version)
  }
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

/** @throws Failure: a mount would be moved along */
function refuseMounted(root: string, path: string, what: string): void {
  const mounted = [...new Borders(realpathSync(root)).all].find(
    ({ path: at }) => at === path || at.startsWith(`${path}/`),
  )
  if (mounted !== undefined)
    throw new Failure(EXIT.failed, `${what} stays: another filesystem is mounted at ${printable(mounted.path)}`)
}

/** @returns the batch of its own in which the object is now */
function displace(trash: ConfinedDirectories, target: ConfinedDirectories, path: string): string {
  const batch = batchName(Date.now())
  mkdirSync(trash.locate(batch), { mode: PRIVATE })
  makeParents(trash, parentPath(`${batch}/${path}`))
  move({ from: target, path }, { to: trash, path: `${batch}/${path}` })
  return batch
}

interface Source {
  from: ConfinedDirectories
  path: string
}

interface Place {
  to: ConfinedDirectories
  path: string
}

/** There is nothing at the new place. */
function move(source: Source, { to, path }: Place): void {
  try {
    renameSync(source.from.locate(source.path), to.locate(path))
  } catch (error) {
    if (errorCode(error) !== 'EXDEV') throw error
    const beside = joinPath(parentPath(path), `${PLACING_PREFIX}restored`)
    removeTree(to.locate(beside))
    try {
      copy(source, { to, path: beside })
      renameSync(to.locate(beside), to.locate(path))
    } finally {
      removeTree(to.locate(beside))
    }
    removeTree(source.from.locate(source.path))
  }
}

/** With owners, times and everything else; returns when it is on the disk. */
function copy(source: Source, { to, path }: Place): void {
  const [there, here] = [source.from.place(source.path), to.place(path)]
  const [from, into] = [`/proc/self/fd/3/${there.name ?? '.'}`, `/proc/self/fd/4/${here.name ?? '.'}`]
  run('cp', ['-a', '--', from, into], [there.directory, here.directory])
  run('sync', ['-f', '/proc/self/fd/3/.'], [here.directory])
}

/** @throws Failure with what the command says */
function run(command: string, words: readonly string[], descriptors: readonly number[]): void {
  const { status, stderr, error } = spawnSync(command, words, {
    stdio: ['ignore', 'ignore', 'pipe', ...descriptors],
    encoding: 'utf8',
  })
  if (error !== undefined) throw error
  if (status !== 0) throw new Failure(EXIT.failed, printable(stderr.trim().split('\n')[0] ?? `${command} failed`))
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
