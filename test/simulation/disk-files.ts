/** node:fs for code under simulation: descriptors, and the bytes of files. */
import {
  addOpenFile,
  enterCall,
  fault,
  freed,
  inodeAt,
  milliseconds,
  O_PATH,
  OPEN,
  type OpenFile,
  openFile,
  openFiles,
  owner,
  type PathLike,
  placeOf,
  text,
  UMASK,
} from './disk-paths.ts'
import { farm, presentProcess } from './farm.ts'
import { SimulatedStats } from './inode.ts'
import type { Machine } from './machine.ts'

const ACCESS = 3
const MOST_SYNC_MS = 5

export function openSync(path: PathLike, flags: number | string = 'r', mode = 0o666): number {
  const bits = flagBits(flags)
  const creates = (bits & OPEN.O_CREAT) !== 0
  const machine = enterCall(creates ? 'allocates' : 'reads', 'open', path)
  const follows =
    (bits & OPEN.O_NOFOLLOW) === 0 && (bits & (OPEN.O_CREAT | OPEN.O_EXCL)) !== (OPEN.O_CREAT | OPEN.O_EXCL)
  const { directory, name, inode } = placeOf(machine, path, 'open', follows)
  if (inode === null) {
    if (!creates) throw fault('ENOENT', 'open', path)
    const made = machine.disk.make('file', mode & ~UMASK, directory.device)
    machine.disk.attach(directory, name, made)
    return addOpenFile({ inode: made, machine, flags: bits, position: 0 })
  }
  if (creates && (bits & OPEN.O_EXCL) !== 0) throw fault('EEXIST', 'open', path)
  if ((bits & OPEN.O_DIRECTORY) !== 0 && inode.kind !== 'directory') throw fault('ENOTDIR', 'open', path)
  if (inode.kind === 'symlink' && (bits & O_PATH) === 0) throw fault('ELOOP', 'open', path)
  const writes = (bits & ACCESS) !== OPEN.O_RDONLY
  if (inode.kind === 'directory' && (writes || creates)) throw fault('EISDIR', 'open', path)
  if ((bits & OPEN.O_TRUNC) !== 0) machine.disk.write(inode, new Uint8Array(0))
  return addOpenFile({ inode, machine, flags: bits, position: 0 })
}

export function closeSync(descriptor: number): void {
  const { inode, machine } = openFile(descriptor, 'close')
  openFiles().delete(descriptor)
  freed(machine, inode)
}

export function fstatSync(descriptor: number): SimulatedStats {
  enterCall('reads', 'fstat', descriptor)
  return new SimulatedStats(openFile(descriptor, 'fstat').inode)
}

export function readSync(
  descriptor: number,
  into: Uint8Array,
  offset: number,
  length: number,
  position: number | null,
): number {
  enterCall('reads', 'read', descriptor)
  const file = openFile(descriptor, 'read')
  if (file.inode.kind === 'directory') throw fault('EISDIR', 'read', descriptor)
  const from = position ?? file.position
  const piece = file.inode.content.subarray(from, from + length)
  into.set(piece, offset)
  if (position === null) file.position += piece.byteLength
  return piece.byteLength
}

export function writeSync(
  descriptor: number,
  bytes: Uint8Array,
  offset = 0,
  length = bytes.byteLength - offset,
  position: number | null = null,
): number {
  const machine = enterCall('allocates', 'write', descriptor)
  const file = writable(descriptor, 'write')
  const at = position ?? file.position
  const content = new Uint8Array(Math.max(file.inode.content.byteLength, at + length))
  content.set(file.inode.content)
  content.set(bytes.subarray(offset, offset + length), at)
  machine.disk.write(file.inode, content)
  if (position === null) file.position = at + length
  return length
}

export function ftruncateSync(descriptor: number, length = 0): void {
  const machine = enterCall('changes', 'ftruncate', descriptor)
  truncate(machine, writable(descriptor, 'ftruncate'), length)
}

function truncate({ disk }: Machine, { inode }: OpenFile, length: number): void {
  const content = new Uint8Array(length)
  content.set(inode.content.subarray(0, length))
  disk.write(inode, content)
}

export function fchmodSync(descriptor: number, mode: number): void {
  const machine = enterCall('changes', 'fchmod', descriptor)
  machine.disk.change(openFile(descriptor, 'fchmod').inode, { mode: mode & 0o7777 })
}

export function fchownSync(descriptor: number, uid: number, gid: number): void {
  const machine = enterCall('changes', 'fchown', descriptor)
  machine.disk.change(openFile(descriptor, 'fchown').inode, owner(uid, gid))
}

export function futimesSync(descriptor: number, _accessed: number | string, modified: number | string): void {
  const machine = enterCall('changes', 'futime', descriptor)
  machine.disk.change(openFile(descriptor, 'futime').inode, { mtimeMs: milliseconds(modified) })
}

export function fsyncSync(descriptor: number): void {
  const machine = enterCall('changes', 'fsync', descriptor)
  machine.disk.sync(openFile(descriptor, 'fsync').inode)
}

export function fsync(descriptor: number, done: (error: Error | null) => void): void {
  const { scheduler } = farm()
  const { inode, machine } = openFile(descriptor, 'fsync')
  scheduler.after(scheduler.soon(MOST_SYNC_MS), presentProcess(), () => {
    const code = machine.step('changes')
    if (code === null) machine.disk.sync(inode)
    done(code === null ? null : fault(code, 'fsync', descriptor))
  })
}

export function copyFileSync(from: PathLike, to: PathLike, flags = 0): void {
  const machine = enterCall('allocates', 'copyfile', from)
  const source = inodeAt(machine, from, 'copyfile', true)
  const { directory, name, inode } = placeOf(machine, to, 'copyfile', true)
  if (inode !== null && (flags & OPEN.COPYFILE_EXCL) !== 0) throw fault('EEXIST', 'copyfile', from)
  const copy = inode ?? machine.disk.make('file', source.attributes.mode & ~UMASK, directory.device)
  if (inode === null) machine.disk.attach(directory, name, copy)
  machine.disk.write(copy, source.content.slice())
}

export function readFileSync(path: PathLike, options?: string | { encoding?: string }): string | Buffer {
  const machine = enterCall('reads', 'open', path)
  const inode = inodeAt(machine, path, 'open', true)
  if (inode.kind === 'directory') throw fault('EISDIR', 'read', path)
  const bytes = Buffer.from(inode.content)
  const encoding = typeof options === 'string' ? options : options?.encoding
  return encoding === undefined ? bytes : bytes.toString(encoding === 'latin1' ? 'latin1' : 'utf8')
}

export function writeFileSync(path: PathLike, data: string | Uint8Array, options: { mode?: number } = {}): void {
  const descriptor = openSync(path, OPEN.O_WRONLY | OPEN.O_CREAT | OPEN.O_TRUNC, options.mode)
  try {
    writeSync(descriptor, typeof data === 'string' ? Buffer.from(data) : data)
  } finally {
    closeSync(descriptor)
  }
}

function writable(descriptor: number, syscall: string): OpenFile {
  const file = openFile(descriptor, syscall)
  if ((file.flags & ACCESS) === OPEN.O_RDONLY)
    throw fault(syscall === 'write' ? 'EBADF' : 'EINVAL', syscall, descriptor)
  return file
}

function flagBits(flags: number | string): number {
  if (typeof flags === 'number') return flags
  if (flags !== 'r') throw new Error(`opening with ${text(flags)} is not simulated`)
  return OPEN.O_RDONLY
}
