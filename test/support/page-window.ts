/** A window on the operator page of a rig: how a person signs in to it, and what a test waits for in it. */
import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import type { Look, OpenBrowser } from './browser.ts'
import type { Daemons } from './daemons.ts'

/** Opens the page and signs in. @param hash the view, as `#/tokens` */
export async function signedIn(
  browser: OpenBrowser,
  daemons: Daemons,
  token: string,
  { hash = '#/', ...look }: Look & { hash?: string } = {},
): Promise<Page> {
  const page = await browser.window(daemons.adminUrl, look)
  await page.goto(`/${hash}`)
  await page.fill('#token', token)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('status').getByText('live').waitFor()
  return page
}

/** Another view, as by a click. */
export async function goTo(page: Page, hash: string): Promise<void> {
  await page.evaluate((to) => {
    location.hash = to
  }, hash)
}

/** Resolves when that text is seen. */
export async function seen(page: Page, text: string | RegExp): Promise<void> {
  await page.getByText(text).first().waitFor()
}

/** Nothing that the page should not do was done. */
export function assertQuiet({ complaints }: OpenBrowser): void {
  assert.deepEqual(complaints, [])
}
