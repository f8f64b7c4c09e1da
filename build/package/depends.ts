/**
 * The Debian packages that a program needs, from the libraries that it loads and the versions of their symbols. Pure.
 */
import type { Needs } from './elf.ts'

/** Debian's package of each library, and how it names the release that brought a version of symbols. */
const PACKAGES: Readonly<Record<string, { name: string; prefix: string; since?: Readonly<Record<string, string>> }>> = {
  'libc.so.6': { name: 'libc6', prefix: 'GLIBC_' },
  'libm.so.6': { name: 'libc6', prefix: 'GLIBC_' },
  'libdl.so.2': { name: 'libc6', prefix: 'GLIBC_' },
  'libpthread.so.0': { name: 'libc6', prefix: 'GLIBC_' },
  'libatomic.so.1': { name: 'libatomic1', prefix: 'LIBATOMIC_', since: { '1.0': '4.8' } },
  // The libraries of GCC count their symbols by themselves: GCC's documents say which release brought which.
  'libstdc++.so.6': {
    name: 'libstdc++6',
    prefix: 'GLIBCXX_',
    since: {
      '3.4.18': '4.8',
      '3.4.19': '4.8',
      '3.4.20': '4.9',
      '3.4.21': '5.2',
      '3.4.22': '6',
      '3.4.23': '7',
      '3.4.24': '7',
      '3.4.25': '8',
      '3.4.26': '9',
      '3.4.27': '9',
      '3.4.28': '9',
      '3.4.29': '11',
      '3.4.30': '12',
      '3.4.31': '13.1',
      '3.4.32': '13.1',
      '3.4.33': '14',
    },
  },
  // Before 10 the package was called libgcc1.
  'libgcc_s.so.1': { name: 'libgcc-s1', prefix: 'GCC_' },
}
/** Part of the C library's package on every architecture. */
const LOADER = /^ld-linux-[\w-]+\.so\.\d$/

/** Sorted, as in `libc6 (>= 2.28)`. @throws Error for a library or a version that the table does not know */
export function debianDepends({ libraries, versions }: Needs): string[] {
  const least = new Map<string, string | null>()
  for (const library of libraries.filter((name) => !LOADER.test(name))) {
    const known = PACKAGES[library]
    if (known === undefined) throw new Error(`which Debian package has ${library} is not known here`)
    const { name, prefix, since } = known
    const asked = (versions.get(library) ?? [])
      .filter((version) => version.startsWith(prefix) && /^[\d.]+$/.test(version.slice(prefix.length)))
      .map((version) => version.slice(prefix.length))
    const newest = asked.sort(byVersion).at(-1) ?? null
    const release = newest === null || name === 'libgcc-s1' ? null : releaseOf(newest, since)
    const before = least.get(name) ?? null
    least.set(
      name,
      [before, release]
        .filter((version) => version !== null)
        .sort(byVersion)
        .at(-1) ?? null,
    )
  }
  return [...least].map(([name, version]) => (version === null ? name : `${name} (>= ${version})`)).sort()
}

/** A version older than the table, such as 3.4.21, needs no minimum. */
function releaseOf(symbols: string, since: Readonly<Record<string, string>> | undefined): string | null {
  if (since === undefined) return symbols
  const release = since[symbols]
  if (release !== undefined) return release
  const newestKnown = Object.keys(since).sort(byVersion).at(-1) ?? ''
  if (byVersion(symbols, newestKnown) > 0) throw new Error(`which release brought symbols ${symbols} is not known here`)
  return null
}

function byVersion(one: string, other: string): number {
  return one.localeCompare(other, 'en', { numeric: true })
}
