/**
 * Directory descriptors below a root, for file-system calls that cannot be led out of it.
 *
 * Each directory is opened from its parent's descriptor with O_NOFOLLOW, component by component, and a child is then
 * named `/proc/self/fd/<descriptor>/<name>`. A symlink that is planted or swapped in anywhere above the child makes the
 * open fail (ENOTDIR) instead of leading elsewhere. Such names also avoid the 4,096-byte limit on whole paths.
 *
 * RACE: a directory that is moved elsewhere while its descriptor is open takes later calls with it. So descriptors live
 * for one changeset or one scan: call `release` at its end. Not covered: the final component. Use calls that do not
 * follow it (lstat, lchown, lutimes, rename, unlink, open with O_NOFOLLOW).
 */
import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs'
import { baseName, parentPath, ROOT_PATH } from '@rootferry/protocol'
import { descriptorLimit } from './descriptor-limit.ts'
import { withExactInode } from './inode-number.ts'
import { PortablePaths } from './libc/portable-paths.ts'
import type { DirectoryEntry, Name, PathCalls, Status } from './libc/system-calls.ts'
import { O_PATH } from './open-flags.ts'

/** With O_PATH a path can lead through an unreadable directory. */
const OPEN_FLAGS = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW
/** Where descriptors are few, most of them are left to the rest of the process. */
const MOST_OPEN = Math.max(8, Math.min(256, Math.floor(descriptorLimit() / 8)))

export class ConfinedDirectories implements Disposable {
  readonly rootPath: string
  readonly #root: number
  readonly #paths: PathCalls
  /** Least recently used first. */
  readonly #open = new Map<string, number>()

  /**
   * @param rootPath absolute path of the root
   * @param link whether a symlink at `rootPath`, and only there, is followed: yes for a path from an operator, no for a
   * place that others may have written to
   * @param paths the implementation that makes the calls of this class
   * @throws the system error when the root is missing or not a directory
   */
  constructor(rootPath: string, link: 'followed' | 'refused' = 'followed', paths: PathCalls = new PortablePaths()) {
    this.rootPath = rootPath
    this.#paths = paths
    this.#root = openSync(rootPath, link === 'followed' ? O_PATH | constants.O_DIRECTORY : OPEN_FLAGS)
  }

  /** Status of the root directory that is held open, even if `rootPath` leads elsewhere by now. */
  rootStatus(): Stats {
    return statusOf(this.#root)
  }

  /** Status of a directory itself; cheaper than by its path. @throws as `locate` does, and the system error */
  directoryStatus(directory: string): Stats {
    return statusOf(this.#descriptor(directory))
  }

  /**
   * Path of the entry `path` for one file-system call; its parent is opened if need be.
   * @throws ENOENT, ENOTDIR, EACCES when the parent is not a reachable directory
   */
  locate(path: string): string {
    if (path === ROOT_PATH) return `/proc/self/fd/${this.#root}/.`
    return `/proc/self/fd/${this.#descriptor(parentPath(path))}/${baseName(path)}`
  }

  /** Path of the child `name` of `directory`; cheaper than `locate` in a walk. */
  locateIn(directory: string, name: string): string {
    return `/proc/self/fd/${this.#descriptor(directory)}/${name}`
  }

  /** What is in a directory, in portions. @throws as `locate` does, and the system error, when asked for a portion */
  listIn(directory: string): Generator<DirectoryEntry[], void> {
    return this.#paths.list(this.#descriptor(directory), '.')
  }

  /** Path of the directory itself, for watching; it must be a real directory. */
  locateDirectory(directory: string): string {
    return `/proc/self/fd/${this.#descriptor(directory)}`
  }

  /**
   * Status of the child `name` of `directory`; null when nothing is there.
   * @throws as `locate` does, and the system error
   */
  statusIn(directory: string, name: string): Status | null {
    return this.#paths.statusIfAny(this.#descriptor(directory), name)
  }

  /**
   * The entry `path` for calls by descriptor: its directory, and its name there, or null for the root itself. The
   * descriptor is valid until the next call of this object.
   * @throws as `locate` does
   */
  place(path: string): { directory: number; name: string | null } {
    if (path === ROOT_PATH) return { directory: this.#root, name: null }
    return { directory: this.#descriptor(parentPath(path)), name: baseName(path) }
  }

  /** Target of the symlink `name` in `directory`; bytes when they are not valid UTF-8. */
  readLinkIn(directory: string, name: string): Name {
    return this.#paths.readLink(this.#descriptor(directory), name)
  }

  /** Forgets a directory that was removed or replaced, and everything below it. */
  forget(directory: string): void {
    for (const [path, descriptor] of this.#open) {
      if (path === directory || path.startsWith(`${directory}/`)) {
        closeSync(descriptor)
        this.#open.delete(path)
      }
    }
  }

  /** Closes every descriptor but the root's. */
  release(): void {
    for (const descriptor of this.#open.values()) closeSync(descriptor)
    this.#open.clear()
  }

  [Symbol.dispose](): void {
    this.release()
    closeSync(this.#root)
  }

  #descriptor(directory: string): number {
    if (directory === ROOT_PATH) return this.#root
    const known = this.#open.get(directory)
    if (known !== undefined) {
      this.#open.delete(directory)
      this.#open.set(directory, known)
      return known
    }
    const descriptor = openSync(this.locate(directory), OPEN_FLAGS)
    this.#open.set(directory, descriptor)
    if (this.#open.size > MOST_OPEN) this.#closeOldest()
    return descriptor
  }

  #closeOldest(): void {
    for (const [path, descriptor] of this.#open) {
      closeSync(descriptor)
      this.#open.delete(path)
      return
    }
  }
}

function statusOf(descriptor: number): Stats {
  return withExactInode(fstatSync(descriptor), () => fstatSync(descriptor, { bigint: true }).ino)
}
