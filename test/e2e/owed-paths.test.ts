/**
 * A path that a receiver cannot make right: both ends name it, and it keeps no node out of service. And what the agent
 * says of receivers that never came, of nodes that are behind, and of those that are ready.
 */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(2)

interface OwedView {
  name: string
  state: string
  owed: { count: number; paths: { path: string; code: string }[] }
}

const shown = async () =>
  JSON.stringify([await daemons.status(), await daemons.receiverRoots(0), daemons.logs.slice(-20)])
const seen = async (name: string) =>
  ((await daemons.status()).receivers as unknown as OwedView[]).find((receiver) => receiver.name === name)

/** A target in which a protected file stands where the source has a file in place of its directory. */
async function owingSite(): Promise<Site> {
  return await Site.on(daemons, {
    receiverRoot: { protect: ['local.conf'] },
    prepare: (source, [target = '']) => {
      writeFileSync(join(source, 'd'), 'a file')
      writeFileSync(join(source, 'e'), 'another')
      mkdirSync(join(target, 'd'), { recursive: true })
      writeFileSync(join(target, 'd/local.conf'), 'of this server')
      writeFileSync(join(target, 'other'), 'so that the target is compared')
    },
  })
}

test('a path that cannot be made right is named by the agent, and keeps the node out neither before nor after a restart', async () => {
  const site = await owingSite()
  const isOwed = async () => {
    const receiver = await seen('web1')
    return receiver?.state === 'live' && receiver.owed.count === 1 && receiver.owed.paths[0]?.path === 'd'
  }
  await until(isOwed, shown)
  await until(() => daemons.ready(0), shown)
  assert.match(
    await (await fetch(`${daemons.adminUrl}/metrics`)).text(),
    new RegExp(`^rootferry_receiver_owed_paths\\{receiver="web1",root="${site.name}"\\} 1`, 'm'),
  )
  await daemons.receivers[0]?.stop()
  await daemons.startReceiver(0)
  await until(() => daemons.ready(0), shown)
  await until(isOwed, shown)
  rmSync(join(site.targets[0] ?? '', 'd'), { recursive: true })
  writeFileSync(join(site.source, 'd'), 'a newer file')
  await until(async () => (await seen('web1'))?.owed.count === 0, shown)
})

test('of many such paths both ends know how many there are, and name the first', async () => {
  const many = 130
  await Site.on(daemons, {
    receiverRoot: { protect: ['local.conf'], guard: { maxPercent: 100 } },
    prepare: (source, [target = '']) => {
      for (let number = 0; number < many; number += 1) {
        writeFileSync(join(source, `d${number}`), 'a file')
        mkdirSync(join(target, `d${number}`), { recursive: true })
        writeFileSync(join(target, `d${number}/local.conf`), 'of this server')
      }
    },
  })
  await until(async () => (await seen('web1'))?.owed.count === many, shown)
  await until(async () => {
    const [root] = (await daemons.receiverRoots(0)) as unknown as { problemCount: number; problems: object[] }[]
    return root?.problemCount === many && root.problems.length === 100
  }, shown)
  assert.match(
    await (await daemons.health(0, '/metrics')).text(),
    new RegExp(`^rootferry_target_problems\\{root="\\w+"\\} ${many}$`, 'm'),
  )
  daemons.editReceiver(0, (config) => ({ ...config, health: { listen: new URL(daemons.healthUrl(0)).host } }))
  const { status, stdout } = daemons.receiverVerb(0, 'status')
  assert.equal(status, 3)
  assert.match(stdout, /^\S+ +live +\d+ +- +130 /m)
})

test('after a join by a resync the receiver knows its sequence at once', async () => {
  const site = await Site.on(daemons, {
    prepare: (source, targets) => {
      for (let number = 0; number < 50; number += 1) writeFileSync(join(source, `f${number}`), 'x')
      for (const target of targets) {
        mkdirSync(target, { recursive: true })
        writeFileSync(join(target, 'f1'), 'old')
      }
    },
  })
  await site.inSync()
  const root = await site.receiverRoot(0)
  assert.equal(root?.sequence, (await site.root())?.sequence)
})

test('the agent lists the receivers that are ready, to a client without a token', async () => {
  const site = await Site.on(daemons, { prepare: (source) => writeFileSync(join(source, 'a'), 'x') })
  await site.converged()
  const list = async () => (await fetch(`${daemons.adminUrl}/v1/ready?root=${site.name}`)).text()
  await until(async () => (await list()).split('\n').sort().join() === ',web1 127.0.0.1,web2 127.0.0.1', shown)
  await daemons.receivers[1]?.stop()
  await until(async () => (await list()) === 'web1 127.0.0.1\n', shown)
  assert.equal((await fetch(`${daemons.adminUrl}/v1/ready?root=nowhere`)).status, 404)
  await daemons.startReceiver(1)
})

test('a receiver that never came to a root is expected, not offline', async () => {
  await daemons.receivers[1]?.stop()
  const site = new Site(daemons, 'never', join(daemons.place, 'never'))
  mkdirSync(site.source, { recursive: true })
  daemons.editAgent((config) => ({ ...config, roots: { never: { path: site.source } } }))
  if (daemons.agent !== null) await daemons.hangUp(daemons.agent)
  assert.equal((await seen('web2'))?.state, 'expected')
})
