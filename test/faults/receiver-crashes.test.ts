/**
 * A receiver killed at every durable step of its life: its claims are then true, no file is torn, and the next start
 * makes the target right. The steps are those that strace sees in an undisturbed run.
 *
 * The suite takes one step of every eighth name, and a few of SQLite's own, which ROOTFERRY_SEED selects; ROOTFERRY_LONG=1
 * takes every step.
 */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CrashBench, emptyTree, killAt, receiverRun, stepsOfRun } from './crash-bench.ts'
import { SOMETIMES, STEPS, wantedSteps } from './durable-sites.ts'
import { assertCovered, type CrashPoint, killAtEach } from './durable-steps.ts'
import { straceIsMissing } from './strace.ts'

const SEED = Number(process.env['ROOTFERRY_SEED'] ?? Math.floor(Math.random() * 1_000))

interface Way {
  name: string
  begin(bench: CrashBench): void
}

const CHANGE: Way = { name: 'a change is committed', begin: (bench) => bench.rewindReceiver() }
const WAYS: Way[] = [
  CHANGE,
  {
    name: 'a target of unknown content is compared, as a first start does',
    begin: (bench) => {
      bench.rewindReceiver()
      emptyTree(bench.receiverState)
      mkdirSync(join(bench.target, 'unknown/deep'), { recursive: true })
      writeFileSync(join(bench.target, 'unknown/deep/x'), 'plain\n')
    },
  },
]

/** @returns the step at which it was killed, null when it did not reach the step this time */
async function crashAndRecover(bench: CrashBench, way: Way, point: CrashPoint): Promise<string | null> {
  const { rig } = bench
  way.begin(bench)
  const hit = await killAt(rig, point, receiverRun, () => rig.receivers[0])
  const at = `killed at ${hit} (${JSON.stringify(point.aim)}, seed ${SEED})`
  assert.deepEqual(bench.torn(), [], at)
  const claimed = bench.ledger()
  if (way === CHANGE) assertClaim(bench, at)
  await rig.startReceiver(0)
  await rig.converged()
  assert.deepEqual(bench.leftovers(), [], at)
  await rig.killReceiver(0)
  assert.ok((bench.ledger()?.sequence ?? -1) >= (claimed?.sequence ?? 0), at)
  return hit
}

/**
 * Unless it is in the middle of a burst, the target holds either all of the change or nothing of it, and the ledger
 * says which.
 */
function assertClaim(bench: CrashBench, at: string): void {
  const { sequences, rig } = bench
  const claimed = bench.ledger()
  assert.ok(claimed !== null && [sequences.before, sequences.after].includes(claimed.sequence), at)
  if (claimed.hasIntent) return
  const promised = claimed.sequence === sequences.after ? rig.source : bench.before
  assert.deepEqual(bench.differences(promised), [], at)
}

test('a receiver that is killed at any durable step is made right by its next start', async (t: TestContext) => {
  const missing = straceIsMissing()
  if (missing !== null) return t.skip(missing)
  await using bench = await CrashBench.start(true, SEED)
  const known = new Set(STEPS.receiver)
  const coverage = { seen: new Set<string>(), wanted: wantedSteps(STEPS.receiver, SEED), killed: new Set<string>() }
  for (const way of WAYS) {
    way.begin(bench)
    const points = await stepsOfRun(bench.rig, receiverRun)
    for (const { name } of points)
      assert.ok(known.has(name) || SOMETIMES.includes(name), `'${name}' is a step that durable-sites.ts does not name`)
    await killAtEach(points, SEED, coverage, (point) => crashAndRecover(bench, way, point))
  }
  assertCovered(t, SEED, known, coverage)
})
