/** A pattern that a receiver's root protects no more: what the agent has comes, and nothing of the host's goes without a copy. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

const OWN = ['app/env.php', 'local/a.conf', 'local/only-here.conf']

function protect(rig: Rig, patterns: string[]): void {
  rig.editReceiver(0, (config) => ({
    ...config,
    roots: Object.fromEntries(
      Object.entries(config.roots).map(([name, root]) => [name, { ...root, protect: patterns }]),
    ),
  }))
}

for (const restarts of [false, true]) {
  test(`what is protected no more is compared, and what is replaced is kept; with a restart: ${restarts}`, async () => {
    await using rig = await Rig.start({
      receivers: 1,
      receiversLater: true,
      prepare: (source, [target = '']) => {
        for (const root of [source, target])
          for (const name of ['app', 'local']) mkdirSync(join(root, name), { recursive: true })
        for (const path of ['app/env.php', 'local/a.conf', 'local/lacking.conf', 'index.php'])
          writeFileSync(join(source, path), `${path} of the agent`)
        for (const path of OWN) writeFileSync(join(target, path), `${path} of this host alone`)
      },
    })
    protect(rig, ['env.php', 'local/', 'other/'])
    await rig.startReceiver(0)
    await rig.inSync()
    const [target = ''] = rig.targets
    const read = (path: string) => readFileSync(join(target, path), 'utf8')
    assert.deepEqual(
      OWN.map(read),
      OWN.map((path) => `${path} of this host alone`),
    )
    if (restarts) await rig.receivers[0]?.stop()
    protect(rig, ['other/'])
    const [receiver] = rig.receivers
    assert.ok(receiver)
    if (restarts) await rig.startReceiver(0)
    else await rig.hangUp(receiver)
    await until(
      () => read('local/a.conf').endsWith('of the agent') && read('app/env.php').endsWith('of the agent'),
      () => read('local/a.conf'),
    )
    await rig.converged(30_000, (path) => path === 'local/only-here.conf')
    assert.equal(read('local/only-here.conf'), 'local/only-here.conf of this host alone')
    assert.deepEqual(
      rig.site
        .trashOf(0)
        .filter((path) => OWN.includes(path))
        .sort(),
      ['app/env.php', 'local/a.conf'],
    )
  })
}
