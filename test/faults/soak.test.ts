/**
 * Churn and random faults for a long time: three receivers, one behind a line that is cut, blocked, stalled, slowed and
 * muted, one that is also killed, one whose disk becomes full; and an agent that is killed in the first half.
 *
 * Every round ends with all daemons well: trees are equal, staging is empty, nothing went to the trash, and no process
 * has more memory, descriptors or watches than before. The second half leaves the agent alone, so that its leaks would
 * show. 20 seconds in the suite, half an hour with ROOTFERRY_LONG=1, or ROOTFERRY_SOAK_MINUTES; ROOTFERRY_SEED.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Daemon } from '../../packages/host/src/daemon/daemon-process.ts'
import { diskPlace } from '../support/disk-place.ts'
import { operation, perform } from '../support/operations.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'
import { Troubles, trouble } from './injected-faults.ts'
import { SmallDisk } from './small-disk.ts'
import { openFiles, type VitalSigns, vitalSigns } from './vital-signs.ts'

const IS_LONG = process.env['ROOTFERRY_LONG'] === '1'
const MINUTES = Number(process.env['ROOTFERRY_SOAK_MINUTES'] ?? (IS_LONG ? 30 : 1 / 3))
const SEED = Number(process.env['ROOTFERRY_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const BACKEND = SEED % 2 === 0 ? 'chokidar' : 'directory'
/** The receiver that is never killed, so that its leaks would show. */
const STEADY = 0
const EPISODES_A_ROUND = 15
/** Megabytes by which a heap may vary, because V8 chooses when to collect it. */
const MEMORY_SLACK = 40
const DESCRIPTOR_SLACK = 8

const episode = fc.record({
  before: fc.array(operation, { minLength: 1, maxLength: 10 }),
  trouble,
  after: fc.array(operation, { maxLength: 10 }),
})

/** Changes that certainly happen, so that a running agent has something to report. */
function mark(rig: Rig, number: number): void {
  mkdirSync(join(rig.source, 'marks'), { recursive: true })
  writeFileSync(join(rig.source, 'marks', `${number % 50}`), `${number}\n`.repeat(number % 3_000))
}

/** Staged files that are not needed any more, wherever the receiver stages. */
function staged(rig: Rig): string[] {
  return rig.targets.flatMap((target, number) => {
    const places = [join(rig.place, `web${number + 1}/state/roots/site/staging`), join(target, '.rootferry/staging')]
    return places.filter((place) => existsSync(place)).flatMap((place) => readdirSync(place))
  })
}

async function assertWell(rig: Rig, at: string): Promise<void> {
  // Files that a burst replaced are freed when the commit has been told.
  await until(
    () => staged(rig).length === 0,
    () => `${at}: left in staging: ${staged(rig).join()}`,
  )
  for (const number of rig.targets.keys()) {
    const [root] = await rig.receiverRoots(number)
    assert.equal(root?.trash.batches, 0, `${at}: web${number + 1} threw something away`)
  }
}

/** The vital signs of a daemon at rest: descriptors of its last work are closed by then. */
async function atRest(daemon: Daemon | null | undefined, descriptors: number, at: string): Promise<VitalSigns> {
  const signs = () => vitalSigns(daemon?.pid ?? 0)
  return await until(
    () => (signs().descriptors <= descriptors + DESCRIPTOR_SLACK ? signs() : false),
    () => `${at}: ${daemon?.name} had ${descriptors} descriptors at its beginning, now ${openFiles(daemon?.pid ?? 0)}`,
  )
}

/** At the end of a long life a daemon uses no more than at its beginning. */
function assertFlat(who: string, signs: readonly VitalSigns[]): void {
  const third = Math.ceil(signs.length / 3)
  const most = (part: readonly VitalSigns[]) => Math.max(...part.map(({ memory }) => memory))
  const [first, last] = [most(signs.slice(0, third)), most(signs.slice(-third))]
  assert.ok(last <= first * 1.2 + MEMORY_SLACK, `${who}: ${JSON.stringify(signs)}`)
}

test('churn and random faults for a while: everybody converges, and nothing leaks', async (t) => {
  let disk: SmallDisk | null = null
  const prepare = (_: string, targets: string[]) => {
    disk = SmallDisk.at(targets[2] ?? '')
  }
  const settings = { root: { watch: { backend: BACKEND } }, receiverRoot: { allowSetuid: true } }
  await using rig = await Rig.start({ receivers: 3, place: diskPlace(), prepare, ...settings })
  await using troubles = await Troubles.start(rig, disk)
  const outside = join(rig.place, 'outside')
  mkdirSync(outside)
  await rig.converged()
  const descriptorsOf = (daemon: Daemon | null | undefined) => vitalSigns(daemon?.pid ?? 0).descriptors
  const beginning = { agent: descriptorsOf(rig.agent), steady: descriptorsOf(rig.receivers[STEADY]) }
  const signs = { agent: [] as VitalSigns[], steady: [] as VitalSigns[] }
  const began = performance.now()
  const share = () => (performance.now() - began) / (MINUTES * 60_000)
  let number = 0
  for (let round = 0; share() < 1; round += 1) {
    const at = `seed ${SEED}, round ${round}`
    for (const { before, trouble: what, after } of fc.sample(episode, {
      numRuns: EPISODES_A_ROUND,
      seed: SEED + round,
    })) {
      for (const step of before) perform(rig.source, outside, step)
      const sequence = (await rig.status()).roots[0]?.sequence ?? 0
      if (what.kind !== 'killAgent' || share() < 0.5) await troubles.strike(what)
      for (const step of after) perform(rig.source, outside, step)
      mark(rig, number++)
      await troubles.pass()
      await until(
        async () => ((await rig.status()).roots[0]?.sequence ?? 0) > sequence,
        () => `${at}: the agent does not see what happens`,
      )
    }
    await troubles.end()
    await rig.converged(90_000).catch((error: unknown) => assert.fail(`${at}: ${String(error)}\n${troubles.story}`))
    await assertWell(rig, at)
    const agent = await atRest(rig.agent, beginning.agent, at)
    if (share() > 0.5) signs.agent.push(agent)
    signs.steady.push(await atRest(rig.receivers[STEADY], beginning.steady, at))
  }
  t.diagnostic(`seed ${SEED}, ${BACKEND}: ${number} episodes, ${troubles.story}`)
  t.diagnostic(`agent ${JSON.stringify(signs.agent)}, receiver ${JSON.stringify(signs.steady)}`)
  assertFlat('agent', signs.agent)
  assertFlat('receiver', signs.steady)
  const old = vitalSigns(rig.agent?.pid ?? 0)
  await rig.agent?.stop()
  await rig.startAgent()
  await rig.converged()
  const fresh = vitalSigns(rig.agent?.pid ?? 0)
  t.diagnostic(`watches ${old.watches}, of a fresh agent ${fresh.watches}`)
  assert.ok(old.watches <= fresh.watches, `${old.watches} watches where a fresh agent has ${fresh.watches}`)
})
