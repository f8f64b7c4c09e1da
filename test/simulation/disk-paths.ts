/**
 * From a path, or a descriptor, of the present process to an object on its machine's disk, as Linux would find it:
 * symlinks are followed on the way and, if asked, at the end; `/proc/self/fd/<n>` is the object that the descriptor
 * holds.
 */
import { constants } from 'node:fs'
import { constants as system } from 'node:os'
import { presentMachine, presentProcess } from './farm.ts'
import type { Attributes, Inode } from './inode.ts'
import type { Effect, Machine } from './machine.ts'
import type { Process } from './scheduler.ts'

/** The place that a path leads to: `inode` is null when nothing is at its last component. */
export interface Place {
  directory: Inode
  name: string
  inode: Inode | null
}

export interface OpenFile {
  inode: Inode
  machine: Machine
  flags: number
  position: number
}

export type PathLike = string | Uint8Array

const DESCRIPTOR_PATH = /^\/proc\/self\/fd\/(\d+)(\/.*)?$/
const MOST_SYMLINKS = 40
const MOST_NAME_BYTES = 255
const FIRST_DESCRIPTOR = 3

const tables = new WeakMap<object, Map<number, OpenFile>>()
/** The owner of descriptors that a test opens without a process. */
const NOBODY = {}

export function fault(code: string, syscall: string, path: PathLike | number): Error {
  const numbers: Record<string, number> = system.errno
  const message = `${code}: simulated, ${syscall} '${text(path)}'`
  // No stack trace is made: nothing reads it, and it takes longer than the rest of a call.
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  const error = new Error(message)
  Error.stackTraceLimit = limit
  return Object.assign(error, { code, syscall, errno: -(numbers[code] ?? 0) })
}

/** Begins a call. @throws the system error that the call is to meet, Killed */
export function enterCall(effect: Effect, syscall: string, path: PathLike | number): Machine {
  const machine = presentMachine()
  const code = machine.step(effect)
  if (code !== null) throw fault(code, syscall, path)
  return machine
}

/** Descriptors of a process. */
export function openFiles(process: Process | null = presentProcess()): Map<number, OpenFile> {
  const owner = process?.whole ?? NOBODY
  let table = tables.get(owner)
  if (table === undefined) {
    table = new Map()
    tables.set(owner, table)
  }
  return table
}

export function addOpenFile(file: OpenFile): number {
  const table = openFiles()
  let descriptor = FIRST_DESCRIPTOR
  while (table.has(descriptor)) descriptor += 1
  table.set(descriptor, file)
  return descriptor
}

export function openFile(descriptor: number, syscall: string): OpenFile {
  const file = openFiles().get(descriptor)
  if (file === undefined) throw fault('EBADF', syscall, descriptor)
  return file
}

/** @throws ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG when there is no such place */
export function placeOf(machine: Machine, path: PathLike, syscall: string, follows: boolean): Place {
  const descriptorPath = DESCRIPTOR_PATH.exec(text(path))
  if (descriptorPath === null) return walk(machine, machine.disk.root, text(path), { syscall, path, follows, links: 0 })
  const { inode } = openFile(Number(descriptorPath[1]), syscall)
  const rest = descriptorPath[2]
  if (rest === undefined || rest === '/') return { directory: inode.parent ?? inode, name: '', inode }
  return walk(machine, inode, rest, { syscall, path, follows, links: 0 })
}

/** The object at a path. @throws ENOENT and what `placeOf` does */
export function inodeAt(machine: Machine, path: PathLike, syscall: string, follows: boolean): Inode {
  const { inode } = placeOf(machine, path, syscall, follows)
  if (inode === null) throw fault('ENOENT', syscall, path)
  return inode
}

export function text(path: PathLike | number): string {
  return typeof path === 'object' ? Buffer.from(path).toString() : String(path)
}

interface Walk {
  syscall: string
  path: PathLike
  follows: boolean
  links: number
}

function walk(machine: Machine, from: Inode, path: string, how: Walk): Place {
  let at = path.startsWith('/') && from === machine.disk.root ? machine.disk.root : from
  const parts = path.split('/').filter((part) => part !== '')
  const last = parts.pop()
  if (last === undefined) return { directory: at, name: '', inode: at }
  for (const name of parts) at = directoryAt(machine, at, name, how)
  if (at.kind !== 'directory') throw fault('ENOTDIR', how.syscall, how.path)
  if (last === '.') return { directory: at, name: '.', inode: at }
  if (Buffer.byteLength(last) > MOST_NAME_BYTES) throw fault('ENAMETOOLONG', how.syscall, how.path)
  const inode = at.entries.get(last) ?? null
  const follows = how.follows || path.endsWith('/')
  if (inode?.kind === 'symlink' && follows) return walkOn(machine, at, inode, how)
  return { directory: at, name: last, inode }
}

function directoryAt(machine: Machine, at: Inode, name: string, how: Walk): Inode {
  if (at.kind !== 'directory') throw fault('ENOTDIR', how.syscall, how.path)
  if (name === '.') return at
  if (name === '..') return at.parent ?? at
  const next = at.entries.get(name)
  if (next === undefined) throw fault('ENOENT', how.syscall, how.path)
  if (next.kind !== 'symlink') return next
  const { inode } = walkOn(machine, at, next, { ...how, follows: true })
  if (inode === null) throw fault('ENOENT', how.syscall, how.path)
  return inode
}

function walkOn(machine: Machine, at: Inode, link: Inode, how: Walk): Place {
  if (how.links >= MOST_SYMLINKS) throw fault('ELOOP', how.syscall, how.path)
  const from = link.target.startsWith('/') ? machine.disk.root : at
  return walk(machine, from, link.target, { ...how, links: how.links + 1 })
}

/** Linux's O_PATH, which Node does not list. */
export const O_PATH = 0o10000000
export const OPEN = constants
export const UMASK = 0o022

/** The content of a freed object may be gone: its number can be used again. */
export function freed(machine: Machine, inode: Inode): void {
  if (inode.places.length > 0) return
  const isOpen = [...openFiles().values()].some((file) => file.inode === inode)
  if (!isOpen) machine.disk.free(inode)
}

export function owner(uid: number, gid: number): Partial<Attributes> {
  return { ...(uid < 0 ? {} : { uid }), ...(gid < 0 ? {} : { gid }) }
}

/** Kept to the microsecond. */
export function milliseconds(seconds: number | string): number {
  return Math.round(Number(seconds) * 1e6) / 1e3
}
