/**
 * node:fs for code under simulation: the calls that change or read the tree. Content and descriptors are in
 * disk-files.ts. disk.test.ts compares these calls with the real ones.
 */
import {
  enterCall,
  fault,
  freed,
  inodeAt,
  milliseconds,
  owner,
  type PathLike,
  type Place,
  placeOf,
  text,
  UMASK,
} from './disk-paths.ts'
import { presentMachine } from './farm.ts'
import { type Attributes, SimulatedBigStats, SimulatedStats } from './inode.ts'

export { constants } from 'node:fs'
export * from './disk-files.ts'
export { watch } from './disk-watch.ts'

const EXT4 = 0xef53
const PERMISSIONS = 0o7777

function stat(path: PathLike, follows: boolean, options: { throwIfNoEntry?: boolean } = {}) {
  const syscall = follows ? 'stat' : 'lstat'
  const machine = enterCall('reads', syscall, path)
  try {
    return new SimulatedStats(inodeAt(machine, path, syscall, follows))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null
    if (options.throwIfNoEntry === false && (code === 'ENOENT' || code === 'ENOTDIR')) return undefined
    throw error
  }
}

export function statSync(path: PathLike, options?: { throwIfNoEntry?: boolean }): SimulatedStats | undefined {
  return stat(path, true, options)
}

type StatOptions = { throwIfNoEntry?: boolean; bigint?: boolean }

export function lstatSync(path: PathLike, options: StatOptions & { bigint: true }): SimulatedBigStats | undefined
export function lstatSync(path: PathLike, options?: { throwIfNoEntry?: boolean }): SimulatedStats | undefined
export function lstatSync(path: PathLike, options: StatOptions = {}): SimulatedStats | SimulatedBigStats | undefined {
  const stats = stat(path, false, options)
  return stats !== undefined && options.bigint === true ? new SimulatedBigStats(stats) : stats
}

export function existsSync(path: PathLike): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return false
    throw error
  }
}

export function statfsSync(): { type: number; bavail: number; blocks: number; bsize: number } {
  // How full a disk is shows in the calls that need room, unless they ask for the reserve first.
  return { type: EXT4, bavail: presentMachine().isTight ? 2 ** 20 : 2 ** 30, blocks: 2 ** 31, bsize: 4096 }
}

export function readlinkSync(path: PathLike): string
export function readlinkSync(path: PathLike, options: { encoding: 'buffer' }): Buffer
export function readlinkSync(path: PathLike, options?: { encoding: 'buffer' }): string | Buffer {
  const inode = inodeAt(enterCall('reads', 'readlink', path), path, 'readlink', false)
  if (inode.kind !== 'symlink') throw fault('EINVAL', 'readlink', path)
  return options === undefined ? inode.target : Buffer.from(inode.target)
}

export function realpathSync(path: PathLike): string {
  const machine = enterCall('reads', 'realpath', path)
  const names: string[] = []
  for (let at = inodeAt(machine, path, 'realpath', true); at.parent !== null; at = at.parent) {
    names.unshift(at.places[0]?.name ?? '')
  }
  return `/${names.join('/')}`
}

export function readdirSync(path: PathLike, options: { withFileTypes?: boolean; encoding?: string } = {}): unknown[] {
  const inode = inodeAt(enterCall('reads', 'scandir', path), path, 'scandir', true)
  if (inode.kind !== 'directory') throw fault('ENOTDIR', 'scandir', path)
  return [...inode.entries].map(([name, entry]) => {
    const spelt = options.encoding === 'buffer' ? Buffer.from(name) : name
    if (options.withFileTypes !== true) return spelt
    const is = new SimulatedStats(entry)
    return {
      name: spelt,
      isDirectory: () => is.isDirectory(),
      isFile: () => is.isFile(),
      isSymbolicLink: () => is.isSymbolicLink(),
    }
  })
}

export function opendirSync(path: PathLike, { encoding = 'utf8' }: { encoding?: string } = {}) {
  const entries = readdirSync(path, { withFileTypes: true, encoding }).values()
  return {
    readSync: () => entries.next().value ?? null,
    closeSync: () => undefined,
  }
}

export function mkdirSync(path: PathLike, options: { recursive?: boolean; mode?: number } | number = {}): void {
  const { recursive = false, mode = 0o777 } = typeof options === 'number' ? { mode: options } : options
  if (recursive) {
    if (isDirectory(path)) return
    const above = text(path).replace(/\/+[^/]*\/*$/, '')
    if (above !== '') mkdirSync(above, { recursive, mode })
  }
  const machine = enterCall('allocates', 'mkdir', path)
  const { directory, name, inode } = placeOf(machine, path, 'mkdir', false)
  if (inode !== null) throw fault('EEXIST', 'mkdir', path)
  machine.disk.attach(directory, name, machine.disk.make('directory', mode & ~UMASK, directory.device))
}

export function symlinkSync(target: string, path: PathLike): void {
  const machine = enterCall('allocates', 'symlink', path)
  const { directory, name, inode } = placeOf(machine, path, 'symlink', false)
  if (inode !== null) throw fault('EEXIST', 'symlink', path)
  const made = machine.disk.make('symlink', 0o777, directory.device)
  made.target = target
  machine.disk.attach(directory, name, made)
}

export function linkSync(from: PathLike, to: PathLike): void {
  const machine = enterCall('allocates', 'link', from)
  const inode = inodeAt(machine, from, 'link', false)
  const place = placeOf(machine, to, 'link', false)
  if (place.inode !== null) throw fault('EEXIST', 'link', from)
  if (inode.device !== place.directory.device) throw fault('EXDEV', 'link', from)
  if (inode.kind === 'directory') throw fault('EPERM', 'link', from)
  machine.disk.attach(place.directory, place.name, inode)
}

export function unlinkSync(path: PathLike): void {
  const machine = enterCall('changes', 'unlink', path)
  const { directory, name, inode } = placeOf(machine, path, 'unlink', false)
  if (inode === null) throw fault('ENOENT', 'unlink', path)
  if (inode.kind === 'directory') throw fault('EISDIR', 'unlink', path)
  freed(machine, machine.disk.detach(directory, name))
}

export function rmdirSync(path: PathLike): void {
  const machine = enterCall('changes', 'rmdir', path)
  const { directory, name, inode } = placeOf(machine, path, 'rmdir', false)
  if (name === '.') throw fault('EINVAL', 'rmdir', path)
  if (inode === null) throw fault('ENOENT', 'rmdir', path)
  if (inode.kind !== 'directory') throw fault('ENOTDIR', 'rmdir', path)
  if (inode.entries.size > 0) throw fault('ENOTEMPTY', 'rmdir', path)
  freed(machine, machine.disk.detach(directory, name))
}

export function renameSync(from: PathLike, to: PathLike): void {
  const machine = enterCall('changes', 'rename', from)
  const source = placeOf(machine, from, 'rename', false)
  const target = placeOf(machine, to, 'rename', false)
  const code = renameFault(source, target)
  if (code !== null) throw fault(code, 'rename', from)
  if (source.inode === target.inode) return
  if (target.inode !== null) freed(machine, machine.disk.detach(target.directory, target.name))
  machine.disk.attach(target.directory, target.name, machine.disk.detach(source.directory, source.name))
}

/** The checks in the order in which Linux makes them. */
function renameFault(source: Place, target: Place): string | null {
  if (source.directory.device !== target.directory.device) return 'EXDEV'
  if (source.name === '.' || target.name === '.') return 'EBUSY'
  const { inode } = source
  if (inode === null) return 'ENOENT'
  if (inode.kind === 'directory' && target.directory.isWithin(inode)) return 'EINVAL'
  const there = target.inode
  if (there === null || there === inode) return null
  if (there.kind === 'directory' && source.directory.isWithin(there)) return 'ENOTEMPTY'
  if (inode.kind === 'directory') {
    if (there.kind !== 'directory') return 'ENOTDIR'
    return there.entries.size > 0 ? 'ENOTEMPTY' : null
  }
  return there.kind === 'directory' ? 'EISDIR' : null
}

export function rmSync(path: PathLike, options: { recursive?: boolean; force?: boolean } = {}): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) {
    if (options.force === true) return
    throw fault('ENOENT', 'rm', path)
  }
  if (!found.isDirectory()) {
    unlinkSync(path)
    return
  }
  if (options.recursive !== true) throw Object.assign(fault('EISDIR', 'rm', path), { code: 'ERR_FS_EISDIR' })
  for (const name of readdirSync(path)) rmSync(`${text(path)}/${String(name)}`, options)
  rmdirSync(path)
}

function setAttributes(path: PathLike, syscall: string, follows: boolean, change: Partial<Attributes>): void {
  const machine = enterCall('changes', syscall, path)
  machine.disk.change(inodeAt(machine, path, syscall, follows), change)
}

export function chmodSync(path: PathLike, mode: number): void {
  setAttributes(path, 'chmod', true, { mode: mode & PERMISSIONS })
}

export function chownSync(path: PathLike, uid: number, gid: number): void {
  setAttributes(path, 'chown', true, owner(uid, gid))
}

export function lchownSync(path: PathLike, uid: number, gid: number): void {
  setAttributes(path, 'lchown', false, owner(uid, gid))
}

export function utimesSync(path: PathLike, _accessed: number | string, modified: number | string): void {
  setAttributes(path, 'utime', true, { mtimeMs: milliseconds(modified) })
}

export function lutimesSync(path: PathLike, _accessed: number | string, modified: number | string): void {
  setAttributes(path, 'lutime', false, { mtimeMs: milliseconds(modified) })
}

function isDirectory(path: PathLike): boolean {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found !== undefined && !found.isDirectory()) throw fault('EEXIST', 'mkdir', path)
  return found !== undefined
}
