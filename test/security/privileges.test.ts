/** Daemons without privileges, and what they leave alone: owners, set-id bits, umasks, unreadable paths. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Rig, type RigOptions } from '../support/rig.ts'
import { until } from '../support/until.ts'

const NOBODY = 65_534
const isRoot = process.getuid?.() === 0

function fill(source: string): void {
  mkdirSync(join(source, 'd'))
  for (let file = 0; file < 30; file += 1) {
    writeFileSync(join(source, `d/f${file}`), 'x')
    chmodSync(join(source, `d/f${file}`), [0o644, 0o666, 0o600, 0o755, 0o444][file % 5] ?? 0)
  }
  for (const [name, mode] of [
    ['setuid', 0o4755],
    ['setgid', 0o2755],
    ['sticky', 0o1644],
  ] as const) {
    writeFileSync(join(source, name), '#!/bin/sh')
    chmodSync(join(source, name), mode)
  }
  mkdirSync(join(source, 'group'))
  chmodSync(join(source, 'group'), 0o2775)
}

function modes(place: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const name of readdirSync(place, { recursive: true }) as string[]) {
    found[name] = (statSync(join(place, name)).mode & 0o7777).toString(8)
  }
  return found
}

function withoutSetId(found: Record<string, string>): Record<string, string> {
  return { ...found, setuid: '755', setgid: '755' }
}

test('set-id bits of files arrive only where they are allowed; directories keep theirs', async () => {
  await using rig = await Rig.start({ prepare: fill, receiversLater: true })
  rig.site.configureReceiver(1, { allowSetuid: true })
  for (const number of [0, 1]) await rig.startReceiver(number)
  await rig.inSync()
  assert.deepEqual(modes(rig.targets[0] ?? ''), withoutSetId(modes(rig.source)))
  assert.deepEqual(modes(rig.targets[1] ?? ''), modes(rig.source))
  chmodSync(join(rig.source, 'd/f0'), 0o6755)
  await until(
    () => modes(rig.targets[1] ?? '')['d/f0'] === '6755',
    () => 'the mode did not come',
  )
  await until(
    () => modes(rig.targets[0] ?? '')['d/f0'] === '755',
    () => JSON.stringify(modes(rig.targets[0] ?? '')['d/f0']),
  )
  // A comparison finds nothing to repair.
  await rig.killReceiver(0)
  const logged = rig.logs.length
  rmSync(join(rig.place, 'web1/state'), { recursive: true })
  await rig.startReceiver(0)
  await rig.inSync()
  assert.equal(modes(rig.targets[0] ?? '')['setuid'], '755')
  assert.ok(!rig.logs.slice(logged).some(({ msg }) => /repair committed/.test(msg)))
})

for (const umask of [0o077, 0o000]) {
  test(`a umask of ${umask.toString(8)} does not show in what is made`, async () => {
    const before = process.umask(umask)
    try {
      await using rig = await Rig.start({ receivers: 1, prepare: fill })
      await rig.inSync()
      writeFileSync(join(rig.source, 'later'), 'x')
      chmodSync(join(rig.source, 'later'), 0o666)
      await rig.inSync()
      await until(
        () => modes(rig.targets[0] ?? '')['later'] === '666',
        () => JSON.stringify(modes(rig.targets[0] ?? '')),
      )
      assert.deepEqual(modes(rig.targets[0] ?? ''), withoutSetId(modes(rig.source)))
    } finally {
      process.umask(before)
    }
  })
}

/** A rig whose daemons run as the user nobody. */
async function unprivileged(t: TestContext, options: RigOptions): Promise<Rig | null> {
  if (!isRoot) {
    t.skip('needs root to become the user nobody')
    return null
  }
  const reads = spawnSync(process.execPath, ['--check', import.meta.filename], { uid: NOBODY, gid: NOBODY })
  if (reads.status !== 0) {
    t.skip('the user nobody cannot read this checkout')
    return null
  }
  return await Rig.start({ ...options, user: NOBODY })
}

test('a receiver without privileges says once that it keeps owners, and makes everything else right', async (t) => {
  const started = await unprivileged(t, { receivers: 1, prepare: fill })
  if (started === null) return
  await using rig = started
  await rig.inSync()
  assert.deepEqual(modes(rig.targets[0] ?? ''), withoutSetId(modes(rig.source)))
  for (let file = 0; file < 30; file += 1) chownSync(join(rig.source, `d/f${file}`), 33, 33)
  await rig.inSync()
  const { uid } = statSync(join(rig.targets[0] ?? '', 'd/f1'))
  assert.equal(uid, NOBODY)
  const warnings = rig.logs.filter(({ level }) => level === 'warn' || level === 'error')
  assert.equal(warnings.filter(({ msg }) => /owners are not preserved/.test(msg)).length, 1, JSON.stringify(warnings))
  assert.ok(warnings.filter(({ msg }) => /could not be made right/.test(msg)).length === 0)
})

test('what an agent without privileges may not read is a problem with its path, and no deletion', async (t) => {
  const started = await unprivileged(t, { receivers: 1, prepare: fill })
  if (started === null) return
  await using rig = started
  await rig.inSync()
  const before = modes(rig.targets[0] ?? '')
  chownSync(join(rig.source, 'd'), 0, 0)
  chmodSync(join(rig.source, 'd'), 0o700)
  const problem = async () =>
    (await rig.status()).roots[0]?.problems.find(({ path }) => path === 'd' || path.startsWith('d/'))
  await until(
    async () => (await problem()) !== undefined,
    () => 'no problem was reported',
  )
  writeFileSync(join(rig.source, 'other'), 'x')
  chmodSync(join(rig.source, 'other'), 0o644)
  await until(
    () => modes(rig.targets[0] ?? '')['other'] === '644',
    () => 'other changes do not come',
  )
  const { other: _, d: __, ...left } = modes(rig.targets[0] ?? '')
  const { d: ___, ...expected } = before
  assert.deepEqual(left, expected)
  assert.ok(!JSON.stringify(rig.logs).includes('/proc/self/fd'), 'a descriptor in the log')
  assert.ok(!JSON.stringify(await rig.status()).includes('/proc/self/fd'), 'a descriptor in status')
})
