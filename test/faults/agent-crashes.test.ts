/**
 * An agent, and the command that makes tokens, killed at every durable step: the index never knows less than a receiver
 * was told, the epoch stays, identity and tokens are whole, and the next start makes all trees equal.
 *
 * The suite takes one step of every eighth name, and a few of SQLite's own, which ROOTFERRY_SEED selects; ROOTFERRY_LONG=1
 * takes every step.
 */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { AGENT } from '../../build/programs.ts'
import { createToken, readTokens, revokeToken, tokenFileOf } from '../../packages/agent/src/serve/door/tokens.ts'
import { Daemon } from '../../packages/host/src/daemon/daemon-process.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'
import {
  agentRun,
  ask,
  CrashBench,
  killAt,
  lonelyRun,
  type Run,
  releaseRun,
  stepsOfRun,
  type Tick,
} from './crash-bench.ts'
import { STEPS, wantedSteps } from './durable-sites.ts'
import { assertCovered, type Coverage, killAtEach } from './durable-steps.ts'
import { straceIsMissing } from './strace.ts'

const SEED = Number(process.env['ROOTFERRY_SEED'] ?? Math.floor(Math.random() * 1_000))

let begun: CrashBench | null = null
after(() => begun?.[Symbol.asyncDispose]())

/** One for all cases: each has both daemons begin anew with what was saved. */
async function crashBench(): Promise<CrashBench> {
  begun ??= await CrashBench.start(false, SEED)
  return begun
}

/** Kills at the sampled steps of a run. */
async function killAtSteps(
  way: { rig: Rig; run: Run; victim: () => Daemon | null; begin: () => void; check: (at: string) => Promise<void> },
  coverage: Coverage,
  known: readonly string[],
): Promise<void> {
  way.begin()
  const points = await stepsOfRun(way.rig, way.run)
  for (const { name } of points) assert.ok(known.includes(name), `durable-sites.ts does not name '${name}'`)
  await killAtEach(points, SEED, coverage, async (point) => {
    way.begin()
    const hit = await killAt(way.rig, point, way.run, way.victim)
    await way.check(`killed at ${hit} (${JSON.stringify(point.aim)}, seed ${SEED})`)
    return hit
  })
}

function nothingCovered(known: readonly string[]): Coverage {
  return { seen: new Set(), wanted: wantedSteps(known, SEED), killed: new Set() }
}

test('an agent that is killed at any durable step continues where it was', async (t) => {
  const missing = straceIsMissing()
  if (missing !== null) return t.skip(missing)
  const coverage = nothingCovered(STEPS.agent)
  {
    const bench = await crashBench()
    const { rig } = bench
    const epoch = bench.index()?.epoch
    const begin = () => {
      bench.rewindAgent()
      bench.rewindReceiver()
    }
    const check = async (at: string) => {
      const [claimed, index] = [bench.ledger(), bench.index()]
      assert.ok(index !== null && index.epoch === epoch, at)
      assert.ok((claimed?.sequence ?? 0) <= index.sequence, `${at}: told ${claimed?.sequence} of ${index.sequence}`)
      assert.deepEqual(bench.torn(), [], at)
      await rig.startAgent()
      await rig.startReceiver(0)
      await rig.converged()
      await rig.killAgent()
      await rig.killReceiver(0)
      assert.equal(bench.ledger()?.epoch, epoch, at)
    }
    await killAtSteps({ rig, run: agentRun, victim: () => rig.agent, begin, check }, coverage, STEPS.agent)
  }
  await using rig = await Rig.start({ receivers: 0, tls: true })
  await rig.killAgent()
  const state = join(rig.place, 'agent')
  const begin = () => {
    for (const name of ['roots', 'identity.pem', 'admin.json'])
      rmSync(join(state, name), { recursive: true, force: true })
  }
  const check = async (at: string) => {
    await rig.startAgent()
    const identity = readFileSync(join(state, 'identity.pem'), 'latin1')
    assert.match(identity, /PRIVATE KEY-----[\s\S]*BEGIN CERTIFICATE[\s\S]*END CERTIFICATE-----\s*$/, at)
    await until(
      async () => (await rig.status()).roots[0]?.state === 'ready',
      () => at,
    )
    await rig.killAgent()
  }
  await killAtSteps({ rig, run: lonelyRun, victim: () => rig.agent, begin, check }, coverage, STEPS.agent)
  assertCovered(t, SEED, STEPS.agent, coverage)
})

test('a command that makes a token is killed at any durable step: the old tokens are there, and the next one works', async (t) => {
  const missing = straceIsMissing()
  if (missing !== null) return t.skip(missing)
  await using rig = await Rig.start({ receivers: 0 })
  await rig.killAgent()
  let command: Daemon | null = null
  const run = async (_: Rig, runner: string, tick: Tick) => {
    const words = ['token', 'create', 'extra', '--config', join(rig.place, 'agent.yaml')]
    command = new Daemon('command', runner, AGENT, words, process.env)
    let isEnded = false
    void command.ended.then(() => {
      isEnded = true
    })
    await until(
      async () => isEnded || !(await tick()),
      () => 'the command does not end',
    )
  }
  const file = tokenFileOf({ stateDir: join(rig.place, 'agent') })
  const names = () => readTokens(file).map(({ name }) => name)
  const begin = () => {
    if (names().includes('extra')) revokeToken(file, 'extra')
  }
  const check = async (at: string) => {
    assert.ok(names().includes('ops'), at)
    begin()
    assert.match(createToken(file, { name: 'extra', admin: false, roots: null }, new Date()), /^rf_/, at)
  }
  const coverage = nothingCovered(STEPS.command)
  await killAtSteps({ rig, run, victim: () => command, begin, check }, coverage, STEPS.command)
  assertCovered(t, SEED, STEPS.command, coverage)
})

test('an agent that is killed at any durable step of a hold and its release: held, or released as one', async (t) => {
  const missing = straceIsMissing()
  if (missing !== null) return t.skip(missing)
  const bench = await crashBench()
  const { rig } = bench
  const begin = () => {
    bench.rewindAgent()
    bench.rewindReceiver()
    for (const name of readdirSync(rig.source)) if (name.startsWith('released')) rmSync(join(rig.source, name))
  }
  const shown = () => readdirSync(rig.targets[0] ?? '').filter((name) => name.startsWith('released')).length
  const check = async (at: string) => {
    const before = shown()
    assert.ok(before === 0 || before === 5, `${at}: ${before} of 5 files are visible`)
    await rig.startAgent()
    await rig.startReceiver(0)
    await rig.site.receiversLive()
    if ((await rig.site.root())?.hold != null) {
      assert.equal(shown(), before, `${at}: a held root has sent something`)
      await ask(rig, 'release', {})
    }
    await rig.converged()
    await rig.killAgent()
    await rig.killReceiver(0)
  }
  const coverage = { seen: new Set<string>(), wanted: wantedSteps(STEPS.agent, SEED + 1), killed: new Set<string>() }
  await killAtSteps({ rig, run: releaseRun, victim: () => rig.agent, begin, check }, coverage, STEPS.agent)
})
