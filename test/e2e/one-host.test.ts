/** An agent and receivers of one host whose roots meet: whichever starts second is refused, and nothing is changed. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { RECEIVER } from '../../build/programs.ts'
import { Daemon } from '../../packages/host/src/daemon/daemon-process.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

function fill(source: string): void {
  mkdirSync(join(source, 'app'), { recursive: true })
  writeFileSync(join(source, 'app/index.php'), '<?php')
}

test('a receiver whose target is the root of an agent, lies in it or is a link to it ends with 1 and says why', async () => {
  await using rig = await Rig.start({ receivers: 1, prepare: fill })
  await rig.converged()
  symlinkSync(rig.source, join(rig.place, 'link'))
  const config = JSON.parse(readFileSync(join(rig.place, 'web1/receiver.yaml'), 'utf8')) as object
  for (const path of [rig.source, join(rig.source, 'app'), join(rig.source, 'new/deep'), join(rig.place, 'link')]) {
    const file = join(rig.place, 'web1/second.yaml')
    writeFileSync(file, JSON.stringify({ ...config, stateDir: 'second', roots: { site: { path } } }))
    const second = new Daemon('second', process.execPath, RECEIVER, ['run', '--config', file], process.env)
    assert.match(
      await second.ended,
      /exit code 1\): rootferry-receiver: root site: .* another rootferry agent on this host/,
    )
  }
  assert.equal(existsSync(join(rig.source, 'new')), false)
  await rig.converged()
})

test('an agent does not serve a root that is a target, and says why; its others are served, and this one when it is free', async () => {
  await using rig = await Rig.start({ receivers: 1, prepare: fill })
  await rig.converged()
  const [target = ''] = rig.targets
  symlinkSync(target, join(rig.place, 'link'))
  rig.editAgent(({ roots, ...config }) => ({
    ...config,
    roots: { ...roots, same: { path: join(rig.place, 'link') } },
  }))
  assert.ok(rig.agent !== null)
  const reasons = async () => JSON.stringify((await rig.status()).roots)
  await rig.hangUp(rig.agent)
  await until(async () => {
    const same = (await rig.status()).roots.find(({ name }) => name === 'same')
    return /is served by another rootferry receiver on this host/.test(same?.reason ?? '')
  }, reasons)
  const { roots } = await rig.status()
  assert.deepEqual(
    roots.map(({ name, state }) => [name, state]),
    [
      ['site', 'ready'],
      ['same', 'unavailable'],
    ],
  )
  writeFileSync(join(rig.source, 'app/more.php'), '<?php')
  await until(() => existsSync(join(target, 'app/more.php')), reasons)
  await rig.killReceiver(0)
  await until(async () => (await rig.status()).roots.every(({ state }) => state === 'ready'), reasons)
})
