/**
 * The kernel's resources run out: room for watch events, watches, descriptors. All trees become equal, and degraded
 * operation is reported.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { after, test } from 'node:test'
import { Daemons } from '../support/daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = new Daemons({ receivers: 1 })
after(() => daemons[Symbol.asyncDispose]())

const IS_LONG = process.env['ROOTFERRY_LONG'] === '1'
/** More than the usual queue of 16,384 events. */
const OPERATIONS = IS_LONG ? 200_000 : 20_000
const WATCH_LIMIT = '/proc/sys/user/max_inotify_watches'
const INSTANCE_LIMIT = '/proc/sys/user/max_inotify_instances'

/** @returns a script that runs a program in the place of Node after `preparation`, a shell command */
function runnerAfter(preparation: string, wrapper = ''): string {
  const [inner, outer] = [join(daemons.place, 'prepared'), join(daemons.place, 'runner')]
  writeFileSync(inner, `#!/bin/sh\n${preparation} && exec '${execPath}' "$@"\n`)
  writeFileSync(outer, `#!/bin/sh\nexec ${wrapper} '${inner}' "$@"\n`)
  for (const script of [inner, outer]) chmodSync(script, 0o755)
  return outer
}

function makeDirectories(source: string): void {
  for (let number = 0; number < 40; number += 1)
    mkdirSync(join(source, `dir-${number}/deep/deeper`), { recursive: true })
}

for (const backend of ['chokidar', 'directory']) {
  test(`more happens than the kernel's queue of events holds, by ${backend}: nothing is missed`, async () => {
    const site = await Site.on(daemons, { prepare: makeDirectories, root: { watch: { backend } } })
    await site.converged()
    const pid = daemons.agent?.pid ?? 0
    // The stopped process does not read the queue: it is certain to overflow.
    process.kill(pid, 'SIGSTOP')
    try {
      for (let number = 0; number < OPERATIONS; number += 1)
        writeFileSync(join(site.source, `dir-${number % 40}`, `file-${number % 500}`), `${number}`)
      mkdirSync(join(site.source, 'dir-7/late/later'), { recursive: true })
      writeFileSync(join(site.source, 'dir-7/late/later/file'), 'the last')
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    await site.converged(60_000)
  })
}

test('without enough watches the agent says so, and finds changes by scanning', async (t) => {
  if (spawnSync('unshare', ['-Ur', 'test', '-w', WATCH_LIMIT]).status !== 0)
    return t.skip('user namespaces are not allowed here')
  if (!IS_LONG) return t.skip('waits for a scan, half a minute: ROOTFERRY_LONG=1')
  const site = await Site.on(daemons, { prepare: makeDirectories })
  await site.converged()
  await daemons.killAgent()
  await daemons.launchAgent(runnerAfter(`echo 20 > ${WATCH_LIMIT}`, 'unshare -Ur')).says('agent is up')
  const degraded = await until(
    async () => (await site.root())?.watch.degraded,
    () => 'it does not say so',
  )
  assert.match(degraded, /max_user_watches/)
  for (let number = 0; number < 40; number += 1) writeFileSync(join(site.source, `dir-${number}/deep/deeper/file`), 'x')
  await site.converged(90_000)
})

test('without an inotify instance the agent runs, says so, and follows its tokens by looking at them', async (t) => {
  if (spawnSync('unshare', ['-Ur', 'test', '-w', INSTANCE_LIMIT]).status !== 0)
    return t.skip('user namespaces are not allowed here')
  const site = await Site.on(daemons, { prepare: makeDirectories })
  await site.converged()
  await daemons.killAgent()
  await daemons.launchAgent(runnerAfter(`echo 0 > ${INSTANCE_LIMIT}`, 'unshare -Ur')).says('agent is up')
  const degraded = await until(
    async () => (await site.root())?.watch.degraded,
    () => 'it does not say so',
  )
  assert.match(degraded, /max_user_instances/)
  daemons.agentVerb('token', 'create', 'late')
  const isKnown = async () => (await daemons.status()).receivers.some(({ name }) => name === 'late')
  await until(isKnown, () => 'the token was not noticed')
  daemons.agentVerb('token', 'revoke', 'late')
  await until(
    async () => !(await isKnown()),
    () => 'the revocation was not noticed',
  )
})

test('with few descriptors both daemons do all of their work', async () => {
  const site = await Site.on(daemons, { prepare: makeDirectories })
  await daemons.killAgent()
  await daemons.killReceiver(0)
  const runner = runnerAfter('ulimit -n 64')
  await daemons.launchAgent(runner).says('agent is up')
  await daemons.launchReceiver(0, runner).says('receiver is up')
  for (let number = 0; number < 600; number += 1)
    writeFileSync(join(site.source, `dir-${number % 40}/deep/deeper/file-${number}`), `${number}`)
  await site.converged(60_000)
})
