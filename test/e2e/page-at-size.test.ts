/**
 * The operator page with a thousand receivers of a real agent, and with a hundred thousand changes: only what is in sight
 * is in the document, and everything is still there.
 */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it, test } from 'node:test'
import type { Page } from 'playwright-core'
import { NO_BROWSER, OpenBrowser, picture } from '../support/browser.ts'
import { assertQuiet, goTo, seen, signedIn } from '../support/page-window.ts'
import { Rig } from '../support/rig.ts'
import { ScriptedReceiver } from '../support/scripted-receivers.ts'
import { until } from '../support/until.ts'

const RECEIVERS = 1_000
/** A network may leave 64 connections without a hello. */
const AT_ONCE = 40
const CHANGES = 100_000
const IN_DIRECTORY = 1_000
const MOST_ROWS = 60

if (NO_BROWSER !== null) test('the operator page at size', (t) => t.skip(NO_BROWSER ?? ''))
else describe('the operator page at size', sizeTests)

function sizeTests(): void {
  let rig: Rig
  let browser: OpenBrowser
  let page: Page
  const fleet: ScriptedReceiver[] = []

  before(async () => {
    rig = await Rig.start({ receivers: 0, prepare: (source) => mkdirSync(join(source, 'media')) })
    const token = rig.agentVerb('token', 'create', 'shop', '--many').trim()
    const url = `ws://127.0.0.1:${rig.agentPort}`
    while (fleet.length < RECEIVERS) {
      const batch = Array.from({ length: AT_ONCE }, (_, at) => {
        const number = fleet.length + at + 1
        return ScriptedReceiver.connect({ url, token, root: 'site', node: `node${number} ${id(number)}` })
      })
      fleet.push(...(await Promise.all(batch)))
    }
    await until(
      async () => (await rig.status()).receivers.filter(({ state }) => state === 'live').length === RECEIVERS,
      async () => `${(await rig.status()).receivers.length} receivers`,
      120_000,
    )
    browser = await OpenBrowser.open()
    const admin = rig.agentVerb('token', 'create', 'night', '--admin').trim()
    page = await signedIn(browser, rig, admin)
  })
  after(async () => {
    for (const receiver of fleet) receiver[Symbol.dispose]()
    await browser[Symbol.asyncDispose]()
    await rig[Symbol.asyncDispose]()
  })

  it('lists a thousand receivers, and has those in sight in the document', async (t) => {
    await seen(page, '1,000 of 1,000 live')
    const list = page.getByRole('list', { name: 'receivers' })
    assert.ok((await list.locator('.row').count()) < MOST_ROWS)
    await list.evaluate((element) => element.scrollTo(0, element.scrollHeight))
    await list.getByText('shop-node1000', { exact: true }).waitFor()
    assert.ok((await list.locator('.row').count()) < MOST_ROWS)
    await picture(page, 'thousand')
    await page.reload()
    await page.locator('.verdict').waitFor()
    const firstMs = await page.evaluate(() => Math.round(performance.now()))
    t.diagnostic(`from a reload to the first number: ${firstMs} ms`)
  })

  it('finds one of them by its name', async () => {
    await page.getByLabel('find a receiver by its name').fill('node777')
    await page.locator('.receivers .row', { hasText: 'shop-node777' }).waitFor()
    assert.equal(await page.locator('.receivers a.row').count(), 1)
    await page.getByLabel('find a receiver by its name').fill('')
  })

  it('shows how far a resync of all of them is', async () => {
    await goTo(page, '#/resyncs')
    await page.getByRole('button', { name: 'Dry run' }).click()
    await page.getByRole('heading', { name: 'Dry run of site' }).waitFor()
    const list = page.getByRole('list', { name: 'progress' })
    await list.locator('li[aria-setsize="1000"]').first().waitFor()
    assert.ok((await list.locator('.row').count()) < MOST_ROWS)
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.locator('main h1 + .mark').getByText('cancelled').waitFor()
    await goTo(page, '#/')
  })

  it('says of many that are away what is wrong once', async () => {
    for (const receiver of fleet.slice(0, 37)) receiver[Symbol.dispose]()
    await seen(page, '37 receivers are offline')
    await seen(page, '963 of 1,000 live')
    assert.equal(await page.locator('.attention .card').count(), 1)
  })

  it('follows changes to all of them without holding up a frame for long', async (t) => {
    await goTo(page, '#/roots/site')
    await page.getByRole('heading', { name: 'Changes' }).waitFor()
    const slowest = measureFrames(page)
    for (let change = 0; change < 10; change += 1) {
      writeFileSync(join(rig.source, 'media', `p${change}.jpg`), 'x')
      await page
        .locator('.changes .row', { hasText: `media/p${change}.jpg` })
        .getByText('963 of 1,000')
        .waitFor()
    }
    await page.evaluate(() => window.dispatchEvent(new Event('measured')))
    t.diagnostic(`the slowest frame while a thousand receivers got ten changes: ${await slowest} ms`)
  })

  it('follows a hundred thousand changes, and scrolls through them', async (t) => {
    for (const receiver of fleet) receiver[Symbol.dispose]()
    const coming = measureFrames(page)
    for (let directory = 0; directory < CHANGES / IN_DIRECTORY; directory += 1) {
      mkdirSync(join(rig.source, 'media', `d${directory}`))
      for (let file = 0; file < IN_DIRECTORY; file += 1)
        writeFileSync(join(rig.source, 'media', `d${directory}`, `c${file}.jpg`), '')
    }
    const list = page.getByRole('list', { name: 'changes' })
    const told = async () => Number(await list.locator('li[aria-setsize]').first().getAttribute('aria-setsize'))
    await until(
      async () => (await told()) === CHANGES,
      async () => `${await told()} changes are listed`,
      120_000,
    )
    await page.evaluate(() => window.dispatchEvent(new Event('measured')))
    t.diagnostic(`the slowest frame while all of them came: ${await coming} ms`)
    const scrolling = measureFrames(page)
    for (let step = 1; step <= 20; step += 1)
      await list.evaluate((element, share) => element.scrollTo(0, element.scrollHeight * share), step / 20)
    await page.evaluate(() => window.dispatchEvent(new Event('measured')))
    t.diagnostic(`the slowest frame while scrolling through all of them: ${await scrolling} ms`)
    assert.ok((await list.locator('.row').count()) < MOST_ROWS)
  })

  it('complained about nothing', () => assertQuiet(browser))
}

function id(number: number): string {
  return number.toString(16).padStart(16, '0')
}

/** @returns the longest time between two frames until the event `measured` */
function measureFrames(page: Page): Promise<number> {
  return page.evaluate(() => {
    const { promise, resolve } = Promise.withResolvers<number>()
    let [lastMs, slowestMs, isOver] = [performance.now(), 0, false]
    window.addEventListener('measured', () => {
      isOver = true
    })
    const frame = (nowMs: number) => {
      slowestMs = Math.max(slowestMs, nowMs - lastMs)
      lastMs = nowMs
      if (isOver) resolve(Math.round(slowestMs))
      else requestAnimationFrame(frame)
    }
    requestAnimationFrame(frame)
    return promise
  })
}
