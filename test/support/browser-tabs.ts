/**
 * Debian's Chromium as a person has it: tabs in one window, of which only one is seen. Playwright keeps the pages that it
 * opens itself awake; here they are hidden, throttled and frozen by the browser.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Browser, type CDPSession, chromium, type Page } from 'playwright-core'
import { CHROMIUM, FLAGS } from './browser.ts'

export class BrowserTabs implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #directory: string
  readonly #browser: Browser

  private constructor(child: ChildProcess, directory: string, browser: Browser) {
    this.#process = child
    this.#directory = directory
    this.#browser = browser
  }

  static async open(): Promise<BrowserTabs> {
    const directory = mkdtempSync(join(tmpdir(), 'rootferry-browser-'))
    const own = ['--headless', '--remote-debugging-port=0', `--user-data-dir=${directory}`, 'about:blank']
    const child = spawn(CHROMIUM, [...FLAGS, ...own], { stdio: ['ignore', 'ignore', 'pipe'] })
    try {
      const browser = await chromium.connectOverCDP(await addressOf(child), { noDefaults: true })
      return new BrowserTabs(child, directory, browser)
    } catch (error) {
      await ended(child, directory)
      throw error
    }
  }

  /** A new tab, which is the one that is seen. */
  async tab(): Promise<Page> {
    const page = await this.#context().newPage()
    await page.bringToFront()
    return page
  }

  /** Runs no timer and no task of a page that is not seen, until it is thawed. */
  async freeze(page: Page): Promise<AsyncDisposable> {
    const session: CDPSession = await this.#context().newCDPSession(page)
    await session.send('Page.setWebLifecycleState', { state: 'frozen' })
    return {
      [Symbol.asyncDispose]: async () => {
        await session.send('Page.setWebLifecycleState', { state: 'active' })
        await session.detach()
      },
    }
  }

  #context() {
    const [context] = this.#browser.contexts()
    if (context === undefined) throw new Error('the browser has no window')
    return context
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close()
    await ended(this.#process, this.#directory)
  }
}

/** @returns where the browser is driven. @throws when it ends before it says so */
async function addressOf({ stderr }: ChildProcess): Promise<string> {
  if (stderr === null) throw new Error('stderr is not piped')
  for await (const line of createInterface({ input: stderr })) {
    const address = /^DevTools listening on (ws:\S+)$/.exec(line)?.[1]
    if (address !== undefined) {
      stderr.resume()
      return address
    }
  }
  throw new Error('Chromium ended without saying where it is driven')
}

async function ended(child: ChildProcess, directory: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }
  rmSync(directory, { recursive: true, force: true, maxRetries: 10 })
}
