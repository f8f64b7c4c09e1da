/** The admin server is off: visitors notice nothing, and afterwards everything arrives. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../../../test/support/until.ts'
import { figure, seconds } from './figures.ts'
import { ask } from './request.ts'
import { APPS, differences, docroot, inSync, switchOff, web } from './shop.ts'
import { Visitors } from './visitors.ts'

/**
 * At least, and until every app server has noticed, which takes a heartbeat of 45 s: the plug was pulled. It is minutes in
 * life: SHOP_ADMIN_DOWN_SECONDS=300 for who has the time. The daemons' own limits are not shortened.
 */
const DOWN_SECONDS = Number(process.env['SHOP_ADMIN_DOWN_SECONDS'] ?? '20')
const CHANGED = 1000

test('the admin server is off: visitors notice nothing; it is back: everything arrives', async () => {
  await using visitors = new Visitors()
  const offAt = performance.now()
  await using admin = await switchOff('admin')
  await until(
    async () => {
      const answers = await Promise.all(APPS.map((app) => ask(web(app, '/readyz'))))
      for (const { status, body } of answers) assert.equal(status, 200, body.toString())
      const areStale = answers.every(({ body }) => body.toString().includes('"stale":true'))
      return areStale && performance.now() - offAt > DOWN_SECONDS * 1000
    },
    () => 'no app server notices that the agent is away',
    DOWN_SECONDS * 1000 + 90_000,
  )
  // Its disk is changed while nobody watches.
  const directory = docroot('admin', 'wp-content/uploads/while-off')
  mkdirSync(directory, { recursive: true })
  for (let number = 0; number < CHANGED; number++) writeFileSync(join(directory, `${number}.txt`), `${process.pid}\n`)
  figure('admin server off', `for ${seconds(offAt)}: every app server stayed ready; ${visitors.account}`)
  const onAt = performance.now()
  await admin.on()
  await inSync()
  figure('admin server switched on → everything on every app server', seconds(onAt))
  await visitors.leave()
  assert.deepEqual(visitors.failures, [])
  for (const app of APPS) assert.deepEqual(await differences('admin', app), [])
})
