/**
 * Debian's Chromium, driven by playwright-core. It loads nothing of its own from anywhere, and a page that asks for
 * another address than the one it came from fails its test.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'

export const CHROMIUM = '/usr/bin/chromium'
export const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Why there is no browser; null: there is one. */
export const NO_BROWSER = existsSync(CHROMIUM) ? null : `there is no ${CHROMIUM}: apt-get install chromium`

export const WIDE = { width: 1280, height: 900 }
export const NARROW = { width: 390, height: 844 }

export interface Look {
  scheme?: 'light' | 'dark'
  size?: { width: number; height: number }
  /** Lets a test's own scripts in, which the policy of the page forbids. */
  withoutPolicy?: boolean
}

/** Directory for pictures of the page; undefined: none are made. */
const IMAGES = process.env['ROOTFERRY_IMAGES']

/** Takes a picture, where pictures are wanted. @param ready resolves when all is there that it is to show */
export async function picture(page: Page, name: string, ready?: () => Promise<void>): Promise<void> {
  if (IMAGES === undefined) return
  await ready?.()
  await page.screenshot({ path: join(IMAGES, `${name}.png`) })
}

export class OpenBrowser implements AsyncDisposable {
  readonly #browser: Browser
  /** What a page said that it should not have: errors, refused loads, requests to elsewhere. */
  readonly complaints: string[] = []

  private constructor(browser: Browser) {
    this.#browser = browser
  }

  static async open(): Promise<OpenBrowser> {
    return new OpenBrowser(await chromium.launch({ executablePath: CHROMIUM, headless: true, args: FLAGS }))
  }

  /** A window of its own, with cookies of its own. @param url where every request must lead */
  async window(url: string, { scheme = 'light', size = WIDE, withoutPolicy = false }: Look = {}): Promise<Page> {
    const context: BrowserContext = await this.#browser.newContext({
      baseURL: url,
      colorScheme: scheme,
      viewport: size,
      bypassCSP: withoutPolicy,
      reducedMotion: 'reduce',
      locale: 'en-GB',
      timezoneId: 'UTC',
    })
    const page = await context.newPage()
    page.on('pageerror', (error) => this.complaints.push(String(error)))
    page.on('console', (message) => {
      // A refused request is a line of the browser, and part of some tests.
      const isRefusal = /Failed to load resource|net::ERR/.test(message.text())
      if (message.type() === 'error' && !isRefusal) this.complaints.push(message.text())
    })
    page.on('request', (request) => {
      if (!request.url().startsWith(`${url}/`)) this.complaints.push(`asked for ${request.url()}`)
    })
    return page
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close()
  }
}
