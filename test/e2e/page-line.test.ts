/**
 * The operator page's line to the agent in Debian's Chromium: what it says of a line that is dead without having been cut,
 * of a status that does not come, of a proxy in front, and of a clock that is wrong.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it, test } from 'node:test'
import { NO_BROWSER, OpenBrowser } from '../support/browser.ts'
import { Line } from '../support/line.ts'
import { goTo, seen } from '../support/page-window.ts'
import { Rig } from '../support/rig.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

if (NO_BROWSER !== null) test("the operator page's line", (t) => t.skip(NO_BROWSER ?? ''))
else describe("the operator page's line", lineTests)

function lineTests(): void {
  let rig: Rig
  let browser: OpenBrowser
  let line: Line
  let url: string
  const link = async () => `/#${new URL((await rig.agentSays('page')).stdout.trim()).hash.slice(1)}`

  before(async () => {
    rig = await Rig.start({ receivers: 1 })
    await rig.inSync()
    line = await Line.to(Number(new URL(rig.adminUrl).port))
    url = `http://127.0.0.1:${line.port}`
    browser = await OpenBrowser.open()
  })
  after(async () => {
    await browser[Symbol.asyncDispose]()
    await line[Symbol.asyncDispose]()
    await rig[Symbol.asyncDispose]()
  })

  it('is not called live when nothing is heard on it any more, and is when it is mended', async () => {
    const page = await browser.window(url)
    await page.clock.install()
    await page.goto(await link())
    await page.getByRole('status').getByText('live').waitFor()
    line.stall()
    await page.clock.runFor(MINUTE_MS)
    await page.getByRole('status').getByText('agent not reached').waitFor()
    await seen(page, /what it said (4\d|5\d|1 min \d+) s ago/)
    line.flow()
    await page.clock.runFor(MINUTE_MS)
    await page.getByRole('status').getByText('live').waitFor()
    await page.context().close()
  })

  it('asks again for a status that did not come', async () => {
    const page = await browser.window(url)
    let refused = 0
    await page.route('**/v1/status', (route) => {
      refused += 1
      return refused === 1 ? route.fulfill({ status: 502, body: 'Bad Gateway' }) : route.continue()
    })
    await page.goto(await link())
    await seen(page, 'Everything is in sync')
    await page.context().close()
  })

  it('does not take an answer that was on its way for newer than the events that came meanwhile', async () => {
    await rig.agentSays('token', 'create', 'web9')
    const page = await browser.window(url)
    await page.goto(await link())
    await page.locator('.receivers .row', { hasText: 'web9' }).waitFor()
    const asked = Promise.withResolvers<void>()
    const answered = Promise.withResolvers<void>()
    const late = page.waitForResponse('**/v1/rounds')
    await page.route(
      '**/v1/rounds',
      async (route) => {
        asked.resolve()
        await answered.promise
        await route.continue()
      },
      { times: 1 },
    )
    // A receiver less: the status is asked for.
    await rig.agentSays('token', 'revoke', 'web9')
    await asked.promise
    await rig.agentSays('hold', 'site')
    const root = page.locator('.card.root')
    await root.getByText('held').waitFor()
    answered.resolve()
    await (await late).finished()
    await page.evaluate(() => new Promise((resolve) => setTimeout(() => requestAnimationFrame(resolve))))
    assert.match((await root.textContent()) ?? '', /held/)
    await rig.agentSays('release', 'site')
    await root.getByText('ready').waitFor()
    await page.context().close()
  })

  it('asks again for changes that did not come', async () => {
    writeFileSync(join(rig.source, 'index.php'), '<?php')
    await rig.inSync()
    const page = await browser.window(url)
    let refused = 0
    await page.route('**/v1/roots/site/changes*', (route) => {
      refused += 1
      return refused === 1 ? route.fulfill({ status: 502, body: 'Bad Gateway' }) : route.continue()
    })
    await page.goto(await link())
    await seen(page, 'Everything is in sync')
    await goTo(page, '#/roots/site')
    await page.locator('.changes .row', { hasText: 'index.php' }).waitFor()
    await page.context().close()
  })

  it('tells ages by the clock of the agent, whatever the browser takes for now', async () => {
    const page = await browser.window(url)
    await page.clock.install({ time: Date.now() + 3 * HOUR_MS })
    await page.goto(await link())
    await seen(page, 'Everything is in sync')
    await goTo(page, '#/receivers/web1')
    const connected = page.locator('dl', { hasText: 'connected' }).locator('time')
    assert.doesNotMatch((await connected.textContent()) ?? '', / h /)
    await page.context().close()
  })

  it('asks proxies in front to pass each event on at once', async () => {
    const token = (await rig.agentSays('token', 'create', '--admin=read', 'wall')).stdout.trim()
    const aborted = new AbortController()
    const headers = { Authorization: `Bearer ${token}` }
    const answer = await fetch(`${rig.adminUrl}/v1/events`, { headers, signal: aborted.signal })
    assert.equal(answer.headers.get('x-accel-buffering'), 'no')
    aborted.abort()
  })
}
