/** A plugin is installed, upgraded and removed through the admin interface; no visitor sees a half state of it. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { until } from '../../../test/support/until.ts'
import { Administrator } from './administrator.ts'
import { figure, seconds } from './figures.ts'
import { ask } from './request.ts'
import { APPS, differences, docroot, fileOf, inSync, php, SHOP, tryInside, web } from './shop.ts'

const PLUGIN = 'large/large.php'
const FILES = 4000
/** Between two questions of one watcher, so that the processors have time for what is watched. */
const PAUSE_MS = 20
const PLACES = { admin: web('admin', '/'), app1: web('app1', '/'), app2: web('app2', '/'), nginx: `${SHOP}/` }
type Place = keyof typeof PLACES

/** No two visits ask for the same address: none is answered by a cache. */
let visits = 0

/** Asks a place all the time which versions the plugin's files have, and notes each state that follows another. */
class Watcher {
  readonly states: string[] = []
  #halfMs = 0
  #isOpen = true
  readonly #loop: Promise<void>

  constructor(url: string) {
    this.#loop = this.#watch(url)
  }

  async #watch(url: string): Promise<void> {
    while (this.#isOpen) {
      const beganAt = performance.now()
      const state = await stateAt(`${url}?large=1&visit=${process.pid}.${visits++}`)
      if (state !== this.states.at(-1)) this.states.push(state)
      if (state.startsWith('half') || state.startsWith('error')) this.#halfMs += performance.now() - beganAt
      await delay(PAUSE_MS)
    }
  }

  async leave(): Promise<{ states: string; halfSeconds: string }> {
    this.#isOpen = false
    await this.#loop
    return { states: this.states.join(' → '), halfSeconds: (this.#halfMs / 1000).toFixed(1) }
  }
}

/** `none`, a version, `half …`, or `error …`. As Varnish does, it asks once more after an error. */
async function stateAt(url: string): Promise<string> {
  const first = await ask(url)
  const { status, headers, body } = first.status >= 500 ? await ask(url) : first
  if (status >= 500) return `error ${status}`
  if (!String(headers['content-type']).includes('json')) return 'none'
  const { versions } = JSON.parse(body.toString()) as { versions: unknown[] }
  return versions.length === 1 ? String(versions[0]) : `half ${JSON.stringify(versions)}`
}

/** What every place saw while something was done, until all of them are in the state that it leads to. */
async function watched(what: string, doIt: () => Promise<void>, after: string): Promise<Record<Place, string>> {
  const watchers = Object.entries(PLACES).map(([place, url]) => [place as Place, new Watcher(url)] as const)
  await using open = new AsyncDisposableStack()
  for (const [, watcher] of watchers) open.defer(async () => void (await watcher.leave()))
  await until(
    () => watchers.every(([, { states }]) => states.length > 0),
    () => 'nobody is answered',
  )
  const beganAt = performance.now()
  await doIt()
  const doneAt = performance.now()
  for (const [place, { states }] of watchers) {
    await until(
      () => states.at(-1) === after,
      () => `${place} is not in the state ${after}: ${states.join(' → ')}`,
    )
  }
  const arrived = `in WordPress ${((doneAt - beganAt) / 1000).toFixed(1)} s, everywhere ${seconds(doneAt)} after its answer`
  const seen = await Promise.all(watchers.map(async ([place, watcher]) => [place, await watcher.leave()] as const))
  const half = seen.map(([place, { halfSeconds }]) => `${place} ${halfSeconds} s`)
  figure(what, `${arrived}; half states seen: ${half.join(', ')}`)
  await inSync()
  return Object.fromEntries(seen.map(([place, { states }]) => [place, states])) as Record<Place, string>
}

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

/** Visitors of the app servers saw one state after the other and nothing in between. */
function assertWhole(seen: Record<Place, string>, expected: string): void {
  const { app1, app2, nginx } = seen
  assert.deepEqual({ app1, app2, nginx }, { app1: expected, app2: expected, nginx: expected })
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
    () => administrator.uploadPlugin(second),
    '1.1',
  )
  assertWhole(uploaded, '1.0 → 1.1')

  const third = await archive(FILES, '1.2')
  const update = async () => void (await php('admin', 'update-plugin.php', PLUGIN, '1.2', third))
  const updated = await watched("plugin of 4,000 files updated by WordPress's updater", update, '1.2')
  assertWhole(updated, '1.1 → 1.2')

  const removed = await watched(
    'plugin of 4,000 files removed',
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
