/** A third app server joins under load, and later its disk is full. */
import assert from 'node:assert/strict'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../../../test/support/until.ts'
import { figure, seconds } from './figures.ts'
import { ask } from './request.ts'
import { APPS, command, DIRECTORY, differences, docroot, hasVisitors, inSync, inside, receivers, web } from './shop.ts'
import { Visitors } from './visitors.ts'

const DISK = '300m'
const ALL = ['app1', 'app2', 'app3'] as const

async function rowOfApp3() {
  return (await receivers()).find(({ name }) => name === 'app3')
}

test('a third app server joins under load without one failed request', async () => {
  if (existsSync(join(DIRECTORY, 'servers/app3'))) await command('scale-in')
  await using visitors = new Visitors()
  const beganAt = performance.now()
  await command('scale-out', '--disk', DISK)
  await until(
    () => (visitors.servers.get('app3') ?? 0) > 0,
    () => 'app3 has no visitors',
  )
  figure('third app server: from nothing to its first visitor', seconds(beganAt))
  await visitors.leave()
  figure('visitors meanwhile', visitors.account)
  assert.deepEqual(visitors.failures, [])
  await inSync(ALL)
  assert.deepEqual(await differences('admin', 'app3'), [])
})

test('a full disk takes one app server out, holds up no other, and is got over', async () => {
  await using visitors = new Visitors()
  // Somebody else fills the disk: a log, a dump.
  await inside('app3', 'bash', '-c', 'cat /dev/zero >/var/www/shop/filler 2>/dev/null || true')
  const beganAt = performance.now()
  const path = 'wp-content/uploads/while-full.bin'
  writeFileSync(docroot('admin', path), Buffer.alloc(2 * 1024 * 1024, process.pid % 251))
  await inSync(['app1', 'app2'])
  figure('app3 full: a file on the others', seconds(beganAt))
  await until(
    async () => (await ask(web('app3', '/readyz'))).status === 503,
    () => 'app3 says that it is ready',
  )
  await until(
    async () => !(await hasVisitors('app3')),
    () => 'app3 has visitors',
  )
  figure('app3 full → no more visitors', seconds(beganAt))
  const row = await rowOfApp3()
  figure('app3 full: status', `${row?.state}, ${row?.lastError}`)
  assert.equal(row?.state, 'failed')
  assert.match(String(row?.lastError), /ENOSPC/)

  const emptiedAt = performance.now()
  await inside('app3', 'rm', '/var/www/shop/filler')
  await inSync(ALL, 90_000)
  await until(
    () => hasVisitors('app3'),
    () => 'app3 has no visitors',
  )
  figure('disk emptied → app3 has everything, and visitors', seconds(emptiedAt))
  await visitors.leave()
  figure('visitors meanwhile', visitors.account)
  assert.deepEqual(visitors.failures, [])
  assert.deepEqual(await differences('admin', 'app3'), [])
  rmSync(docroot('admin', path))
})

test('a file that does not fit on one app server is its problem alone, until it is gone', async () => {
  const [large, small] = ['wp-content/uploads/too-large.bin', 'wp-content/uploads/beside.txt']
  await using after = new AsyncDisposableStack()
  after.defer(async () => void (await command('scale-in')))
  after.defer(() => rmSync(docroot('admin', large), { force: true }))
  writeFileSync(docroot('admin', large), Buffer.alloc(320 * 1024 * 1024, 7))
  await inSync(['app1', 'app2'])
  writeFileSync(docroot('admin', small), `beside ${process.pid}`)
  const beganAt = performance.now()
  await until(
    async () => (await ask(web('app3', `/${small}`))).body.toString() === `beside ${process.pid}`,
    () => 'the small file does not arrive',
    90_000,
  )
  figure('file too large for app3: a small file beside it arrives', seconds(beganAt))
  const row = await rowOfApp3()
  const owed = row?.owed.paths.map(({ path, code }) => `${path} (${code})`).join()
  figure('file too large for app3: status', `${row?.state}, owes ${owed}`)
  assert.match(String(owed), /too-large\.bin \(ENOSPC\)/)
  for (const app of APPS) assert.equal((await ask(web(app, `/${large}`), { method: 'HEAD' })).status, 200, app)
  rmSync(docroot('admin', large))
  rmSync(docroot('admin', small))
  const removedAt = performance.now()
  await inSync(ALL, 90_000)
  await until(
    async () => (await ask(web('app3', '/readyz'))).status === 200,
    () => 'app3 is not ready',
  )
  figure('file removed again → app3 has everything', seconds(removedAt))
  assert.deepEqual(await differences('admin', 'app3'), [])
})
