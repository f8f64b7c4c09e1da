/**
 * Compares two directory trees entry by entry, with code that shares nothing with the product: what a target must
 * equal. Paths are handled as bytes, so that any name can be compared.
 */
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync, type Stats } from 'node:fs'

const PIECE_BYTES = 1 << 18
/** Pieces of either side are read into the same memory, for thousands of files: comparisons are synchronous. */
const PIECES = { ours: Buffer.alloc(PIECE_BYTES), theirs: Buffer.alloc(PIECE_BYTES) }

export interface CompareOptions {
  /** Relative paths (as latin1 text of their bytes) that are left out, with everything below. */
  ignore?: (path: string) => boolean
}

/** @returns one line for every difference: nothing when the trees are equal in types, bytes, modes, owners and times */
export function differences(source: string, target: string, { ignore = () => false }: CompareOptions = {}): string[] {
  const found: string[] = []
  const [ours, theirs] = [Buffer.from(source), Buffer.from(target)]
  compareAttributes(lstatSync(ours), lstatSync(theirs), '.', found)
  compareDirectory(ours, theirs, '', found, ignore)
  return found
}

function compareDirectory(
  source: Buffer,
  target: Buffer,
  path: string,
  found: string[],
  ignore: (path: string) => boolean,
): void {
  const ours = namesIn(source)
  const theirs = new Set(namesIn(target))
  for (const name of ours) {
    const below = path === '' ? name : `${path}/${name}`
    if (ignore(below)) continue
    if (!theirs.delete(name)) found.push(`missing: ${below}`)
    else compareEntry(childOf(source, name), childOf(target, name), below, found, ignore)
  }
  for (const name of theirs) {
    const below = path === '' ? name : `${path}/${name}`
    if (!ignore(below)) found.push(`extraneous: ${below}`)
  }
}

function compareEntry(
  source: Buffer,
  target: Buffer,
  path: string,
  found: string[],
  ignore: (path: string) => boolean,
): void {
  const ours = lstatSync(source)
  const theirs = lstatSync(target)
  if (kindOf(ours) !== kindOf(theirs)) {
    found.push(`kind: ${path} is ${kindOf(theirs)}, should be ${kindOf(ours)}`)
  } else {
    compareAttributes(ours, theirs, path, found)
    if (ours.isDirectory()) compareDirectory(source, target, path, found, ignore)
    if (ours.isSymbolicLink() && !readlinkSync(source, 'buffer').equals(readlinkSync(target, 'buffer')))
      found.push(`link: ${path}`)
    if (ours.isFile() && (ours.size !== theirs.size || !hasSameContent(source, target))) found.push(`content: ${path}`)
  }
}

/** Compares in pieces: a file may be larger than memory. */
function hasSameContent(source: Buffer, target: Buffer): boolean {
  const [ours, theirs] = [openSync(source, 'r'), openSync(target, 'r')]
  try {
    const { ours: a, theirs: b } = PIECES
    for (;;) {
      const [read, readTheirs] = [readSync(ours, a), readSync(theirs, b)]
      if (read !== readTheirs || !a.subarray(0, read).equals(b.subarray(0, read))) return false
      if (read < PIECE_BYTES) return true
    }
  } finally {
    closeSync(ours)
    closeSync(theirs)
  }
}

function compareAttributes(ours: Stats, theirs: Stats, path: string, found: string[]): void {
  if (!ours.isSymbolicLink() && ours.mode !== theirs.mode)
    found.push(`mode: ${path} is ${theirs.mode.toString(8)}, should be ${ours.mode.toString(8)}`)
  if (ours.uid !== theirs.uid || ours.gid !== theirs.gid) found.push(`owner: ${path}`)
  const microseconds = Math.round((theirs.mtimeMs - ours.mtimeMs) * 1000)
  if (Math.abs(microseconds) > Math.max(1, Math.abs(ours.mtimeMs) * 1e-12))
    found.push(`mtime: ${path} is off by ${microseconds} µs`)
}

function namesIn(directory: Buffer): string[] {
  return readdirSync(directory, 'buffer').map((name) => name.toString('latin1'))
}

function childOf(directory: Buffer, name: string): Buffer {
  return Buffer.concat([directory, Buffer.from('/'), Buffer.from(name, 'latin1')])
}

function kindOf(stats: Stats): string {
  if (stats.isFile()) return 'a file'
  if (stats.isDirectory()) return 'a directory'
  return stats.isSymbolicLink() ? 'a symlink' : 'special'
}
