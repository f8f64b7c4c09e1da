/**
 * Hooks of the agent: one run for what every live receiver has, told its paths; retried, shown, and not lost by a
 * restart.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(2)

/** Each run adds a line: its reason, whether the second target has the paths, and the paths. */
const NOTE = [
  'paths=$(tr "\\0" " ")',
  'all=yes; for path in $paths; do test -e "$1/$path" -o ! -e "$ROOTFERRY_PATH/$path" || all=no; done',
  'echo "$ROOTFERRY_REASON $all $paths" >> "$0"',
].join('; ')

const shown = async () => JSON.stringify([await daemons.status(), daemons.logs.slice(-20)])

async function hookedSite({ script = NOTE, ...settings }: { script?: string; [setting: string]: unknown } = {}) {
  const place = { runs: '' }
  const site = await Site.on(daemons, {
    prepare: (source) => {
      place.runs = join(source, '../runs')
      for (const name of ['first.php', 'gone.php', 'style.css']) writeFileSync(join(source, name), 'x')
    },
  })
  await site.inSync()
  const command = ['/bin/sh', '-c', script, place.runs, site.targets[1]]
  const hooks = { afterAll: [{ match: ['*.php'], command, minIntervalSeconds: 0, ...settings }] }
  daemons.editAgent((config) => ({ ...config, roots: { [site.name]: { path: site.source, hooks } } }))
  if (daemons.agent !== null) await daemons.hangUp(daemons.agent)
  const runs = () => {
    const text = existsSync(place.runs) ? readFileSync(place.runs, 'utf8').trimEnd() : ''
    // A space follows each path.
    return text === '' ? [] : text.split('\n').map((line) => line.trimEnd())
  }
  return {
    site,
    runs,
    place: place.runs,
    save: (name: string, text = 'y') => writeFileSync(join(site.source, name), text),
  }
}

interface HookView {
  isDue: boolean
  runs: number
  failures: number
  lastError: string | null
}

async function hookOf(): Promise<HookView> {
  const [root] = (await daemons.status()).roots as unknown as { hooks: HookView[] }[]
  return root?.hooks[0] ?? { isDue: true, runs: -1, failures: 0, lastError: null }
}

test('it runs once for what all receivers have, and is told the paths that match', async () => {
  const { runs, save, site } = await hookedSite()
  assert.deepEqual(runs(), [])
  save('first.php')
  save('style.css')
  rmSync(join(site.source, 'gone.php'))
  await until(() => runs().join().includes('gone.php') && runs().join().includes('first.php'), shown)
  await until(async () => !(await hookOf()).isDue, shown)
  const told = runs()
    .flatMap((line) => line.split(' ').slice(2))
    .sort()
  assert.deepEqual(told, ['first.php', 'gone.php'])
  for (const line of runs()) assert.match(line, /^change yes /)
  const count = (await hookOf()).runs
  save('style.css', 'z')
  await site.converged()
  save('more.php')
  await until(() => runs().at(-1) === 'change yes more.php', shown)
  await until(async () => (await hookOf()).runs === count + 1, shown)
  const metrics = await (await fetch(`${daemons.adminUrl}/metrics`)).text()
  assert.match(metrics, new RegExp(`^rootferry_hook_runs_total\\{root="${site.name}",hook="0"\\} ${count + 1}$`, 'm'))
})

test('it waits for the hooks that receivers are not ready without: no cache is purged and filled with the old again', async () => {
  const { runs, save, site, place } = await hookedSite({ script: 'echo purged >> "$0"' })
  const script = 'until test -e "$0.allowed"; do sleep 0.02; done; echo reloaded >> "$0"'
  const hooks = { afterCommit: [{ match: ['*.php'], command: ['/bin/sh', '-c', script, place], readyAfter: true }] }
  daemons.editReceiver(0, (config) => ({ ...config, roots: { [site.name]: { path: site.targets[0], hooks } } }))
  if (daemons.receivers[0] !== null && daemons.receivers[0] !== undefined) await daemons.hangUp(daemons.receivers[0])
  await site.inSync()
  save('a.php')
  await until(async () => !(await daemons.ready(0)), shown)
  await site.converged()
  writeFileSync(`${place}.allowed`, '')
  await until(() => runs().includes('purged') && runs().includes('reloaded'), shown)
  assert.deepEqual(runs(), ['reloaded', 'purged'])
})

test('it waits for no receiver that is away, and runs again when that has what it missed', async () => {
  const { runs, save, site } = await hookedSite()
  await daemons.receivers[1]?.stop()
  save('a.php')
  save('style.css')
  await until(() => runs().length === 1, shown)
  assert.equal(runs()[0], 'change no a.php')
  await daemons.startReceiver(1)
  await until(() => runs().length === 2, shown)
  assert.equal(runs()[1], 'replay yes a.php')
  // One that missed nothing that concerns the hook makes no run.
  await daemons.receivers[1]?.stop()
  save('style.css', 'z')
  await until(async () => (await site.root())?.sequence === (await daemons.status()).receivers[0]?.sequence, shown)
  await daemons.startReceiver(1)
  await site.inSync()
  save('b.php')
  await until(() => runs().length === 3, shown)
  assert.equal(runs()[2], 'change yes b.php')
})

test('a receiver that missed something runs it also over a restart of the agent', async () => {
  const { runs, save, site } = await hookedSite()
  await daemons.receivers[1]?.stop()
  save('a.php')
  await until(() => runs().length === 1, shown)
  await daemons.agent?.stop()
  await daemons.startAgent()
  await daemons.startReceiver(1)
  await until(() => runs().at(-1) === 'replay yes a.php', shown)
  await site.inSync()
})

test('a resync that repairs something runs it, and one that only compares does not', async () => {
  const { runs, site } = await hookedSite()
  const target = site.targets[1] ?? ''
  const resync = async (dryRun: boolean) => {
    const body = JSON.stringify({ root: site.name, check: 'content', dryRun })
    const headers = { 'Content-Type': 'application/json' }
    const ordered = await daemons.admin('/v1/resyncs', { method: 'POST', headers, body })
    const { id } = (await ordered.json()) as { id: string }
    const isOver = async () =>
      ((await (await daemons.admin(`/v1/resyncs/${id}`)).json()) as { state: string }).state === 'done'
    await until(isOver, shown)
  }
  writeFileSync(join(target, 'first.php'), 'spoilt')
  writeFileSync(join(target, 'style.css'), 'spoilt')
  await resync(true)
  await resync(false)
  await until(() => runs().length > 0, shown)
  await until(async () => !(await hookOf()).isDue, shown)
  assert.deepEqual(runs(), ['resync yes first.php'])
})

test('a run that fails is tried again, is in status, and an agent that is killed meanwhile repeats it', async () => {
  const { runs, save, site, place } = await hookedSite({ script: `test -e "$0.allowed" || exit 7; ${NOTE}` })
  save('a.php')
  rmSync(join(site.source, 'gone.php'))
  const failed = await until(async () => (await hookOf()).failures > 0 && (await hookOf()), shown)
  assert.equal(failed.lastError, 'failed: exit code 7')
  assert.throws(
    () => daemons.agentVerb('status'),
    (error: { status: number; stdout: string }) =>
      error.status === 3 && /^HOOK +ROOT +STATE.* failing +\d+ +\d+\n +failed: exit code 7$/ms.test(error.stdout),
  )
  await daemons.killAgent()
  // Changed while the agent is away: it belongs to the same run.
  save('b.php')
  writeFileSync(`${place}.allowed`, '')
  await daemons.startAgent()
  await until(() => runs().join().includes('b.php'), shown)
  await until(async () => !(await hookOf()).isDue, shown)
  const told = new Set(runs().flatMap((line) => line.split(' ').slice(2)))
  assert.deepEqual([...told].sort(), ['a.php', 'b.php', 'gone.php'])
  for (const line of runs()) assert.match(line, /^replay yes /)
  await daemons.agent?.stop()
  await daemons.startAgent()
  await site.inSync()
  save('c.php')
  await until(() => runs().at(-1) === 'change yes c.php', shown)
})

test('a command that is put in place of one that failed is told of what that one was not', async () => {
  const { runs, save, site, place } = await hookedSite({ script: 'exit 7' })
  save('a.php')
  await until(async () => (await hookOf()).failures > 0, shown)
  const command = ['/bin/sh', '-c', NOTE, place, site.targets[1]]
  const hooks = { afterAll: [{ match: ['*.php'], command, minIntervalSeconds: 0 }] }
  daemons.editAgent((config) => ({ ...config, roots: { [site.name]: { path: site.source, hooks } } }))
  if (daemons.agent !== null) await daemons.hangUp(daemons.agent)
  await until(
    () => runs().at(-1) === 'change yes a.php',
    () => runs().join('|'),
    6000,
  )
})

test('a HUP that changes nothing but hooks ends no connection', async () => {
  const { site } = await hookedSite()
  const connected = async () =>
    ((await daemons.status()).receivers as unknown as { connectedAt: string }[]).map(({ connectedAt }) => connectedAt)
  const before = await connected()
  const hooks = { afterAll: [{ match: ['*.css'], command: ['/bin/true'] }] }
  daemons.editAgent((config) => ({ ...config, roots: { [site.name]: { path: site.source, hooks } } }))
  if (daemons.agent !== null) await daemons.hangUp(daemons.agent)
  await until(async () => (await daemons.status()).roots[0]?.state === 'ready', shown)
  writeFileSync(join(site.source, 'after.css'), 'x')
  await until(async () => (await hookOf()).runs === 1, shown)
  assert.deepEqual(await connected(), before)
})

for (const onFirstSync of [false, true]) {
  test(`what a new index begins with, with onFirstSync: ${onFirstSync}`, async () => {
    const runs = join(daemons.place, `first-${onFirstSync}`)
    const command = ['/bin/sh', '-c', 'echo "$ROOTFERRY_REASON $(tr "\\0" " ")" >> "$0"', runs]
    const site = await Site.on(daemons, {
      prepare: (source) => writeFileSync(join(source, 'first.php'), 'x'),
      root: { hooks: { afterAll: [{ match: ['*.php'], command, onFirstSync, minIntervalSeconds: 0 }] } },
    })
    await site.inSync()
    writeFileSync(join(site.source, 'second.php'), 'x')
    const lines = () => (existsSync(runs) ? readFileSync(runs, 'utf8').trimEnd().split('\n') : [])
    await until(() => lines().join().includes('second.php'), shown)
    assert.deepEqual(
      lines().map((line) => line.trim()),
      [...(onFirstSync ? ['first-sync first.php'] : []), 'change second.php'],
    )
  })
}
