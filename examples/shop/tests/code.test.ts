/** An edit of PHP code is executed on the app servers, although OPcache keeps compiled code. */
import assert from 'node:assert/strict'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { until } from '../../../test/support/until.ts'
import { figure, tries } from './figures.ts'
import { ask } from './request.ts'
import { APPS, type App, docroot, fileOf, inSync, inside, SHOP, service, web } from './shop.ts'

const EDITS = 5
/** The hook's `minIntervalSeconds`, and some. */
const INTERVAL_MS = 1100
const SETTINGS = 'etc/php/8.2/apache2/conf.d/99-shop.ini'
const RECEIVER = 'etc/rootferry/receiver.yaml'

/** As an editor saves. */
function save(path: string, text: string): void {
  writeFileSync(docroot('admin', `${path}.new`), text)
  renameSync(docroot('admin', `${path}.new`), docroot('admin', path))
}

async function says(url: string, text: string): Promise<boolean> {
  return (await ask(url)).body.toString() === text
}

/** @returns how long each edit took until every app server executed it */
async function edit(urls: readonly string[]): Promise<number[]> {
  save('edited.php', `<?php echo require __DIR__ . '/edited-part.php';`)
  save('edited-part.php', `<?php return 'before';`)
  for (const url of urls) {
    await until(
      () => says(url, 'before'),
      () => `${url} does not say "before"`,
    )
  }
  const taken: number[] = []
  let savedAt = performance.now()
  for (let number = 0; number < EDITS; number++) {
    await until(
      () => performance.now() - savedAt > INTERVAL_MS,
      () => 'the clock stands still',
    )
    savedAt = performance.now()
    save('edited-part.php', `<?php return 'edit ${number}';`)
    for (const url of urls) {
      await until(
        () => says(url, `edit ${number}`),
        () => `${url} does not say "edit ${number}"`,
      )
    }
    taken.push(performance.now() - savedAt)
  }
  return taken
}

/** Writes a file of a server anew; a copy of its old text is given back. */
function change(app: App, path: string, to: (text: string) => string): string {
  const text = readFileSync(fileOf(app, path), 'utf8')
  writeFileSync(fileOf(app, path), to(text))
  return text
}

const urls = [...APPS.map((app) => web(app, '/edited.php')), `${SHOP}/edited.php`]

test('with a hook, an edit of PHP code is executed within a second', async () => {
  const taken = await edit(urls)
  figure('PHP edit → executed everywhere, validate_timestamps=0 and a hook that reloads Apache', tries(taken))
  assert.ok(Math.max(...taken) < 1500, String(taken))
})

test("with PHP's default settings and no hook, an edit of PHP code is executed within 4 seconds", async () => {
  const before = new Map<App, [string, string]>()
  for (const app of APPS) {
    const php = change(app, SETTINGS, (text) => text.replace('opcache.validate_timestamps = 0', ''))
    const yaml = change(app, RECEIVER, (text) => text.slice(0, text.indexOf('    hooks:')))
    before.set(app, [php, yaml])
    // The daemon reads its file again when it starts: a stop and a start is one way, HUP another one.
    await service(app, 'stop', 'receiver')
    await service(app, 'start', 'receiver')
    await inside(app, 'apache2ctl', 'graceful')
  }
  await inSync()
  const taken = await edit(urls)
  figure("PHP edit → executed everywhere, OPcache's defaults and no hook", tries(taken))
  assert.ok(Math.max(...taken) < 4000, String(taken))
  for (const app of APPS) {
    const [php, yaml] = before.get(app) ?? ['', '']
    change(app, SETTINGS, () => php)
    change(app, RECEIVER, () => yaml)
    await inside(app, 'pkill', '-HUP', '-o', 'rootferry-recei')
    await inside(app, 'apache2ctl', 'graceful')
  }
  await inSync()
})
