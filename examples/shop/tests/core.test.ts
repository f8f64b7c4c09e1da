/** WordPress updates itself by its own updater, and back; no visitor of an app server executes a half state. */
import assert from 'node:assert/strict'
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { APPS, differences, docroot, inSync, php, SHOP, web } from './shop.ts'
import { assertWhole, watched } from './watcher.ts'

/** As many as a WordPress of today has; Debian's has fewer. */
const FILES = 4000
const SAMPLED = 300
const OWN_FILES = ['core-state.php', 'core-sample.txt', 'wp-includes/added']
const CODE = '/core-state.php?of=code'
const BYTES = '/core-state.php?of=bytes'
const PLACES = {
  app1: web('app1', CODE),
  app2: web('app2', CODE),
  nginx: `${SHOP}${CODE}`,
  'admin, on its disk': web('admin', BYTES),
  'admin, in its pages': web('admin', CODE),
  'app1, on its disk': web('app1', BYTES),
  'app2, on its disk': web('app2', BYTES),
}

async function archive(version: string): Promise<{ file: string; about: string }> {
  const file = `/tmp/core-${version}.zip`
  return { file, about: (await php('admin', 'make-core.php', String(FILES), version, file)).trim() }
}

/** The updater removes the archive. */
async function update(version: string, file: string): Promise<void> {
  await php('admin', 'update-core.php', version, file)
}

/** Files of all parts of WordPress that say their version. */
function sample(): string[] {
  const all = ['wp-admin', 'wp-includes'].flatMap((part) =>
    readdirSync(docroot('admin', part), { recursive: true, encoding: 'utf8' }).map((name) => `${part}/${name}`),
  )
  const marked = all
    .filter((name) => /\.(php|js|css)$/.test(name))
    .filter((name) => readFileSync(docroot('admin', name), 'latin1').slice(-60).includes('core_versions'))
    .toSorted()
  return marked.filter((_, number) => number % Math.floor(marked.length / SAMPLED) === 0)
}

test('WordPress updates 4,000 files of itself, and back, and no visitor executes a half state', async () => {
  await using after = new AsyncDisposableStack()
  after.defer(async () => {
    for (const name of OWN_FILES) rmSync(docroot('admin', name), { recursive: true, force: true })
    await inSync()
  })
  const before =
    /\$wp_version = '(.*)'/.exec(readFileSync(docroot('admin', 'wp-includes/version.php'), 'utf8'))?.[1] ?? ''
  const next = before.replace(/\d+$/, (number) => String(Number(number) + 1))
  // What is installed, once more: from now on its files say their version.
  await update(before, (await archive(before)).file)
  writeFileSync(docroot('admin', 'core-sample.txt'), sample().join('\n'))
  copyFileSync(join(import.meta.dirname, 'core-state.php'), docroot('admin', 'core-state.php'))
  await inSync()

  for (const [from, to] of [
    [before, next],
    [next, before],
  ] as const) {
    const { file, about } = await archive(to)
    const what = `WordPress ${from} → ${to} by its own updater (${about})`
    const seen = await watched(what, PLACES, () => update(to, file), to)
    assertWhole(seen, `${from} → ${to}`)
    for (const app of APPS) assert.deepEqual(await differences('admin', app), [])
  }
})
