/**
 * The kernel's resources run out: room for watch events, watches, descriptors. All trees become equal, and degraded
 * operation is reported.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { test } from 'node:test'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

const IS_LONG = process.env['ROOTFERRY_LONG'] === '1'
/** More than the usual queue of 16,384 events. */
const OPERATIONS = IS_LONG ? 200_000 : 20_000
const WATCH_LIMIT = '/proc/sys/user/max_inotify_watches'

/** @returns a script that runs a program in the place of Node after `preparation`, a shell command */
function runnerAfter(rig: Rig, preparation: string, wrapper = ''): string {
  const [inner, outer] = [join(rig.place, 'prepared'), join(rig.place, 'runner')]
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
    await using rig = await Rig.start({ receivers: 1, prepare: makeDirectories, root: { watch: { backend } } })
    await rig.converged()
    const pid = rig.agent?.pid ?? 0
    // The stopped process does not read the queue: it is certain to overflow.
    process.kill(pid, 'SIGSTOP')
    try {
      for (let number = 0; number < OPERATIONS; number += 1)
        writeFileSync(join(rig.source, `dir-${number % 40}`, `file-${number % 500}`), `${number}`)
      mkdirSync(join(rig.source, 'dir-7/late/later'), { recursive: true })
      writeFileSync(join(rig.source, 'dir-7/late/later/file'), 'the last')
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    await rig.converged(60_000)
  })
}

test('without enough watches the agent says so, and finds changes by scanning', async (t) => {
  if (spawnSync('unshare', ['-Ur', 'test', '-w', WATCH_LIMIT]).status !== 0)
    return t.skip('user namespaces are not allowed here')
  if (!IS_LONG) return t.skip('waits for a scan, half a minute: ROOTFERRY_LONG=1')
  await using rig = await Rig.start({ receivers: 1, prepare: makeDirectories })
  await rig.converged()
  await rig.killAgent()
  await rig.launchAgent(runnerAfter(rig, `echo 20 > ${WATCH_LIMIT}`, 'unshare -Ur')).says('agent is up')
  const degraded = await until(
    async () => (await rig.status()).roots[0]?.watch.degraded,
    () => 'it does not say so',
  )
  assert.match(degraded, /max_user_watches/)
  for (let number = 0; number < 40; number += 1) writeFileSync(join(rig.source, `dir-${number}/deep/deeper/file`), 'x')
  await rig.converged(90_000)
})

test('with few descriptors both daemons do all of their work', async () => {
  await using rig = await Rig.start({ receivers: 1, prepare: makeDirectories })
  await rig.killAgent()
  await rig.killReceiver(0)
  const runner = runnerAfter(rig, 'ulimit -n 64')
  await rig.launchAgent(runner).says('agent is up')
  await rig.launchReceiver(0, runner).says('receiver is up')
  for (let number = 0; number < 600; number += 1)
    writeFileSync(join(rig.source, `dir-${number % 40}/deep/deeper/file-${number}`), `${number}`)
  await rig.converged(60_000)
})
