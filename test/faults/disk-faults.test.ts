/**
 * The kernel refuses steps of a daemon with the errors of full, broken and read-only disks, for as long as the test
 * wants. The daemon reports it, tries again by itself, and needs no restart; meanwhile no file of the target is torn.
 *
 * The suite takes a sample that ROOTFERRY_SEED selects; ROOTFERRY_LONG=1 takes every kind of step.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { Daemon } from '../../packages/host/src/daemon/daemon-process.ts'
import { until } from '../support/until.ts'
import { agentRun, CrashBench, receiverRun, stepsOfRun } from './crash-bench.ts'
import type { CrashPoint } from './durable-steps.ts'
import { endTracing, refusals, refusingRunner, straceIsMissing } from './strace.ts'

const SEED = Number(process.env['ROOTFERRY_SEED'] ?? Math.floor(Math.random() * 1_000))
const IS_LONG = process.env['ROOTFERRY_LONG'] === '1'
const SAMPLE = IS_LONG ? Number.POSITIVE_INFINITY : 3

const RECEIVER: [step: string, error: string][] = [
  ['write ledger-wal', 'ENOSPC'],
  ['rename staging to target', 'EROFS'],
  ['write staging', 'ENOSPC'],
  ['write partial', 'EIO'],
  ['mkdir staging', 'ENOSPC'],
  ['symlink staging', 'EDQUOT'],
  ['utimes staging', 'EROFS'],
  ['link target to staging', 'EIO'],
  ['truncate partial', 'EIO'],
  ['rename partial to target', 'EIO'],
  ['unlink target', 'EROFS'],
  ['rmdir target', 'EROFS'],
  ['chmod target', 'EROFS'],
  ['utimes target', 'EIO'],
]

/** A point in the middle of its kind, which belongs neither to the start nor to the end of a life. */
function middleOf(points: readonly CrashPoint[], step: string): CrashPoint {
  const all = points.filter(({ name }) => name === step)
  const point = all[Math.floor(all.length / 2)]
  assert.ok(point !== undefined, `no step '${step}'`)
  return point
}

/** Refuses the step until the daemon has logged `complaint`, then lets it succeed. */
async function refuse(
  bench: CrashBench,
  point: CrashPoint,
  error: string,
  launch: (runner: string) => Daemon,
  complaint: string,
): Promise<void> {
  const { rig } = bench
  const at = `${error} at ${point.name} (${JSON.stringify(point.aim)}, seed ${SEED})`
  const log = join(rig.place, 'calls.log')
  rig.logs.length = 0
  const daemon = launch(refusingRunner(join(rig.place, 'runner'), log, point.aim, error))
  let ended: string | null = null
  void daemon.ended.then((how) => {
    ended = how
  })
  await until(
    () => ended !== null || (refusals(log) > 0 && rig.logs.some(({ msg }) => msg === complaint)),
    () => `${at}: ${refusals(log)} refused, and it did not say so`,
  )
  assert.equal(ended, null, at)
  assert.deepEqual(bench.torn(), [], at)
  endTracing(daemon)
  await rig.converged(60_000)
  assert.equal(ended, null, at)
}

test('a receiver whose disk refuses a step says so, keeps what was there, and continues by itself', async (t) => {
  const missing = straceIsMissing()
  if (missing !== null) return t.skip(missing)
  await using bench = await CrashBench.start(true, SEED)
  const { rig } = bench
  bench.rewindReceiver()
  const points = await stepsOfRun(rig, receiverRun)
  const from = SEED % RECEIVER.length
  for (const [step, error] of [...RECEIVER.slice(from), ...RECEIVER.slice(0, from)].slice(0, SAMPLE)) {
    bench.rewindReceiver()
    const launch = (runner: string) => rig.launchReceiver(0, runner)
    await refuse(bench, middleOf(points, step), error, launch, 'cannot commit, trying again')
    assert.deepEqual(bench.leftovers(), [], step)
    await rig.killReceiver(0)
    t.diagnostic(`${error} at ${step}`)
  }
})

test('an agent whose disk is full says so, and continues by itself', async (t) => {
  const missing = straceIsMissing()
  if (missing !== null) return t.skip(missing)
  await using bench = await CrashBench.start(false, SEED)
  const { rig } = bench
  const points = await stepsOfRun(rig, agentRun)
  await rig.killReceiver(0)
  bench.rewindAgent()
  bench.rewindReceiver()
  const epoch = bench.index()?.epoch
  const launch = (runner: string) => {
    const agent = rig.launchAgent(runner)
    agent.onLine(({ msg }) => {
      if (msg === 'agent is up') rig.launchReceiver(0)
    })
    return agent
  }
  await refuse(bench, middleOf(points, 'write index-wal'), 'ENOSPC', launch, 'thread of a root failed')
  assert.equal((await rig.status()).roots[0]?.epoch, epoch)
})

test('a removal that fails names the error of the disk', (t) => {
  const missing = straceIsMissing()
  if (missing !== null) return t.skip(missing)
  const file = join(mkdtempSync(join(tmpdir(), 'rootferry-remove-')), 'x')
  writeFileSync(file, '')
  const program = `import { removeTree } from ${JSON.stringify(import.meta.resolve('../../packages/host/src/machine/index.ts'))}
    try { removeTree(${JSON.stringify(file)}) } catch (error) { console.log(error.code, error.syscall) }`
  for (const error of IS_LONG ? ['EROFS', 'EIO', 'ENOSPC', 'EDQUOT', 'EACCES'] : ['EROFS', 'ENOSPC']) {
    const inject = ['-f', '-o', '/dev/null', '-e', `inject=unlink,unlinkat,rmdir:error=${error}`]
    const words = [...inject, process.execPath, '--input-type=module', '-e', program]
    assert.equal(execFileSync('strace', words, { encoding: 'utf8' }), `${error} rm\n`)
  }
  rmSync(dirname(file), { recursive: true })
})
