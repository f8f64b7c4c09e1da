/** What is uploaded through the admin interface is on every app server at once, and nothing is born on an app server. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { until } from '../../../test/support/until.ts'
import { Administrator } from './administrator.ts'
import { figure, tries } from './figures.ts'
import { picture } from './picture.ts'
import { ask } from './request.ts'
import { APPS, docroot, inSync, SHOP, web } from './shop.ts'

const PICTURES = 5
const MOST_MS = 1000

async function isServed(url: string, content: Buffer): Promise<boolean> {
  const answer = await ask(url)
  return answer.status === 200 && answer.body.equals(content)
}

test('a picture is served by every app server, and through nginx, within a second of its upload', async () => {
  const administrator = await Administrator.signedIn()
  const taken: number[] = []
  for (let number = 0; number < PICTURES; number++) {
    const name = `picture-${process.pid}-${number}.png`
    const now = new Date()
    const month = `${now.getUTCFullYear()}/${String(now.getUTCMonth() + 1).padStart(2, '0')}`
    // Somebody asked too early: Varnish remembers that it is missing.
    assert.equal((await ask(`${SHOP}/wp-content/uploads/${month}/${name}`)).status, 404)
    const paths = await administrator.uploadPicture(name, picture(1600, 1200, process.pid + number))
    const answeredAt = performance.now()
    assert.ok(paths.length >= 4, paths.join(' '))
    for (const path of paths) {
      const content = readFileSync(docroot('admin', path))
      for (const url of [...APPS.map((app) => web(app, path)), `${SHOP}${path}`]) {
        await until(
          () => isServed(url, content),
          () => `${url} is not served`,
        )
      }
    }
    taken.push(performance.now() - answeredAt)
  }
  figure('picture uploaded → all of its files on every app server and through nginx', tries(taken))
  assert.ok(Math.max(...taken) < MOST_MS, String(taken))
})

test('a file cannot be born on an app server', async () => {
  const script = `<?php require 'wp-load.php'; echo json_encode([@file_put_contents('born.txt', 'x'), wp_upload_bits('born.png', null, 'x')]);`
  writeFileSync(docroot('admin', 'born.php'), script)
  await inSync()
  for (const app of APPS) {
    const answer = await ask(web(app, '/born.php'))
    const [written, upload] = JSON.parse(answer.body.toString()) as [number | false, { error: string | false }]
    assert.equal(written, false)
    assert.match(String(upload.error), /Unable to create directory|Could not write file|not writable/)
    assert.equal(existsSync(docroot(app, 'born.txt')), false)
    figure(`file born on ${app}`, `refused, WordPress says "${upload.error}"`)
  }
  rmSync(docroot('admin', 'born.php'))
  await inSync()
})
