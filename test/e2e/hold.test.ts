/**
 * Hold, release and deploy as operators use them, with real daemons; and a root that its maintenance file holds. The
 * cases of holding itself are in `test/scenes/hold.test.ts`.
 */
import assert from 'node:assert/strict'

import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { AGENT } from '../../build/programs.ts'
import { MOST_CHOKIDAR_ENTRIES } from '../../packages/agent/src/root/watch/choose-watcher.ts'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(2)

function verb(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return begun(...words).ended
}

/** A verb that runs, with an umask of its own. */
function begun(...words: string[]) {
  const { promise: ended, resolve } = Promise.withResolvers<{ code: number; stdout: string; stderr: string }>()
  const [name = '', root = '', ...others] = words
  const { pid = 0 } = execFile(
    '/bin/sh',
    [
      '-c',
      'umask 027 && exec "$@"',
      'sh',
      ...[process.execPath, AGENT, name, root, '--config', join(daemons.place, 'agent.yaml')],
      ...others,
    ],
    (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
  )
  return { pid, ended }
}

function signalReceivers(signal: 'SIGSTOP' | 'SIGCONT'): void {
  for (const receiver of daemons.receivers) process.kill(receiver?.pid ?? assert.fail(), signal)
}

async function isHeld(site: Site): Promise<void> {
  await until(
    async () => (await site.root())?.hold != null,
    () => 'the root is not held',
  )
}

async function isBeingReleased(): Promise<void> {
  const roundsOf = async () => await (await daemons.admin('/v1/rounds')).text()
  await until(async () => (await roundsOf()).includes(`"endedAt":null`), roundsOf)
}

const prepare = (source: string) => {
  for (let file = 0; file < 40; file += 1) writeFileSync(join(source, `f${file}`), `old ${file}`)
}
const read = (site: Site, name: string) => site.targets.map((target) => readFileSync(join(target, name), 'utf8'))

/** The agent has seen this many changes that wait. */
async function waiting(site: Site, changes: number): Promise<void> {
  await until(
    async () => ((await site.root())?.hold?.pending.changes ?? 0) >= changes,
    async () => JSON.stringify(await site.root()),
  )
}

test('logs show the reason of a hold as text, with what would turn a line around escaped', async () => {
  const site = await Site.on(daemons, { prepare })
  await site.converged()
  const { code, stderr } = await verb('hold', site.name, '--reason', 'deploy \u202eyolped')
  assert.equal(code, 0, stderr)
  const line = await until(
    () => daemons.logs.find(({ msg }) => msg.startsWith('root is held')),
    () => 'no log line says that the root is held',
  )
  assert.match(JSON.stringify(line), /"reason":"deploy \\\\u202eyolped"/)
  await verb('release', site.name)
})

test('hold, look, release: what changed meanwhile comes with the release, over a kill of the agent', async () => {
  const site = await Site.on(daemons, { prepare })
  await site.converged()
  const { code, stderr } = await verb('hold', site.name, '--reason', 'deploy 7')
  assert.equal(code, 0, stderr)
  assert.match(stderr, /^site\d+ is held at \d+\n$/)
  const again = await verb('hold', site.name)
  assert.equal(again.code, 1)
  assert.match(again.stderr, /has been held by .* since .*Z: deploy 7\.\n$/)

  writeFileSync(join(site.source, 'f1'), 'new 1')
  rmSync(join(site.source, 'f2'))
  await waiting(site, 2)
  await daemons.killAgent()
  await daemons.startAgent()
  await site.receiversLive()
  await waiting(site, 2)
  assert.ok(read(site, 'f1').every((text) => text === 'old 1'))
  assert.ok(site.targets.every((target) => existsSync(join(target, 'f2'))))
  const dry = await verb('release', site.name, '--dry-run')
  assert.deepEqual([dry.code, dry.stderr], [0, ''])
  assert.match(dry.stdout, /would release \d+ changes, 5 B; the guard lets it pass\n/)
  assert.match(dry.stdout, /^ {2}f2$/m)

  const released = await verb('release', site.name, '--json')
  assert.equal(released.code, 0, released.stderr)
  assert.deepEqual(
    JSON.parse(released.stdout).receivers.map(({ state }: { state: string }) => state),
    site.targets.map(() => 'committed'),
  )
  assert.ok(read(site, 'f1').every((text) => text === 'new 1'))
  await site.converged()
  const none = await verb('release', site.name)
  assert.match(none.stderr, /is not held\.\n$/)
  assert.equal(none.code, 1)
})

test('a release that no receiver has staged yet is on its way, and the root held until it goes', async () => {
  const site = await Site.on(daemons, { prepare })
  await site.converged()
  await verb('hold', site.name)
  writeFileSync(join(site.source, 'f1'), 'new 1')
  signalReceivers('SIGSTOP')
  const release = await verb('release', site.name, '--wait', '0')
  const again = await verb('release', site.name).finally(() => signalReceivers('SIGCONT'))
  assert.equal(release.code, 3)
  assert.match(
    release.stdout,
    /^site\d+ is still held while its release goes on: 1 change, 5 B; status says when it is over\n/,
  )
  assert.match(again.stderr, /: site\d+: it is being released\.\n$/)
  await site.converged()
  assert.equal((await site.root())?.hold, null)
})

test('deploy releases what a command did; when the command fails the root stays held, and its code is the answer', async () => {
  const site = await Site.on(daemons, { prepare })
  await site.converged()
  const path = join(site.source, 'f3')
  const good = await verb('deploy', site.name, '--', 'sh', '-c', 'echo done > "$1"; umask', 'sh', path)
  assert.equal(good.code, 0, good.stderr)
  assert.equal(good.stdout, '0027\n', 'files of the docroot have the modes that they would have without deploy')
  assert.ok(read(site, 'f3').every((text) => text === 'done\n'))
  const bad = await verb('deploy', site.name, '--', 'sh', '-c', 'echo half > "$1"; exit 7', 'sh', path)
  assert.equal(bad.code, 7)
  assert.match(bad.stderr, /ended with 7: site\d+ stays held/)
  await waiting(site, 1)
  const { stdout } = spawnSync(process.execPath, [AGENT, 'status', '--config', join(daemons.place, 'agent.yaml')], {
    encoding: 'utf8',
  })
  assert.match(stdout, /; 1 change waits, 5 B$/m)
  assert.ok(read(site, 'f3').every((text) => text === 'done\n'))
  assert.equal((await verb('release', site.name)).code, 0)
  await site.converged()
  const missing = await verb('deploy', site.name, '--', './is-not-there')
  assert.equal(missing.code, 127)
  assert.match(missing.stderr, /^\.\/is-not-there cannot be run: .*ENOENT.*\n.* 127: site\d+ stays held/m)
  assert.equal((await verb('release', site.name)).code, 0)
})

test('a signal to deploy alone reaches its command, and the root stays held', async () => {
  const site = await Site.on(daemons, { prepare })
  await site.converged()
  const begun = join(daemons.place, 'deploy-has-begun')
  const command = 'trap "" HUP; sleep 1000 & trap "kill $!; exit 9" INT; : > "$1"; wait'
  const words = [AGENT, 'deploy', site.name, '--config', join(daemons.place, 'agent.yaml')]
  // In a session of its own, which no terminal interrupts.
  const deploy = spawn(process.execPath, [...words, '--', 'sh', '-c', command, 'sh', begun], { detached: true })
  await until(
    () => existsSync(begun),
    () => `exit ${deploy.exitCode}`,
  )
  deploy.kill('SIGHUP')
  deploy.kill('SIGINT')
  const said = text(deploy.stderr)
  const [code] = await once(deploy, 'exit')
  assert.equal(code, 9, 'the end of a terminal ends a command, or does not, and deploy waits for that')
  assert.match(await said, /^SIGINT: waiting for the command\. .* the root stays held$/m)
  assert.notEqual((await site.root())?.hold, null)
  assert.equal((await verb('release', site.name)).code, 0)
})

test('verbs that are stopped, or overtaken, while they wait for the agent say what is so', async () => {
  const site = await Site.on(daemons, { prepare })
  await site.converged()
  signalReceivers('SIGSTOP')
  try {
    writeFileSync(join(site.source, 'f1'), 'saved')
    const run = join(site.place, 'run')
    const deploy = (wait: string) => begun('deploy', site.name, '--wait', wait, '--', 'touch', run)
    const stopped = deploy('1h')
    await isHeld(site)
    process.kill(stopped.pid, 'SIGINT')
    const { code, stderr } = await stopped.ended
    assert.equal(code, 130)
    assert.match(
      stderr,
      /: stopped by SIGINT: the command was not run, and site\d+ is held, or will be\. .*: release site\d+\n$/,
    )

    writeFileSync(join(site.source, 'f2'), 'waits')
    const releasing = begun('release', site.name)
    await isBeingReleased()
    process.kill(releasing.pid, 'SIGTERM')
    const left = await releasing.ended
    assert.equal(left.code, 143)
    assert.match(
      left.stderr,
      /: stopped by SIGTERM: the release of site\d+ was ordered, and goes on\. Look with: status\n$/,
    )

    signalReceivers('SIGCONT')
    await site.converged()
    signalReceivers('SIGSTOP')
    writeFileSync(join(site.source, 'f1'), 'saved again')
    const overtaken = deploy('1h')
    await isHeld(site)
    const release = await verb('release', site.name, '--wait', '0')
    assert.equal(release.code, 3, release.stderr)
    signalReceivers('SIGCONT')
    const other = await overtaken.ended
    assert.equal(other.code, 1)
    assert.match(other.stderr, /: site\d+ was released while the hold waited for receivers\.\n$/)
    assert.equal(existsSync(run), false)
  } finally {
    signalReceivers('SIGCONT')
  }
})

test('a release that a HUP interrupts did not go, and says so', async () => {
  const site = await Site.on(daemons, { prepare })
  await site.converged()
  await verb('hold', site.name)
  writeFileSync(join(site.source, 'f1'), 'waits')
  signalReceivers('SIGSTOP')
  const release = begun('release', site.name)
  await isBeingReleased()
  site.configure({ exclude: ['/nothing'] })
  await daemons.hangUp(daemons.agent ?? assert.fail())
  const { code, stderr } = await release.ended.finally(() => signalReceivers('SIGCONT'))
  assert.equal(code, 1)
  assert.match(stderr, /: The release did not go, and site\d+ stays held: no receiver had staged it\.\n$/)
  assert.notEqual((await site.root())?.hold, null)
  await until(
    async () => (await daemons.status()).receivers.every(({ state }) => state === 'live'),
    () => 'the receivers are not back',
  )
  assert.equal((await verb('release', site.name)).code, 0)
})

test('a release with which a root outgrows its watcher is one round of all: it is opened anew later', async () => {
  // Of a flag in an excluded place no event tells: it is looked for where the root is looked at, and would be opened anew.
  const root = { exclude: ['/lock/'], hold: { while: ['/lock/flag'] } }
  const site = await Site.on(daemons, { prepare, root })
  await site.converged()
  const flag = join(site.source, 'lock/flag')
  mkdirSync(join(site.source, 'lock'))
  writeFileSync(flag, '')
  await isHeld(site)
  const many = 2 * MOST_CHOKIDAR_ENTRIES + 1
  for (let file = 0; file < many; file += 1) writeFileSync(join(site.source, `new${file}`), '')
  await waiting(site, many)
  rmSync(flag)
  const linesOf = () => daemons.logs.filter(({ root }) => root === site.name).map(({ msg }) => msg)
  await until(
    () => linesOf().includes('a round is over'),
    () => linesOf().join('\n'),
  )
  const since = linesOf().findIndex((line) => line.startsWith('root is held'))
  assert.ok(!linesOf().slice(since).includes('receiver disconnected'), linesOf().join('\n'))
})

test('a maintenance file holds its root; when it is gone, everything comes', async () => {
  const site = await Site.on(daemons, { prepare, root: { preset: 'wordpress' } })
  await site.converged(30_000)
  const flag = join(site.source, '.maintenance')
  writeFileSync(flag, '<?php $upgrading = 1;')
  for (let file = 0; file < 40; file += 1) writeFileSync(join(site.source, `f${file}`), `new ${file}`)
  await waiting(site, 40)
  assert.ok(read(site, 'f39').every((text) => text === 'old 39'))
  assert.match((await site.root())?.hold?.reason ?? '', /\.maintenance is there/)
  const { stdout } = spawnSync(process.execPath, [AGENT, 'status', '--config', join(daemons.place, 'agent.yaml')], {
    encoding: 'utf8',
  })
  assert.match(stdout, /ready, held/)
  rmSync(flag)
  await site.converged()
  assert.equal((await site.root())?.hold, null)
})

test('a HUP that takes a held root out of service ends the hold; when the root is back, changes flow', async () => {
  const site = await Site.on(daemons, { prepare })
  await site.converged()
  assert.equal((await verb('hold', site.name)).code, 0)
  writeFileSync(join(site.source, 'f7'), 'waits')
  await waiting(site, 1)
  const { agent } = daemons
  assert.ok(agent !== null)
  const elsewhere = join(site.place, 'elsewhere')
  mkdirSync(elsewhere)
  let settings: object = {}
  daemons.editAgent((config) => {
    settings = config.roots[site.name] ?? {}
    return { ...config, roots: { other: { path: elsewhere } } }
  })
  await daemons.hangUp(agent)
  await until(
    () => daemons.logs.some(({ msg }) => msg.startsWith('the hold ends with the root')),
    () => 'nobody said that the hold ended',
  )
  daemons.editAgent((config) => ({ ...config, roots: { [site.name]: settings } }))
  await daemons.hangUp(agent)
  await site.converged()
  assert.ok(read(site, 'f7').every((text) => text === 'waits'))
})
