/**
 * Names for the daemons' operations on disks: a step is a kind of call and the kind of place that it works on.
 *
 * Crash tests enumerate these names, `durable-sites.ts` assigns them to every call in the sources, and a test prints
 * those that are not covered.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Aim, Call } from './strace.ts'

const KINDS: Record<string, string> = {
  renameat: 'rename',
  renameat2: 'rename',
  mkdirat: 'mkdir',
  unlinkat: 'unlink',
  linkat: 'link',
  symlinkat: 'symlink',
  pwrite64: 'write',
  ftruncate: 'truncate',
  fdatasync: 'fsync',
  sendfile: 'copy',
  copy_file_range: 'copy',
  fchmod: 'chmod',
  fchmodat: 'chmod',
  lchown: 'chown',
  fchown: 'chown',
  fchownat: 'chown',
  utimensat: 'utimes',
}

/**
 * The first pattern that matches names the place. A path that no pattern matches is not the product's: pipes, caches.
 */
const PLACES: [RegExp, string][] = [
  [/\/ledger\.sqlite-wal$/, 'ledger-wal'],
  [/\/ledger\.sqlite-journal$/, 'ledger-journal'],
  [/\/ledger\.sqlite$/, 'ledger'],
  [/\/index\.db-wal$/, 'index-wal'],
  [/\/index\.db-journal$/, 'index-journal'],
  [/\/index\.db$/, 'index'],
  [/\/identity\.pem/, 'identity'],
  [/\/admin\.json/, 'admin-secret'],
  [/\/control\.json/, 'control-secret'],
  [/\/tokens\.json/, 'tokens'],
  [/\/staging\/p\d+$/, 'partial'],
  [/\/staging(?:\/|$)/, 'staging'],
  [/\/trash(?:\/|$)/, 'trash'],
  [/\/(?:rename-)?probe$/, 'probe'],
  [/\/(?:web\d+\/state|agent)(?:\/|$)/, 'state'],
  // Paths through a descriptor: the target, and the trash, which is entered in the same way.
  [/^\/proc\/self\/fd\/|\/target\d+(?:\/|$)/, 'target'],
]

/** @returns null when the call failed or does not touch a file of the product */
export function stepName(call: Call): string | null {
  if (call.result !== null && call.result < 0) return null
  const places = pathsOf(call).map((path) => PLACES.find(([pattern]) => pattern.test(path))?.[1])
  const [from, to] = places
  const kind = KINDS[call.syscall] ?? call.syscall
  if (kind === 'unlink' && call.parameters.includes('AT_REMOVEDIR')) return from === undefined ? null : `rmdir ${from}`
  // The target of a symlink is not a place that the call changes.
  if (kind === 'symlink') return places.at(-1) === undefined ? null : `symlink ${places.at(-1)}`
  if (from === undefined) return null
  return kind === 'rename' || kind === 'link' ? `${kind} ${from} to ${to}` : `${kind} ${from}`
}

export interface CrashPoint {
  name: string
  aim: Aim
}

/** Every step of a run, in order, each with the aim that makes strace stop before it in another run. */
export function crashPoints(calls: readonly Call[]): CrashPoint[] {
  const points: CrashPoint[] = []
  const counts = new Map<string, number>()
  for (const call of calls) {
    // Numbers of descriptors may differ the next time; names do not.
    const paths = pathsOf(call)
      .filter((path) => /^\/[\w./-]+$/.test(path))
      .map((path) => path.replace(/^(\/proc\/self\/fd\/)\d+/, '$1*'))
    for (const path of new Set(['', ...paths])) {
      const key = `${call.thread} ${call.syscall} ${path}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    const name = stepName(call)
    if (name === null) continue
    const path = paths.find((at) => !at.startsWith('/proc/')) ?? paths[0] ?? null
    const when = counts.get(`${call.thread} ${call.syscall} ${path ?? ''}`) ?? 0
    points.push({ name, aim: { syscall: call.syscall, path, when } })
  }
  return points
}

/** The points of each name, beginning at one that the seed selects. */
function byName(points: readonly CrashPoint[], seed: number): CrashPoint[][] {
  const groups = [...Map.groupBy(points, ({ name }) => name).values()]
  return groups.map((all) => [...all.slice(seed % all.length), ...all.slice(0, seed % all.length)])
}

/** How often a short run tries to reach a step of one name: threads of a pool take turns as they like. */
const MOST_TRIES = 8
const IS_LONG = process.env['ROOTFERRY_LONG'] === '1'

/** The known steps, and those at which a daemon was killed. */
export interface Coverage {
  seen: Set<string>
  wanted: ReadonlySet<string>
  killed: Set<string>
}

/**
 * Calls `kill` for one step of each wanted name at which it has not killed yet, or, in a long run, for every step.
 * @param kill returns the name of the step at which it really killed
 */
export async function killAtEach(
  points: readonly CrashPoint[],
  seed: number,
  { seen, wanted, killed }: Coverage,
  kill: (point: CrashPoint) => Promise<string | null>,
): Promise<void> {
  for (const { name } of points) seen.add(name)
  for (const group of byName(points, seed)) {
    const tries = IS_LONG ? group : group.slice(0, MOST_TRIES)
    for (const point of tries) {
      if (!IS_LONG && (killed.has(point.name) || !wanted.has(point.name))) break
      const hit = await kill(point)
      if (hit !== null) killed.add(hit)
    }
  }
}

/** Every known step occurred in some run, and the daemon was killed at all wanted ones. */
export function assertCovered(t: TestContext, seed: number, known: Iterable<string>, coverage: Coverage): void {
  const { seen, wanted, killed } = coverage
  t.diagnostic(`seed ${seed}: killed at ${[...killed].sort().join(', ')}`)
  const missing = [...new Set(known)].filter((name) => !seen.has(name))
  assert.deepEqual(missing, [], 'steps that never happen')
  assert.deepEqual(
    [...wanted].filter((name) => !killed.has(name)),
    [],
    'steps at which it was not killed',
  )
}

function pathsOf({ syscall, parameters }: Call): string[] {
  const byDescriptor = /^\d+<([^>]*)>/.exec(parameters)?.[1]
  if (byDescriptor !== undefined) return [byDescriptor]
  if (syscall === 'sendfile' || syscall === 'write') return []
  return [...parameters.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, path = '']) => path)
}
