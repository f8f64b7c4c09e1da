/**
 * When commands after commits run, and when their runs are over: left-behind processes, intervals, reasons, retries,
 * crashes, stops and reloads.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(1)

/** Each run adds its reason to the file that is named first. */
const NOTE = 'cat > /dev/null; echo "$ROOTFERRY_REASON" >> "$0"'

interface HookSettings {
  script?: string
  [setting: string]: unknown
}

/** A site whose receiver has one hook for PHP files, and the file into which that hook writes. */
async function hookedSite({ script = NOTE, ...settings }: HookSettings) {
  const place = { runs: '' }
  const site = await Site.on(daemons, {
    prepare: (source) => {
      place.runs = join(source, '../runs')
      writeFileSync(join(source, 'first.php'), 'x')
    },
  })
  await site.converged()
  const command = ['/bin/sh', '-c', script, place.runs]
  site.configureReceiver(0, { hooks: { afterCommit: [{ match: ['*.php'], command, ...settings }] } })
  const [receiver] = daemons.receivers
  assert.ok(receiver !== null && receiver !== undefined)
  await daemons.hangUp(receiver)
  await site.inSync()
  const runs = () => (existsSync(place.runs) ? readFileSync(place.runs, 'utf8').trim().split('\n') : [])
  return { site, runs, receiver, save: (name: string) => writeFileSync(join(site.source, name), 'x') }
}

const shown = async () => JSON.stringify([await daemons.receiverRoots(0), daemons.logs.slice(-20)])

test('a process that a command leaves behind with its output open does not hold up the next run', async () => {
  const { save, runs } = await hookedSite({ script: `${NOTE}; sleep 300 & echo $! > "$0.child"`, timeoutSeconds: 30 })
  save('a.php')
  await until(() => runs().length === 1, shown)
  save('b.php')
  await until(() => runs().length === 2, shown)
  await daemons.receivers[0]?.stop()
  await daemons.startReceiver(0)
})

test('a command that takes too long is killed with everything that it has started', async () => {
  const { save, site } = await hookedSite({
    script: 'sleep 300 & echo $! > "$0.child"; wait',
    timeoutSeconds: 1,
  })
  save('a.php')
  const file = join(site.place, 'runs.child')
  const child = await until(() => existsSync(file) && Number(readFileSync(file, 'utf8')), shown)
  await until(() => !isAlive(child), shown)
})

test('a receiver stops and reloads within seconds whatever a command does', async () => {
  const { save, site, receiver } = await hookedSite({
    script: 'trap "" TERM INT HUP; sleep 300 & echo $! >> "$0.child"; wait; wait',
    timeoutSeconds: 300,
  })
  const file = join(site.place, 'runs.child')
  const started = () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').length : 0)
  save('a.php')
  await until(() => started() === 1, shown)
  site.configureReceiver(0, { protect: ['nothing'] })
  await daemons.hangUp(receiver)
  await site.inSync()
  // The run did not end well, so it is due again.
  await until(() => started() >= 2, shown)
  const stopping = performance.now()
  await receiver.stop()
  // A promise to operators, so it is measured; without it the run would last for five minutes.
  assert.ok(performance.now() - stopping < 5_000)
  await daemons.startReceiver(0)
})

test('a receiver of many roots that is told to stop while it reads its configuration again stops within seconds too', async () => {
  const names = ['one', 'two', 'three', 'four']
  const place = (name: string, part: string) => join(daemons.place, 'many', name, part)
  for (const name of names) mkdirSync(place(name, 'source'), { recursive: true })
  const script = 'trap "" TERM INT HUP; echo started >> "$0"; sleep 300; sleep 300'
  const settings = (protect: string[]) => (name: string) => {
    const command = ['/bin/sh', '-c', script, place(name, 'runs')]
    const afterCommit = [{ match: ['*.php'], command, timeoutSeconds: 300 }]
    return [name, { path: place(name, 'target'), protect, hooks: { afterCommit } }]
  }
  const configure = (protect: string[]) =>
    daemons.editReceiver(0, (config) => ({ ...config, roots: Object.fromEntries(names.map(settings(protect))) }))
  daemons.editAgent((config) => ({
    ...config,
    roots: Object.fromEntries(names.map((name) => [name, { path: place(name, 'source') }])),
  }))
  const [agent, [receiver]] = [daemons.agent, daemons.receivers]
  assert.ok(agent !== null && receiver !== null && receiver !== undefined)
  await daemons.hangUp(agent)
  configure([])
  await daemons.hangUp(receiver)
  await until(async () => (await daemons.status()).receivers.every(({ state }) => state === 'live'), shown)
  for (const name of names) writeFileSync(join(place(name, 'source'), 'a.php'), 'x')
  await until(() => names.every((name) => existsSync(place(name, 'runs'))), shown)
  configure(['nothing'])
  daemons.logs.length = 0
  process.kill(receiver.pid, 'SIGHUP')
  await until(() => daemons.logs.some(({ phase }) => phase === 'idle'), shown)
  const stopping = performance.now()
  await receiver.stop()
  assert.ok(performance.now() - stopping < 5_000)
  await daemons.startReceiver(0)
})

test('saves within the interval share a run', async () => {
  const { save, runs, site } = await hookedSite({ minIntervalSeconds: 3 })
  for (let number = 0; number < 8; number += 1) {
    save(`${number}.php`)
    await site.converged()
  }
  await until(async () => !(await isDue(site)), shown)
  assert.ok(runs().length <= 3, runs().join())
})

test('a first sync runs a hook only when asked to, and each run is told its reason', async () => {
  const { save, runs, site, receiver } = await hookedSite({ onFirstSync: false, minIntervalSeconds: 0 })
  assert.deepEqual(runs(), [])
  save('a.php')
  await until(() => runs().at(-1) === 'change', shown)
  await receiver.stop()
  save('b.php')
  await daemons.startReceiver(0)
  await until(() => runs().at(-1) === 'replay', shown)
  await site.converged()
  writeFileSync(join(site.targets[0] ?? '', 'b.php'), 'spoilt')
  const response = await daemons.admin('/v1/resyncs', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ root: site.name, check: 'content' }),
  })
  assert.equal(response.status, 202)
  await until(() => runs().at(-1) === 'resync', shown)
  assert.deepEqual(new Set(runs()), new Set(['change', 'replay', 'resync']))
})

for (const onFirstSync of [false, true]) {
  test(`the runs of a first sync with onFirstSync: ${onFirstSync}`, async () => {
    const runs = join(daemons.place, `runs-${onFirstSync}`)
    mkdirSync(runs)
    const command = ['/bin/sh', '-c', 'cat > /dev/null; touch "$0/$ROOTFERRY_REASON"', runs]
    const site = await Site.on(daemons, {
      prepare: (source) => writeFileSync(join(source, 'first.php'), 'x'),
      receiverRoot: { hooks: { afterCommit: [{ match: ['*.php'], command, onFirstSync }] } },
    })
    await site.converged()
    await until(async () => !(await isDue(site)), shown)
    assert.deepEqual(readdirSync(runs), onFirstSync ? ['first-sync'] : [])
  })
}

test('a run that fails is tried again, is told in status and metrics, and readiness waits for it', async () => {
  const { save, runs, site } = await hookedSite({
    script: `test -e "$0.allowed" || exit 7; ${NOTE}`,
    readyAfter: true,
  })
  assert.ok(await daemons.ready(0))
  save('a.php')
  const failed = await until(async () => (await hookOf(site)).failures > 0 && (await hookOf(site)), shown)
  assert.equal(failed.lastError, 'failed: exit code 7')
  const answer = await daemons.health(0, '/readyz')
  assert.equal(answer.status, 503)
  assert.match(await answer.text(), /hook .* has not run: failed: exit code 7/)
  const metrics = await (await daemons.health(0, '/metrics')).text()
  assert.match(metrics, new RegExp(`^rootferry_hook_failures_total\\{root="${site.name}",hook="0"\\} [1-9]`, 'm'))
  assert.match(metrics, new RegExp(`^rootferry_hook_due\\{root="${site.name}",hook="0"\\} 1`, 'm'))
  writeFileSync(join(site.place, 'runs.allowed'), '')
  await until(() => runs().length === 1, shown)
  await until(() => daemons.ready(0), shown)
})

test('a command that is put in place of one that failed is told of what that one was not', async () => {
  const { save, runs, site, receiver } = await hookedSite({ script: 'exit 7' })
  save('a.php')
  await until(async () => (await hookOf(site)).failures > 0, shown)
  const command = ['/bin/sh', '-c', 'tr "\\0" " " >> "$0"', join(site.source, '../runs')]
  site.configureReceiver(0, { hooks: { afterCommit: [{ match: ['*.php'], command }] } })
  await daemons.hangUp(receiver)
  await until(() => runs().at(-1) === 'a.php', shown)
})

test('a crash between commit and run does not lose the run', async () => {
  const { save, runs, site } = await hookedSite({ script: `test -e "$0.allowed" || sleep 300; ${NOTE}` })
  save('a.php')
  await site.converged()
  await until(() => isDue(site), shown)
  await daemons.killReceiver(0)
  writeFileSync(join(site.place, 'runs.allowed'), '')
  await daemons.startReceiver(0)
  await until(() => runs().length === 1, shown)
  await until(async () => !(await isDue(site)), shown)
})

interface HookView {
  isDue: boolean
  runs: number
  failures: number
  lastError: string | null
}

async function hookOf(site: Site): Promise<HookView> {
  const root = (await site.receiverRoot(0)) as { hooks?: HookView[] } | undefined
  return root?.hooks?.[0] ?? { isDue: true, runs: 0, failures: 0, lastError: null }
}

async function isDue(site: Site): Promise<boolean> {
  return (await hookOf(site)).isDue
}

/** A process that nobody has waited for is dead all the same. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
