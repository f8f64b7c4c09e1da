/** An app server that is switched off, misses much, and gets visitors again only when it has everything. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { until } from '../../../test/support/until.ts'
import { figure, seconds } from './figures.ts'
import { ask } from './request.ts'
import { differences, docroot, hasVisitors, inSync, service, switchOff, web } from './shop.ts'
import { Visitors } from './visitors.ts'

const MISSED = 5000

function change(run: string): void {
  const directory = docroot('admin', 'wp-content/uploads/missed')
  mkdirSync(directory, { recursive: true })
  for (let number = 0; number < MISSED; number++) writeFileSync(`${directory}/${number}.txt`, `${run} ${number}\n`)
}

test('an app server that was off and missed 5,000 changes has visitors again only when it is ready', async () => {
  await using visitors = new Visitors()
  const beganAt = performance.now()
  await using app2 = await switchOff('app2')
  await until(
    async () => !(await hasVisitors('app2')),
    () => 'Varnish goes on sending visitors to app2',
  )
  figure('app server switched off → no more visitors', seconds(beganAt))
  change(`run ${process.pid}`)
  await inSync(['app1'])

  // Its web server is back first, and its files are old: it must not have visitors.
  const seen = visitors.servers.get('app2') ?? 0
  await app2.on()
  await service('app2', 'stop', 'receiver')
  const until100 = visitors.visits + 100
  await until(
    () => visitors.visits >= until100,
    () => 'no visitors',
  )
  assert.equal(visitors.servers.get('app2') ?? 0, seen, 'visitors were sent to a server that was not ready')
  const startedAt = performance.now()
  await service('app2', 'start', 'receiver')
  await until(
    async () => (await ask(web('app2', '/readyz'))).status === 200,
    () => 'app2 is not ready',
  )
  figure('receiver started, 5,000 changes missed → ready', seconds(startedAt))
  const last = await ask(web('app2', `/wp-content/uploads/missed/${MISSED - 1}.txt`))
  assert.equal(last.body.toString(), `run ${process.pid} ${MISSED - 1}\n`, 'ready, and without what it missed')
  await until(
    () => (visitors.servers.get('app2') ?? 0) > seen,
    () => 'app2 has no visitors',
  )
  figure('receiver started → visitors', seconds(startedAt))
  await visitors.leave()
  figure('visitors meanwhile', visitors.account)
  assert.deepEqual(visitors.failures, [])
  await inSync()
  assert.deepEqual(await differences('admin', 'app2'), [])
})
