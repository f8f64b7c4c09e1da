/** A plugin is installed, upgraded and removed through the admin interface; no visitor sees a half state of it. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { test } from 'node:test'
import { until } from '../../../test/support/until.ts'
import { Administrator } from './administrator.ts'
import { figure } from './figures.ts'
import { APPS, differences, docroot, fileOf, inSync, php, SHOP, tryInside, web } from './shop.ts'
import { assertWhole, watched } from './watcher.ts'

const PLUGIN = 'large/large.php'
const FILES = 4000
const PAGE = '/?large=1'
const PLACES = { admin: web('admin', PAGE), app1: web('app1', PAGE), app2: web('app2', PAGE), nginx: `${SHOP}${PAGE}` }

/** The removal has arrived. In a small docroot the plugin is more than half of it, and an operator has to agree. */
async function acceptLosses(): Promise<void> {
  const isGone = () => APPS.every((app) => !existsSync(docroot(app, 'wp-content/plugins/large')))
  await until(
    async () => {
      if (isGone()) return true
      const { stdout } = await tryInside('admin', 'rootferry-agent', 'status')
      if (!stdout.includes('mass deletion')) return false
      figure('the guard objects to the removal', /mass deletion: [^;]*/.exec(stdout)?.[0] ?? '')
      await tryInside('admin', 'rootferry-agent', 'release', 'shop', '--accept-losses')
      return isGone()
    },
    () => 'the plugin is not removed',
    60_000,
  )
}

async function archive(files: number, version: string): Promise<string> {
  await php('admin', 'make-plugin.php', String(files), version, `/tmp/large-${version}.zip`)
  return `/tmp/large-${version}.zip`
}

test('a plugin of 4,000 files is installed, upgraded twice and removed, and no visitor sees a half state', async () => {
  const administrator = await Administrator.signedIn()
  // What a run that failed has left.
  await php('admin', 'forget-plugin.php', PLUGIN)
  rmSync(docroot('admin', 'wp-content/plugins/large'), { recursive: true, force: true })
  await inSync()
  const first = readFileSync(fileOf('admin', await archive(FILES, '1.0')))
  const installed = await watched(
    'plugin of 4,000 files installed',
    PLACES,
    async () => {
      await administrator.uploadPlugin(first)
      await inSync()
      await administrator.switchPlugin('activate', PLUGIN)
    },
    '1.0',
  )
  assertWhole(installed, 'none → 1.0')

  const second = readFileSync(fileOf('admin', await archive(FILES, '1.1')))
  const uploaded = await watched(
    'plugin of 4,000 files upgraded by upload',
    PLACES,
    () => administrator.uploadPlugin(second),
    '1.1',
  )
  assertWhole(uploaded, '1.0 → 1.1')

  const third = await archive(FILES, '1.2')
  const update = async () => void (await php('admin', 'update-plugin.php', PLUGIN, '1.2', third))
  const updated = await watched("plugin of 4,000 files updated by WordPress's updater", PLACES, update, '1.2')
  assertWhole(updated, '1.1 → 1.2')

  const removed = await watched(
    'plugin of 4,000 files removed',
    PLACES,
    async () => {
      await administrator.switchPlugin('deactivate', PLUGIN)
      await administrator.removePlugin(PLUGIN)
      await acceptLosses()
    },
    'none',
  )
  assertWhole(removed, '1.2 → none')
  for (const app of APPS) {
    assert.equal(existsSync(docroot(app, 'wp-content/plugins/large')), false)
    assert.deepEqual(await differences('admin', app), [])
  }
})
