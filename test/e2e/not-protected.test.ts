/** A pattern that a receiver's root protects no more: what the agent has comes, and nothing of the host's goes without a copy. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(1)
const OWN = ['app/env.php', 'local/a.conf', 'local/only-here.conf']

function prepare(source: string, [target = '']: string[]): void {
  for (const root of [source, target])
    for (const name of ['app', 'local']) mkdirSync(join(root, name), { recursive: true })
  for (const path of ['app/env.php', 'local/a.conf', 'local/lacking.conf', 'index.php'])
    writeFileSync(join(source, path), `${path} of the agent`)
  for (const path of OWN) writeFileSync(join(target, path), `${path} of this host alone`)
}

test('what is protected no more is compared, and what is replaced is kept', async () => {
  const site = await Site.on(daemons, { prepare, receiverRoot: { protect: ['env.php', 'local/', 'other/'] } })
  await site.inSync()
  const [target = ''] = site.targets
  const read = (path: string) => readFileSync(join(target, path), 'utf8')
  assert.deepEqual(
    OWN.map(read),
    OWN.map((path) => `${path} of this host alone`),
  )
  daemons.editReceiver(0, (config) => ({
    ...config,
    roots: Object.fromEntries(
      Object.entries(config.roots).map(([name, root]) => [name, { ...root, protect: ['other/'] }]),
    ),
  }))
  const [receiver] = daemons.receivers
  assert.ok(receiver !== null && receiver !== undefined)
  await daemons.hangUp(receiver)
  await until(
    () => read('local/a.conf').endsWith('of the agent') && read('app/env.php').endsWith('of the agent'),
    () => read('local/a.conf'),
  )
  await site.converged(30_000, (path) => path === 'local/only-here.conf')
  assert.equal(read('local/only-here.conf'), 'local/only-here.conf of this host alone')
  const kept = site.trashOf(0).filter((path) => OWN.includes(path))
  assert.deepEqual(kept.sort(), ['app/env.php', 'local/a.conf'])
})
