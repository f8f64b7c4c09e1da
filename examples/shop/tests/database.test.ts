/** The database's primary dies: pages go on, and uploads too once the replica is promoted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../../../test/support/until.ts'
import { Administrator } from './administrator.ts'
import { figure, seconds } from './figures.ts'
import { picture } from './picture.ts'
import { ask } from './request.ts'
import { APPS, command, inside, service, tryInside, web } from './shop.ts'
import { Visitors } from './visitors.ts'

type Database = 'db1' | 'db2'
const CLIENT = ['mariadb', '--defaults-file=/etc/mysql/my.cnf', '--skip-column-names', '--batch', '-e']

async function isPrimary(server: Database): Promise<boolean> {
  const { code, stdout } = await tryInside(server, ...CLIENT, 'SELECT @@read_only')
  return code === 0 && stdout.trim() === '0'
}

test("the database's primary is killed: pages go on, uploads after the promotion of the replica", async () => {
  const [primary, replica]: [Database, Database] = (await isPrimary('db1')) ? ['db1', 'db2'] : ['db2', 'db1']
  const administrator = await Administrator.signedIn()
  await using visitors = new Visitors()
  const soMany = async (more: number) => {
    const enough = visitors.visits + more
    await until(
      () => visitors.visits >= enough,
      () => 'no visitors',
    )
  }
  await soMany(20)
  await service(primary, 'kill', 'mariadb')
  await soMany(60)
  figure('primary of the database killed', visitors.account)

  const beganAt = performance.now()
  await command('promote', replica)
  figure('replica promoted, and HAProxy sends everybody there', seconds(beganAt))
  const [path = ''] = await administrator.uploadPicture(`after-${process.pid}.png`, picture(400, 300, process.pid))
  for (const app of APPS) {
    await until(
      async () => (await ask(web(app, path))).status === 200,
      () => `${app} has no ${path}`,
    )
  }
  figure('promotion → a picture uploaded and on every app server', seconds(beganAt))
  await visitors.leave()
  assert.deepEqual(visitors.failures, [])

  // The old primary is back: it accepts no writes by itself, and becomes the replica.
  await service(primary, 'start', 'mariadb')
  await until(
    async () => (await tryInside(primary, ...CLIENT, 'SELECT 1')).code === 0,
    () => `${primary} does not start`,
  )
  assert.equal(await isPrimary(primary), false)
  await command('promote', replica)
  await until(
    async () =>
      /Slave_IO_Running: Yes[\s\S]*Slave_SQL_Running: Yes/.test(
        await inside(primary, ...CLIENT.slice(0, 2), '-e', 'SHOW SLAVE STATUS\\G'),
      ),
    () => `${primary} does not follow`,
  )
})
