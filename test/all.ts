/**
 * Runs every test of the checkout, as `npm run test:all` does: the longest files first, so that no processor waits for
 * them at the end, and small unit tests one after the other in one process, whose start takes longer than most of them.
 *
 *   node test/all.ts            runs them
 *   node test/all.ts --starts   and says how many daemons were started
 *
 * Files that tests make are in memory if there is enough of it: no result depends on a disk, except in tests that are
 * given `ROOTFERRY_DISK` (see `support/disk-place.ts`).
 */
import { existsSync, globSync, statfsSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { FILES_THAT_SHARE } from './support/files-that-share.ts'
import { Rig } from './support/rig.ts'
import { StartCounter } from './support/start-counter.ts'

const CHECKOUT = join(import.meta.dirname, '..')
const MEMORY = '/dev/shm'
const ENOUGH_BYTES = 4 * 1024 ** 3
/** Most tests wait for half of their time. */
const AT_ONCE = availableParallelism() + 2
/** A file that takes so long waits for something that does not come: it fails, and the others go on. */
const MOST_MS = 15 * 60_000
/** The longest files, longest first. */
const LONGEST = [
  'test/simulation/simulation.test.ts',
  'test/unit.test.ts',
  'test/two-receivers.test.ts',
  'test/one-receiver.test.ts',
  'test/volumes.test.ts',
  'test/faults/small-filesystems.test.ts',
  'test/faults/long-copies.test.ts',
  'test/scenes.test.ts',
  'test/types.test.ts',
  'test/e2e/random-operations.test.ts',
  'test/faults/broken-lines.test.ts',
  'test/faults/agent-crashes.test.ts',
  'test/faults/process-trouble.test.ts',
  'test/faults/receiver-crashes.test.ts',
  'test/faults/soak.test.ts',
  'test/faults/renames-at-size.test.ts',
  'test/e2e/page.test.ts',
  'test/e2e/command-line.test.ts',
  'test/e2e/nats.test.ts',
  'test/faults/borders-of-targets.test.ts',
  'test/packaging/packages.test.ts',
  'test/e2e/page-at-size.test.ts',
  'test/e2e/relay.test.ts',
  'test/e2e/page-views.test.ts',
]

function isRoomyMemory(): boolean {
  if (!existsSync(MEMORY)) return false
  const { bavail, bsize } = statfsSync(MEMORY)
  return bavail * bsize >= ENOUGH_BYTES
}

/**
 * Daemons that are killed, as most are in tests, leave nothing in the cache of compiled code, without which a start takes
 * half as long again: a pair that ends by itself fills it for all others.
 */
async function fillCompileCache(): Promise<void> {
  await using rig = await Rig.start({
    receivers: 1,
    tls: true,
    prepare: (source) => writeFileSync(join(source, 'a'), 'a'),
  })
  await rig.converged()
  for (const daemon of [rig.agent, ...rig.receivers]) await daemon?.stop()
}

const missing = LONGEST.filter((file) => !existsSync(join(CHECKOUT, file)))
if (missing.length > 0) throw new Error(`test/all.ts names files that are not there: ${missing}`)
/** Files that others import. */
const imported = Object.values(FILES_THAT_SHARE).flatMap((files) => files.map((file) => `test/${file}.test.ts`))
const isInAnother = (file: string) => file.startsWith('test/scenes/') || imported.includes(file)
const others = globSync('test/**/*.test.ts', { cwd: CHECKOUT }).filter(
  (file) => !LONGEST.includes(file) && !isInAnother(file),
)

const counter = process.argv.includes('--starts') ? StartCounter.begin() : null
process.env['ROOTFERRY_DISK'] ??= tmpdir()
if (process.env['TMPDIR'] === undefined && isRoomyMemory()) process.env['TMPDIR'] = MEMORY
if (process.env['NODE_COMPILE_CACHE'] !== undefined) await fillCompileCache()
const results = run({
  cwd: CHECKOUT,
  files: [...LONGEST, ...others.sort()].map((file) => join(CHECKOUT, file)),
  concurrency: AT_ONCE,
  timeout: MOST_MS,
  forceExit: true,
})
results.on('test:fail', () => {
  process.exitCode = 1
})
results.compose(new spec()).pipe(process.stdout)
results.on('end', () => {
  if (counter !== null) process.on('exit', () => process.stdout.write(`daemons started: ${counter.end()}\n`))
})
