/**
 * Entry paths: how both ends name a place below a root.
 *
 * An entry path is relative, its components are separated by one `/`, it has no `.`, `..` or NUL, is valid Unicode, and
 * is bounded in UTF-8 bytes. Every other byte that a Linux file name can hold is allowed, the backslash and control
 * characters among them. The root itself is `.`.
 * INVARIANT: a valid path joined to a root lies below it, as long as no component of it is a symlink; the code that
 * touches the disk ensures that part.
 */
import { Buffer } from 'node:buffer'
import { LIMITS } from './limits.ts'

/** The root's own entry. */
export const ROOT_PATH = '.'

/**
 * This name at the top of a root is reserved: a receiver may stage and keep its trash there, and no agent mentions it.
 */
export const RESERVED_NAME = '.rootferry'

/** Names that begin like this are ours in every directory: what is completed beside its place. */
export const PLACING_PREFIX = '.rootferry-placing-'

/** At the top of many filesystems, which can begin anywhere below a root: it belongs to the filesystem, not to the tree. */
const FILESYSTEM_NAME = 'lost+found'

/** Why a string is not an entry path, or null when it is one. */
export function pathFault(path: string): string | null {
  if (path === ROOT_PATH) return null
  if (path === '') return 'is empty'
  if (path.includes('\0')) return 'holds a NUL'
  if (!path.isWellFormed()) return 'is not valid Unicode'
  if (Buffer.byteLength(path) > LIMITS.pathBytes) return `is longer than ${LIMITS.pathBytes} bytes`
  for (const name of path.split('/')) {
    if (name === '') return 'has an empty component'
    if (name === '.' || name === '..') return `has a component '${name}'`
    if (name.length > LIMITS.nameBytes / 4 && Buffer.byteLength(name) > LIMITS.nameBytes) {
      return `has a component of more than ${LIMITS.nameBytes} bytes`
    }
  }
  return null
}

export function isEntryPath(path: string): boolean {
  return pathFault(path) === null
}

/**
 * The directory that holds `path`; the root holds the first level. The root itself has no parent, so never ask for it.
 */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? ROOT_PATH : path.slice(0, slash)
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

export function joinPath(directory: string, name: string): string {
  return directory === ROOT_PATH ? name : `${directory}/${name}`
}

/** Whether `path` is `ancestor` or lies below it. */
export function isWithin(path: string, ancestor: string): boolean {
  if (ancestor === ROOT_PATH || path === ancestor) return true
  return path.length > ancestor.length && path.startsWith(ancestor) && path[ancestor.length] === '/'
}

/** Whether a directory above `path` is one of these: cheap, however many they are. */
export function isBelowAny(path: string, directories: ReadonlySet<string>): boolean {
  for (let above = path; above !== ROOT_PATH; ) {
    above = parentPath(above)
    if (directories.has(above)) return true
  }
  return false
}

/**
 * Whether no agent indexes or sends the path: it is none of anybody's, or a temporary name of ours, or below one. A
 * receiver removes such a name where it finds one.
 */
export function isReserved(path: string): boolean {
  return isNobodys(path) || path.startsWith(PLACING_PREFIX) || path.includes(`/${PLACING_PREFIX}`)
}

/**
 * Whether the path is the reserved name at the top of its root, a `lost+found` anywhere, or something below one of
 * them. Neither end indexes, sends, changes or removes it.
 */
export function isNobodys(path: string): boolean {
  if (isWithin(path, RESERVED_NAME)) return true
  return path.includes(FILESYSTEM_NAME) && path.split('/').includes(FILESYSTEM_NAME)
}

/** Components of a path; the root has depth 0. */
export function pathDepth(path: string): number {
  if (path === ROOT_PATH) return 0
  let depth = 1
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) depth += 1
  return depth
}
