/** First joins of populated targets, above all of wrong ones: they wait for an operator, and nothing is lost. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(1)

/** A docroot, and a target that is the directory above three docroots: a typo. */
function typo(source: string, targets: string[]): void {
  const sites = ['shop', 'blog', 'intranet'].map((name) => join(targets[0] ?? '', name))
  for (const root of [source, ...sites]) {
    mkdirSync(join(root, 'app'), { recursive: true })
    for (let number = 0; number < 60; number += 1)
      writeFileSync(join(root, `app/file-${number}.php`), `<?php // ${root}`)
  }
}

async function waits(site: Site): Promise<void> {
  await until(
    async () => (await site.receiverRoot(0))?.phase === 'awaiting-accept',
    async () => JSON.stringify(await site.receiverRoot(0)),
  )
}

test('a wrong target waits: nothing is changed, and everybody is told; accept lets it go on', async () => {
  const site = await Site.on(daemons, { prepare: typo })
  const [target = ''] = site.targets
  await waits(site)
  assert.ok(existsSync(join(target, 'blog/app/file-0.php')))
  assert.ok(!existsSync(join(target, 'app')))
  const ready = await daemons.health(0, '/readyz')
  assert.equal(ready.status, 503)
  assert.match(
    await ready.text(),
    /would replace 0 and remove 186 of the target.s 187 entries.*rootferry-receiver accept/,
  )
  assert.match(await (await daemons.health(0, '/metrics')).text(), /rootferry_target_awaiting_accept\{root="[^"]*"\} 1/)
  await until(
    async () => (await daemons.status()).receivers.some(({ state }) => state === 'awaiting-accept'),
    async () => JSON.stringify((await daemons.status()).receivers),
  )
  assert.equal((await daemons.receiverSays(0, 'accept', 'another')).status, 1)
  assert.match((await daemons.receiverSays(0, 'accept', site.name)).stderr, /the first join continues/)
  await site.converged()
  assert.ok(site.trashOf(0).includes('blog/app/file-0.php'))
  // More than a pipe takes at once, and a reader that begins late.
  const listed = (await daemons.receiverSays(0, 'trash', 'list', '--json')).stdout
  assert.equal((JSON.parse(listed) as object[]).length, 180)
  const again = await daemons.receiverSays(0, 'accept', site.name)
  assert.equal(again.status, 1)
  assert.match(again.stderr, /does not wait/)
})

test('accept needs the secret, which only its own user can read', async () => {
  const site = await Site.on(daemons, { prepare: typo })
  await waits(site)
  const file = join(daemons.place, 'web1/state/control.json')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  for (const headers of [{}, { Authorization: 'Bearer x' }] as Record<string, string>[]) {
    const url = `${daemons.healthUrl(0)}/v1/roots/${site.name}/accept`
    assert.equal((await fetch(url, { method: 'POST', headers })).status, 401)
  }
  assert.equal((await site.receiverRoot(0))?.phase, 'awaiting-accept')
})

test('an accepted first join does not ask again, though the receiver is killed before it has gone on', async () => {
  const site = await Site.on(daemons, { prepare: typo })
  await waits(site)
  await daemons.killAgent()
  await until(
    async () => (await site.receiverRoot(0))?.connected === false,
    () => 'still connected',
  )
  assert.equal((await daemons.receiverSays(0, 'accept', site.name)).status, 0)
  await until(
    () => existsSync(join(daemons.place, 'web1/state/roots', site.name, 'accepted')),
    () => 'not accepted',
  )
  await daemons.killReceiver(0)
  await Promise.all([daemons.startAgent(), daemons.startReceiver(0)])
  await site.converged()
})

test('what was replaced and removed is listed, and comes back when it is asked for', async () => {
  const site = await Site.on(daemons, {
    prepare: (source, targets) => {
      const [target = ''] = targets
      for (const root of [source, target]) mkdirSync(join(root, 'app'), { recursive: true })
      writeFileSync(join(source, 'app/env.php'), 'of the admin server')
      writeFileSync(join(target, 'app/env.php'), 'of this host alone')
      mkdirSync(join(target, 'uploads/2026'), { recursive: true })
      writeFileSync(join(target, 'uploads/2026/a.jpg'), 'a picture')
    },
  })
  const [target = ''] = site.targets
  await site.converged()
  const list = await daemons.receiverSays(0, 'trash', 'list', site.name)
  assert.match(list.stdout, /18 B.*app\/env\.php/)
  assert.match(list.stdout, /9 B.*uploads\/2026\/a\.jpg/)
  const json = JSON.parse((await daemons.receiverSays(0, 'trash', 'list', '--json')).stdout) as { path: string }[]
  assert.deepEqual(json.map(({ path }) => path).sort(), ['app/env.php', 'uploads/2026/a.jpg'])
  const refused = await daemons.receiverSays(0, 'trash', 'restore', site.name, 'app/env.php')
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /app\/env\.php is there: --replace moves it/)
  const time = statSync(join(target, 'app')).mtimeMs
  assert.equal((await daemons.receiverSays(0, 'trash', 'restore', site.name, 'app/env.php', '--replace')).status, 0)
  assert.equal(readFileSync(join(target, 'app/env.php'), 'utf8'), 'of this host alone')
  assert.equal(statSync(join(target, 'app')).mtimeMs, time)
  assert.match((await daemons.receiverSays(0, 'trash', 'list', site.name)).stdout, /19 B.*app\/env\.php/)
  assert.equal((await daemons.receiverSays(0, 'trash', 'restore', site.name, 'uploads')).status, 0)
  assert.equal(readFileSync(join(target, 'uploads/2026/a.jpg'), 'utf8'), 'a picture')
  for (const [path, status] of [
    ['nothing', 1],
    ['../x', 2],
    ['.', 2],
  ] as const)
    assert.equal((await daemons.receiverSays(0, 'trash', 'restore', site.name, path)).status, status, path)
  assert.equal((await daemons.receiverSays(0, 'trash', 'list', 'another')).status, 2)
})

test('a corrected path needs no accept', async () => {
  const site = await Site.on(daemons, { prepare: typo })
  await waits(site)
  const [target = ''] = site.targets
  daemons.editReceiver(0, (config) => ({ ...config, roots: { [site.name]: { path: join(target, 'new') } } }))
  const [receiver] = daemons.receivers
  assert.ok(receiver !== undefined && receiver !== null)
  await daemons.hangUp(receiver)
  await until(
    () => daemons.ready(0),
    async () => JSON.stringify(await site.receiverRoot(0)),
  )
  assert.equal(readFileSync(join(target, 'new/app/file-0.php'), 'utf8'), `<?php // ${site.source}`)
  assert.ok(existsSync(join(target, 'blog/app/file-0.php')))
})
