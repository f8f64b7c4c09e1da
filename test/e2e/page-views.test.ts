/**
 * Every view of the operator page by the rules of axe-core, dark and light, wide and narrow, on a fleet where something
 * is wrong; and the weight of what a browser loads.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, before, describe, it, test } from 'node:test'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { bundlePage } from '../../build/page.ts'
import { NARROW, NO_BROWSER, OpenBrowser, picture, WIDE } from '../support/browser.ts'
import { goTo, signedIn } from '../support/page-window.ts'
import { resync as resyncNow } from '../support/resync-orders.ts'
import { Rig } from '../support/rig.ts'
import { ScriptedReceiver } from '../support/scripted-receivers.ts'

const MOST_BYTES = 150_000
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

test(`the page weighs at most ${MOST_BYTES} bytes as it is sent`, async (t) => {
  const { files } = await bundlePage()
  const sent = files.filter(({ path }) => path.endsWith('.gz'))
  assert.equal(sent.length, 4)
  const bytes = sent.reduce((sum, { contents }) => sum + contents.byteLength, 0)
  t.diagnostic(`${bytes} bytes`)
  assert.ok(bytes <= MOST_BYTES, `${bytes} bytes`)
})

if (NO_BROWSER !== null) test('the views of the operator page', (t) => t.skip(NO_BROWSER ?? ''))
else describe('the views of the operator page', viewTests)

function viewTests(): void {
  let rig: Rig
  let browser: OpenBrowser
  let admin: string
  let receiver: ScriptedReceiver
  let resync: string

  before(async () => {
    rig = await Rig.start({
      receivers: 2,
      prepare: (source) => {
        mkdirSync(join(source, 'media'))
        for (let file = 0; file < 300; file += 1) writeFileSync(join(source, 'media', `p${file}.jpg`), String(file))
      },
    })
    await rig.inSync()
    admin = (await rig.agentSays('token', 'create', 'night', '--admin')).stdout.trim()
    const token = (await rig.agentSays('token', 'create', 'web8')).stdout.trim()
    receiver = await ScriptedReceiver.connect({ url: `ws://127.0.0.1:${rig.agentPort}`, token, root: 'site' })
    await rig.inSync()
    receiver.say({ type: 'owed', count: 3, paths: [{ path: 'media/a\u001b.jpg', code: 'immutable' }] })
    writeFileSync(join(rig.targets[0] ?? '', 'media/p7.jpg'), 'drifted')
    const headers = { 'Content-Type': 'application/json' }
    // A root that is held lists nothing: the resync is over before.
    resync = (await resyncNow(rig, { receivers: ['web1'], dryRun: true })).id
    await rig.killReceiver(1)
    await rig.admin('/v1/roots/site/hold', { method: 'POST', headers, body: '{"reason":"release 42","waitSeconds":0}' })
    writeFileSync(join(rig.source, 'media/late.jpg'), 'late')
    browser = await OpenBrowser.open()
  })
  after(async () => {
    receiver[Symbol.dispose]()
    await browser[Symbol.asyncDispose]()
    await rig[Symbol.asyncDispose]()
  })

  /** Each view, with something that is seen when it is there. */
  const views = () => ({
    overview: ['#/', 'web2 is offline'],
    root: ['#/roots/site', 'Changes'],
    receiver: ['#/receivers/web2', 'It has no connection.'],
    owing: ['#/receivers/web8', 'Paths that it cannot make right'],
    resyncs: ['#/resyncs', 'Ordered before'],
    resync: [`#/resyncs/${resync}`, 'media/p7.jpg'],
    deploys: ['#/deploys', 'release 42'],
    tokens: ['#/tokens', 'web8'],
  })

  for (const scheme of ['light', 'dark'] as const) {
    for (const [width, size] of Object.entries({ wide: WIDE, narrow: NARROW })) {
      it(`leave axe-core nothing to say, ${scheme} and ${width}`, async () => {
        const stranger = await browser.window(rig.adminUrl, { scheme, size, withoutPolicy: true })
        await stranger.goto('/')
        await stranger.waitForSelector('#token')
        assert.deepEqual(await faults(stranger), [], 'sign-in')
        await picture(stranger, `sign-in-${width}-${scheme}`)
        await stranger.context().close()
        const page = await signedIn(browser, rig, admin, { scheme, size, withoutPolicy: true })
        for (const [view, [hash = '', text = '']] of Object.entries(views())) {
          await goTo(page, hash)
          await page.locator('main').getByText(text).first().waitFor()
          await page.locator('main h1').waitFor()
          assert.deepEqual(await faults(page), [], view)
          assert.ok(await fits(page), `${view} is wider than the window`)
          await picture(page, `${view}-${width}-${scheme}`)
        }
        await page.context().close()
      })
    }
  }

  it('fit a narrow window with letters of double size', async () => {
    const page = await signedIn(browser, rig, admin, { size: { width: 320, height: 700 } })
    await page.evaluate(() => {
      document.documentElement.style.fontSize = '200%'
    })
    for (const [view, [hash = '', text = '']] of Object.entries(views())) {
      await goTo(page, hash)
      await page.locator('main').getByText(text).first().waitFor()
      assert.ok(await fits(page), `${view} is wider than the window`)
      assert.deepEqual(await crowded(page), [], view)
    }
    await page.context().close()
  })
}

/** Rows whose text goes over their end, into the next one. */
function crowded(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('.rows .row')]
      .filter((row) => row.scrollHeight > row.clientHeight + 1)
      .map((row) => row.textContent ?? ''),
  )
}

/** What axe finds, however small. */
async function faults(page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  const { violations } = await page.evaluate(() =>
    (window as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
  )
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${impact}: ${id}: ${html}: ${failureSummary}`),
  )
}

function fits(page: Page): Promise<boolean> {
  return page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)
}
