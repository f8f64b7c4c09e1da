/**
 * Random operations on a docroot: fast-check makes them from a seed, `perform` carries them out on the disk.
 *
 * Names come from a small pool so that operations meet: renames hit existing names, types swap, directories are
 * recreated. An operation that is impossible on the present tree (removing something that does not exist) does nothing.
 */
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'

export type Operation =
  | { do: 'write' | 'append'; path: string; bytes: number; fill: number }
  | { do: 'truncate'; path: string; bytes: number }
  | { do: 'chmod'; path: string; mode: number }
  | { do: 'touch'; path: string; seconds: number }
  | { do: 'mkdir' | 'delete' | 'sneaky-rewrite'; path: string }
  | { do: 'symlink'; path: string; target: string }
  | { do: 'rename' | 'swap' | 'copy-tree'; path: string; to: string }
  | { do: 'move-out' | 'move-in'; path: string }

const NAMES = ['a', 'b', 'c.php', 'd e', '-f', 'g\nh', '\u00fc', 'u\u0308', 'A', '..x', '*', '%41', '\\']
const name = fc.constantFrom(...NAMES)
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'))
const mode = fc.constantFrom(0o644, 0o600, 0o755, 0o700, 0o444, 0o640, 0o2755, 0o1777)

export const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('write' as const), path, bytes: fc.nat(20_000), fill: fc.nat(255) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('append' as const), path, bytes: fc.nat(3_000), fill: fc.nat(255) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('truncate' as const), path, bytes: fc.nat(500) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('chmod' as const), path, mode }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('touch' as const),
      path,
      seconds: fc.integer({ min: -1_000_000, max: 3_000_000_000 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('mkdir' as const), path }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), path }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sneaky-rewrite' as const), path }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('symlink' as const),
      path,
      target: fc.constantFrom('a', '../b', '/etc', 'nowhere', '.', 'd e'),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('rename' as const), path, to: path }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('swap' as const), path, to: path }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('copy-tree' as const), path, to: path }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('move-out' as const), path }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('move-in' as const), path }) },
)

/** Number in the names of moved objects. */
let moved = 0

/** @param outside a directory alongside the docroot, on the same filesystem, for moves out of it and into it */
export function perform(root: string, outside: string, step: Operation): void {
  const at = join(root, step.path)
  if (!hasRealParents(root, step.path)) return
  switch (step.do) {
    case 'write':
    case 'append': {
      if (!isFileOrNothing(at)) return
      mkdirSync(dirname(at), { recursive: true })
      const content = Buffer.alloc(step.bytes, step.fill)
      if (step.do === 'write') writeFileSync(at, content)
      else appendFileSync(at, content)
      return
    }
    case 'truncate':
      if (isFile(at)) truncateSync(at, step.bytes)
      return
    case 'chmod':
      if (isFile(at)) chmodSync(at, step.mode)
      else if (isDirectory(at)) chmodSync(at, step.mode | 0o700)
      return
    case 'touch':
      if (isFile(at) || isDirectory(at)) utimesSync(at, step.seconds, step.seconds)
      return
    case 'sneaky-rewrite':
      if (isFile(at)) rewriteUnderTheSameTimes(at)
      return
    case 'mkdir':
      if (!exists(at)) mkdirSync(at, { recursive: true })
      return
    case 'delete':
      rmSync(at, { recursive: true, force: true })
      return
    case 'symlink':
      if (exists(at)) return
      mkdirSync(dirname(at), { recursive: true })
      symlinkSync(step.target, at)
      return
    case 'move-out':
      if (exists(at)) renameSync(at, join(outside, `out-${moved++}`))
      return
    case 'move-in':
      moveIn(at, outside)
      return
    default:
      relocate(step.do, at, join(root, step.to), hasRealParents(root, step.to))
  }
}

function relocate(how: 'rename' | 'swap' | 'copy-tree', from: string, to: string, mayWrite: boolean): void {
  const isNested = to === from || to.startsWith(`${from}/`) || from.startsWith(`${to}/`)
  if (!mayWrite || isNested || !exists(from)) return
  mkdirSync(dirname(to), { recursive: true })
  if (how === 'swap' && exists(to)) {
    renameSync(from, `${from}.swap`)
    renameSync(to, from)
    renameSync(`${from}.swap`, to)
  } else if (how === 'copy-tree') {
    if (!exists(to)) execFileSync('cp', ['-a', '--', from, to])
  } else {
    rmSync(to, { recursive: true, force: true })
    renameSync(from, to)
  }
}

function moveIn(at: string, outside: string): void {
  if (exists(at)) return
  const made = join(outside, 'prepared')
  mkdirSync(join(made, 'deep/deeper'), { recursive: true })
  writeFileSync(join(made, 'deep/file'), `moved in to ${at}`)
  writeFileSync(join(made, 'deep/deeper/file'), '')
  mkdirSync(dirname(at), { recursive: true })
  renameSync(made, at)
}

function rewriteUnderTheSameTimes(at: string): void {
  const { size, atimeMs, mtimeMs } = lstatSync(at)
  writeFileSync(at, Buffer.alloc(size, 'sneaky'))
  utimesSync(at, atimeMs / 1000, mtimeMs / 1000)
}

/** Whether all parents are real directories or missing, so that operations stay inside the docroot. */
function hasRealParents(root: string, below: string): boolean {
  let at = root
  for (const part of below.split('/').slice(0, -1)) {
    at = join(at, part)
    if (exists(at) && !isDirectory(at)) return false
  }
  return true
}

function exists(at: string): boolean {
  return lstatSync(at, { throwIfNoEntry: false }) !== undefined
}

function isFile(at: string): boolean {
  return lstatSync(at, { throwIfNoEntry: false })?.isFile() === true
}

function isDirectory(at: string): boolean {
  return lstatSync(at, { throwIfNoEntry: false })?.isDirectory() === true
}

function isFileOrNothing(at: string): boolean {
  return !exists(at) || isFile(at)
}
