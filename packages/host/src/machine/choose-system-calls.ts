/**
 * Which implementation a thread uses: libc where it is available and tells the truth, else the portable one through
 * node:fs.
 *
 * Each thread has its own, because memory and errno belong to a thread. Before libc is used, statx and a listing are
 * compared with Node's results for the same directory: a struct with another layout, or a changed interface of
 * node:ffi, is found here and not in a docroot.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync } from 'node:fs'
import { arch, endianness } from 'node:os'
import { EXIT, errorMessage, Failure } from './failure.ts'
import { LibcAccounts } from './libc/libc-accounts.ts'
import { LibcAttributes } from './libc/libc-attributes.ts'
import { LibcLibrary } from './libc/libc-library.ts'
import { LibcLocks } from './libc/libc-locks.ts'
import { LibcMemory } from './libc/libc-memory.ts'
import { LibcPaths } from './libc/libc-paths.ts'
import { LibcRanges } from './libc/libc-ranges.ts'
import { LibcWatches } from './libc/libc-watches.ts'
import { loadFfi } from './libc/load-ffi.ts'
import { PortablePaths } from './libc/portable-paths.ts'
import type { SystemCalls } from './libc/system-calls.ts'

/** The setting `systemCalls` of both daemons. */
export type SystemCallsSetting = 'auto' | 'libc' | 'portable'

/** The log line, written once, when libc was wanted and is not available. */
export const PORTABLE_CALLS = 'system calls go through Node only, which is slower, because libc cannot be called'

const ARCHITECTURES = new Set(['x64', 'arm64'])

export interface ChosenCalls {
  calls: SystemCalls
  /** Why the calls are portable although libc was wanted; else null. */
  fault: string | null
}

/** @throws Failure when `libc` is asked for by name and is not available */
export function chooseSystemCalls(setting: SystemCallsSetting): ChosenCalls {
  if (setting === 'portable') return { calls: portableCalls(), fault: null }
  const { calls, fault } = libcCalls()
  if (calls !== null) return { calls, fault: null }
  if (setting === 'libc') throw new Failure(EXIT.badConfiguration, `systemCalls: libc is not available: ${fault}`)
  return { calls: portableCalls(), fault }
}

export function portableCalls(): SystemCalls {
  const none = { attributes: null, ranges: null, watches: null, accounts: null, locks: null }
  return { kind: 'portable', paths: new PortablePaths(), ...none }
}

/** `calls` is null when libc cannot be used, and `fault` is the reason. */
type LibcAnswer = { calls: SystemCalls; fault: null } | { calls: null; fault: string }

/** Of this thread. */
let known: LibcAnswer | null = null

/** The same answer in every call of a thread. */
export function libcCalls(): LibcAnswer {
  known ??= openLibc()
  return known
}

function openLibc(): LibcAnswer {
  if (!ARCHITECTURES.has(arch()) || endianness() !== 'LE') return { calls: null, fault: `not made for ${arch()}` }
  const { ffi, fault } = loadFfi()
  if (ffi === null) return { calls: null, fault }
  try {
    const library = new LibcLibrary(ffi)
    const memory = new LibcMemory(ffi)
    const calls: SystemCalls = {
      kind: 'libc',
      paths: new LibcPaths(library, memory),
      attributes: new LibcAttributes(library, memory),
      ranges: new LibcRanges(library, memory),
      watches: new LibcWatches(library, memory),
      accounts: new LibcAccounts(library.functions, memory),
      locks: new LibcLocks(library),
    }
    const lie = disagreement(calls)
    return lie === null ? { calls, fault: null } : { calls: null, fault: `libc and Node disagree about ${lie}` }
  } catch (error) {
    return { calls: null, fault: `glibc cannot be called (${errorMessage(error)})` }
  }
}

/** How libc and Node differ about a directory that every machine has; null when they agree. */
function disagreement({ paths }: SystemCalls): string | null {
  const descriptor = openSync('/proc/self', constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    const [ours, theirs] = [paths.statusOf(descriptor), fstatSync(descriptor, { bigint: true })]
    const inodes = ours.inode === theirs.ino && ours.device === Number(theirs.dev)
    const times = ours.mtimeSeconds === Number(theirs.mtimeNs / 1_000_000_000n)
    if (!inodes || !times || ours.kind !== 'directory' || ours.uid !== Number(theirs.uid)) return 'a status'
    const named = paths.status(descriptor, 'status')
    if (named.kind !== 'file') return 'the kind of a file'
    const names = new Set([...paths.list(descriptor, 'ns')].flat().map(({ name }) => name))
    const expected = readdirSync(`/proc/self/fd/${descriptor}/ns`)
    return expected.every((name) => names.has(name)) && names.size === expected.length ? null : 'a listing'
  } finally {
    closeSync(descriptor)
  }
}
