/** An agent and receivers of one host whose roots meet: whichever starts second is refused, and nothing is changed. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { RECEIVER } from '../../build/programs.ts'
import { Daemon } from '../../packages/host/src/daemon/daemon-process.ts'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(1)

function fill(source: string): void {
  mkdirSync(join(source, 'app'), { recursive: true })
  writeFileSync(join(source, 'app/index.php'), '<?php')
}

test('a receiver whose target is the root of an agent, lies in it or is a link to it ends with 1 and says why', async () => {
  const site = await Site.on(daemons, { prepare: fill })
  await site.converged()
  symlinkSync(site.source, join(site.place, 'link'))
  const config = JSON.parse(readFileSync(join(daemons.place, 'web1/receiver.yaml'), 'utf8')) as object
  for (const path of [site.source, join(site.source, 'app'), join(site.source, 'new/deep'), join(site.place, 'link')]) {
    const file = join(daemons.place, 'web1/second.yaml')
    writeFileSync(
      file,
      JSON.stringify({ ...config, stateDir: 'second', health: { listen: '127.0.0.1:0' }, roots: { site: { path } } }),
    )
    const second = new Daemon('second', process.execPath, RECEIVER, ['run', '--config', file], process.env)
    assert.match(
      await second.ended,
      /exit code 1\): rootferry-receiver: root site: .* another rootferry agent on this host/,
    )
  }
  assert.equal(existsSync(join(site.source, 'new')), false)
  await site.converged()
})

test('an agent does not serve a root that is a target, and says why; its others are served, and this one when it is free', async () => {
  const site = await Site.on(daemons, { prepare: fill })
  await site.converged()
  const [target = ''] = site.targets
  symlinkSync(target, join(site.place, 'link'))
  daemons.editAgent(({ roots, ...config }) => ({
    ...config,
    roots: { ...roots, same: { path: join(site.place, 'link') } },
  }))
  assert.ok(daemons.agent !== null)
  const reasons = async () => JSON.stringify((await daemons.status()).roots)
  await daemons.hangUp(daemons.agent)
  await until(async () => {
    const same = (await daemons.status()).roots.find(({ name }) => name === 'same')
    return /is served by another rootferry receiver on this host/.test(same?.reason ?? '')
  }, reasons)
  const { roots } = await daemons.status()
  assert.deepEqual(
    roots.map(({ name, state }) => [name, state]),
    [
      [site.name, 'ready'],
      ['same', 'unavailable'],
    ],
  )
  writeFileSync(join(site.source, 'app/more.php'), '<?php')
  await until(() => existsSync(join(target, 'app/more.php')), reasons)
  await daemons.killReceiver(0)
  await until(async () => (await daemons.status()).roots.every(({ state }) => state === 'ready'), reasons)
})
