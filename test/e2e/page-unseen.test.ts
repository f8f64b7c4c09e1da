/**
 * The operator page in a tab that is not seen, in Debian's Chromium, which throttles and freezes such tabs: its line is not
 * taken for dead, and when the tab is seen again, what it shows is right.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it, test } from 'node:test'
import type { Page } from 'playwright-core'
import { NO_BROWSER } from '../support/browser.ts'
import { BrowserTabs } from '../support/browser-tabs.ts'
import { seen } from '../support/page-window.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

/** Notes every word about the line, and lets a test say how late it is, and how soon a minute is over. */
const WATCHED = `
  const realNow = Date.now, realTimeout = setTimeout
  window.lateMs = 0
  window.words = []
  Date.now = () => realNow() + window.lateMs
  window.setTimeout = (act, ms, ...rest) => realTimeout(act, ms === 60_000 ? window.minuteMs ?? ms : ms, ...rest)
  new MutationObserver(() => {
    const word = document.querySelector('.line')?.textContent.trim()
    if (word !== undefined && word !== window.words.at(-1)) window.words.push(word)
  }).observe(document, { subtree: true, childList: true, characterData: true })
`

if (NO_BROWSER !== null) test('the operator page in a tab that is not seen', (t) => t.skip(NO_BROWSER ?? ''))
else describe('the operator page in a tab that is not seen', unseenTests)

function unseenTests(): void {
  let rig: Rig
  let tabs: BrowserTabs

  before(async () => {
    rig = await Rig.start({ receivers: 1, prepare: (source) => writeFileSync(join(source, 'a'), 'a') })
    await rig.inSync()
    tabs = await BrowserTabs.open()
  })
  after(async () => {
    await tabs[Symbol.asyncDispose]()
    await rig[Symbol.asyncDispose]()
  })

  /** Signed in, and live. @param minuteMs how soon a tab that is not seen hangs up */
  async function opened(minuteMs: number | null): Promise<Page> {
    const page = await tabs.tab()
    await page.addInitScript(`${WATCHED}; window.minuteMs = ${minuteMs}`)
    await page.goto((await rig.agentSays('page')).stdout.trim())
    await page.getByRole('status').getByText('live').waitFor()
    return page
  }
  const words = (page: Page) => page.evaluate(() => (window as unknown as { words: string[] }).words)
  const isHidden = (page: Page) => page.evaluate(() => document.hidden)
  const change = async (name: string) => {
    writeFileSync(join(rig.source, name), name)
    await rig.converged()
    const { sequence = 0 } = (await rig.status()).roots[0] ?? {}
    return `sequence ${sequence}`
  }

  it('follows what comes while it is hidden, without a word about the line', async () => {
    const page = await opened(null)
    const other = await tabs.tab()
    assert.ok(await isHidden(page))
    const figure = await change('while-hidden')
    await until(
      async () => (await page.evaluate(() => document.querySelector('main')?.textContent ?? '')).includes(figure),
      async () => `${figure} is not in ${await page.evaluate(() => document.body.textContent)}`,
    )
    await page.bringToFront()
    await seen(page, figure)
    assert.deepEqual(await words(page), ['connecting', 'live'])
    await other.close()
    await page.close()
  })

  it('is right when it is seen after it was frozen for longer than a line may be silent', async () => {
    const page = await opened(null)
    const other = await tabs.tab()
    const thaw = await tabs.freeze(page)
    const figure = await change('while-frozen')
    await thaw[Symbol.asyncDispose]()
    // What was frozen begins where it ended: the clock alone tells how long that was.
    await page.evaluate(() => {
      ;(window as unknown as { lateMs: number }).lateMs = 90_000
    })
    await page.bringToFront()
    await seen(page, figure)
    await page.getByRole('status').getByText('live').waitFor()
    assert.ok(!(await words(page)).includes('agent not reached'), (await words(page)).join(', '))
    await other.close()
    await page.close()
  })

  it('hangs up after a minute, says so in its title, and is right when it is seen again', async () => {
    const page = await opened(1)
    const other = await tabs.tab()
    await until(
      async () => (await page.title()) === 'paused: Overview - Rootferry',
      async () => page.title(),
    )
    const figure = await change('while-paused')
    assert.ok(!(await page.evaluate(() => document.body.textContent ?? '')).includes(figure))
    await page.bringToFront()
    await seen(page, figure)
    await page.getByRole('status').getByText('live').waitFor()
    assert.equal(await page.title(), 'Overview - Rootferry')
    assert.deepEqual(await words(page), ['connecting', 'live', 'paused', 'connecting', 'live'])
    await other.close()
    await page.close()
  })
}
