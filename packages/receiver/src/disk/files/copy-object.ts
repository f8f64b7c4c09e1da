/**
 * Copies objects to where a rename cannot take them: another filesystem, another mount of the same one, or a directory
 * with a quota of its own. Owners, modes and times are kept, holes stay holes, and symlinks are not followed. A large
 * file is copied piece by piece, in turns.
 *
 * INVARIANT of `placeAcross`: under its new name there is nothing, the old object, or all of the new one. The new object
 * is completed under a reserved name in the same directory; an interrupted call leaves that name behind: see
 * `placing-names.ts`.
 */
import { Buffer } from 'node:buffer'
import {
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  renameSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import { errorCode, removeTree } from '@rootferry/host/machine'
import { joinPath } from '@rootferry/protocol'
import { diskObject, setAttributes } from './attributes.ts'
import type { ExtendedRefused } from './disk-errors.ts'
import type { DiskObject } from './disk-object.ts'
import type { ExtendedAttributes } from './extended.ts'
import { placingName } from './placing-names.ts'
import { LEAVE } from './staged-change.ts'
import type { Walk } from './walk.ts'
import { writeSparse } from './write-sparse.ts'

/** How what is placed differs from what the new directory hands down. */
export interface NewPlace {
  /** Whether the owner of what is staged counts, or the one that the new directory hands down. */
  givesOwners: boolean
  extended: Pick<ExtendedAttributes, 'transfer'>
  /** An attribute is missing there. @param below the object, by its path below what is placed; '' is that itself */
  refused(below: string, error: ExtendedRefused): void
}

/** A place that may have another name after every yield. */
export type Locate = () => string | Buffer

/** Up to here a file is copied in one call. */
export const AT_ONCE_BYTES = 4 * 1024 * 1024
const PIECE_BYTES = 1024 * 1024
/** The unit of `blocks` in a status. */
const STAT_BLOCK_BYTES = 512
const SOURCE_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const COPY_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
const { COPYFILE_EXCL, COPYFILE_FICLONE, COPYFILE_FICLONE_FORCE } = constants
const NEW_MODE = 0o600

const piece = Buffer.allocUnsafeSlow(PIECE_BYTES)

/**
 * @param staged leads to a staged object; `location` to a name in the tree, which is replaced
 * @throws the system error
 */
export function* placeAcross(staged: () => string, location: () => string, place: NewPlace): Walk<void> {
  const temporary = () => placingName(location())
  removeTree(temporary())
  let isPlaced = false
  try {
    yield* copyTree(staged, temporary, place, '')
    renameSync(temporary(), location())
    isPlaced = true
  } finally {
    if (!isPlaced) removeTree(temporary())
  }
  removeTree(staged())
}

/** Bounded by the changeset that it is part of. */
function* copyTree(from: () => string, to: () => string, place: NewPlace, below: string): Walk<void> {
  const object = diskObject(lstatSync(from()))
  const { givesOwners, extended } = place
  if (object.kind !== 'directory') {
    yield* copyOne(from, to, givesOwners)
    const refusal = extended.transfer(from(), to())
    if (refusal !== null) place.refused(below, refusal)
    return
  }
  mkdirSync(to(), { mode: 0o700 })
  for (const name of readdirSync(from())) {
    yield* copyTree(
      () => join(from(), name),
      () => join(to(), name),
      place,
      below === '' ? name : joinPath(below, name),
    )
    yield
  }
  keepAttributes(object, to(), givesOwners)
}

/**
 * Copies a file or symlink; there must be nothing at the new place. An object of another kind is passed over. Only the
 * bytes of large files are told of on the way.
 */
export function* copyOne(from: Locate, to: Locate, givesOwners = true): Walk<void> {
  const object = diskObject(lstatSync(from()))
  if (object.kind === 'symlink') symlinkSync(readlinkSync(from(), { encoding: 'buffer' }), to())
  // Node's own copy belongs to whom the original belongs to.
  else if (object.kind !== 'file' || !(yield* copyFile(from(), to, givesOwners ? copyOpenFile : copyPieces))) return
  keepAttributes(object, to(), givesOwners)
}

/** The same, and returns when a file's bytes and attributes are on the disk; its name may not be there yet. */
export function* copyOneSynced(from: Locate, to: Locate): Walk<void> {
  const object = diskObject(lstatSync(from()))
  if (object.kind !== 'file') return yield* copyOne(from, to)
  yield* copyFile(from(), to, (source) =>
    copyPieces(source, to, (copy) => {
      keepAttributes(object, to())
      fsyncSync(copy)
    }),
  )
}

/**
 * @param from is opened before the first yield
 * @returns false when it is not a regular file any more. @throws the system error; the copy is gone then
 */
function* copyFile(from: string | Buffer, to: Locate, copy: (source: number, to: Locate) => Walk<void>): Walk<boolean> {
  const source = openSync(from, SOURCE_FLAGS)
  try {
    if (!fstatSync(source).isFile()) return false
    yield* copy(source, to)
    return true
  } finally {
    closeSync(source)
  }
}

/** @param source a regular file that is open for reading. @throws the system error; the copy is gone then */
export function* copyOpenFile(source: number, to: Locate): Walk<void> {
  const { size, blocks } = fstatSync(source)
  // The kernel's own copy would fill holes.
  if (size <= AT_ONCE_BYTES && blocks * STAT_BLOCK_BYTES >= size)
    copyFileSync(`/proc/self/fd/${source}`, to(), COPYFILE_EXCL | COPYFILE_FICLONE)
  else if (!isCloned(source, to())) yield* copyPieces(source, to)
}

/** Sharing the blocks takes no time, where the filesystem can. */
function isCloned(source: number, to: string | Buffer): boolean {
  try {
    copyFileSync(`/proc/self/fd/${source}`, to, COPYFILE_EXCL | COPYFILE_FICLONE_FORCE)
    return true
  } catch (error) {
    const code = errorCode(error)
    if (code === null || code === 'EEXIST' || code === 'ENOENT') throw error
    return false
  }
}

/** @param whole is called with the descriptor of the copy when all bytes are in it */
function* copyPieces(source: number, to: Locate, whole: (copy: number) => void = () => undefined): Walk<void> {
  const copy = openSync(to(), COPY_FLAGS, NEW_MODE)
  let isWhole = false
  try {
    let at = 0
    for (let read = readSync(source, piece, 0, PIECE_BYTES, at); read > 0; ) {
      writeSparse(copy, piece.subarray(0, read), at)
      at += read
      yield read
      read = readSync(source, piece, 0, PIECE_BYTES, at)
    }
    ftruncateSync(copy, at)
    whole(copy)
    isWhole = true
  } finally {
    closeSync(copy)
    if (!isWhole) unlinkSync(to())
  }
}

/** The owner, where this process may give objects away. @throws the system error */
export function keepAttributes(
  { kind, mode, uid, gid, mtime }: DiskObject,
  location: string | Buffer,
  givesOwners = true,
): void {
  if (kind === 'other') return
  const made = lstatSync(location)
  const owner = { uid: made.uid === uid ? LEAVE : uid, gid: made.gid === gid ? LEAVE : gid }
  try {
    if (givesOwners) setAttributes(location, kind, { ...owner, mode: null, mtime: null })
  } catch (error) {
    if (errorCode(error) !== 'EPERM') throw error
  }
  setAttributes(location, kind, { uid: LEAVE, gid: LEAVE, mode, mtime })
}
