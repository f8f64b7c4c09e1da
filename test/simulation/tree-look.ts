/** The look of a simulated tree: one line for each path, with everything that makes two trees equal. */
import { digestOf } from '../../packages/protocol/src/index.ts'
import type { Inode, Kind } from './inode.ts'

export interface Look {
  /** Kind, attributes, size, target. */
  outside: string
  /** Digest of a file's content; otherwise empty. */
  digest: string
}

export const ABSENT: Look = { outside: 'absent', digest: '' }

const digests = new WeakMap<Uint8Array, string>()

export function digestOfInode({ content }: Inode): string {
  let digest = digests.get(content)
  if (digest === undefined) {
    digest = digestOf(content)
    digests.set(content, digest)
  }
  return digest
}

export function lookOf(inode: Inode): Look {
  const { mode, uid, gid, mtimeMs } = inode.attributes
  const mtime = Math.round(mtimeMs * 1000)
  if (inode.kind === 'directory') return { outside: outside('directory', mode, uid, gid, mtime, ''), digest: '' }
  if (inode.kind === 'symlink') return { outside: outside('symlink', null, uid, gid, mtime, inode.target), digest: '' }
  const size = String(inode.content.byteLength)
  return { outside: outside('file', mode, uid, gid, mtime, size), digest: digestOfInode(inode) }
}

/** @param rest size of a file, target of a symlink. A symlink has no mode of its own. */
export function outside(
  kind: string,
  mode: number | null,
  uid: number,
  gid: number,
  mtime: number,
  rest: string,
): string {
  return `${kind} ${mode === null ? '-' : mode.toString(8)} ${uid}:${gid} ${mtime} ${rest}`
}

/** Everything at and below a directory; `.` is the directory itself. */
export function treeOf(top: Inode, leavesOut: (path: string, kind: Kind) => boolean): Map<string, Look> {
  const found = new Map<string, Look>([['.', lookOf(top)]])
  const walk = (directory: Inode, above: string) => {
    for (const [name, inode] of directory.entries) {
      const path = above === '' ? name : `${above}/${name}`
      const isDirectory = inode.kind === 'directory'
      if (leavesOut(path, inode.kind)) continue
      found.set(path, lookOf(inode))
      if (isDirectory) walk(inode, path)
    }
  }
  walk(top, '')
  return found
}

export interface Difference {
  path: string
  what: string
}

export function treeDifferences(wanted: ReadonlyMap<string, Look>, found: ReadonlyMap<string, Look>): Difference[] {
  const differences: Difference[] = []
  const add = (path: string, what: string) => differences.push({ path, what: `${path} ${what}` })
  for (const [path, look] of wanted) {
    const other = found.get(path) ?? ABSENT
    if (other.outside !== look.outside) add(path, `is ${other.outside}, should be ${look.outside}`)
    else if (other.digest !== look.digest) add(path, 'has other content')
  }
  for (const [path, look] of found) if (!wanted.has(path)) add(path, `should not be there: ${look.outside}`)
  return differences
}

/** Paths at and above a path that must stay: nothing else can be made there. */
export function pathsInTheWay(top: Inode, stays: (path: string, kind: Kind) => boolean): Set<string> {
  const found = new Set<string>()
  const walk = (directory: Inode, above: string): boolean => {
    let holdsSome = false
    for (const [name, inode] of directory.entries) {
      const path = above === '' ? name : `${above}/${name}`
      const isDirectory = inode.kind === 'directory'
      if (!stays(path, inode.kind) && !(isDirectory && walk(inode, path))) continue
      found.add(path)
      holdsSome = true
    }
    return holdsSome
  }
  walk(top, '')
  return found
}

/** Whether a file has names on either side of a border: a receiver has its content there, and owes the link for ever. */
export function isOnBothSides(top: Inode, path: string, isBordered: (path: string) => boolean): boolean {
  const at = path.split('/').reduce<Inode | undefined>((above, name) => above?.entries.get(name), top)
  const names = at?.pathsBelow(top) ?? []
  return names.some(isBordered) && !names.every(isBordered)
}

/** Names that lead to one file in one tree and not in the other. Files with a name that is left out do not count. */
export function linkDifferences(
  source: Inode,
  target: Inode,
  leavesOut: (path: string, kind: Kind) => boolean,
  reserved: string,
): string[] {
  const [here, there] = [filesOf(source, leavesOut, reserved), filesOf(target, leavesOut, reserved)]
  const [wanted, found] = [firstNames(here, there), firstNames(there, here)]
  return [...wanted].flatMap(([path, first]) => {
    const other = found.get(path)
    return other === undefined || other === first ? [] : [`${path} is a name of ${other}, should be one of ${first}`]
  })
}

/** By path. */
function filesOf(top: Inode, leavesOut: (path: string, kind: Kind) => boolean, reserved: string): Map<string, Inode> {
  const files = new Map<string, Inode>()
  const excepted = new Set<Inode>()
  const walk = (directory: Inode, above: string, isOut: boolean) => {
    for (const [name, inode] of directory.entries) {
      const path = above === '' ? name : `${above}/${name}`
      if (path === reserved) continue
      const isLeft = isOut || leavesOut(path, inode.kind)
      if (inode.kind === 'directory') walk(inode, path, isLeft)
      else if (isLeft) excepted.add(inode)
      else if (inode.kind === 'file') files.set(path, inode)
    }
  }
  walk(top, '', false)
  for (const [path, inode] of files) if (excepted.has(inode)) files.delete(path)
  return files
}

/** By path, the first name of each file, of those that are in both trees. */
function firstNames(files: ReadonlyMap<string, Inode>, others: ReadonlyMap<string, Inode>): Map<string, string> {
  const names = new Map<string, string>()
  const first = new Map<Inode, string>()
  for (const [path, inode] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!others.has(path)) continue
    if (!first.has(inode)) first.set(inode, path)
    names.set(path, first.get(inode) ?? path)
  }
  return names
}
