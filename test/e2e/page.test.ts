/**
 * The operator page in Debian's Chromium, against real daemons: signing in, and what a person sees and orders there. The
 * size of a fleet is in `page-at-size.test.ts`.
 *
 * ROOTFERRY_IMAGES=docs/images makes the pictures of the documents.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it, test } from 'node:test'
import type { Page } from 'playwright-core'
import { NARROW, NO_BROWSER, OpenBrowser, picture } from '../support/browser.ts'
import { assertQuiet, goTo, seen, signedIn } from '../support/page-window.ts'
import { Rig } from '../support/rig.ts'
import { ScriptedReceiver } from '../support/scripted-receivers.ts'

const HOSTILE = 'media/<img src=x onerror=alert(1)>\u001b[31m\nline "two" \u202egpj.exe'
const HOSTILE_SHOWN = 'media/<img src=x onerror=alert(1)>\\u001b[31m\\nline "two" \\u202egpj.exe'

if (NO_BROWSER !== null) test('the operator page', (t) => t.skip(NO_BROWSER ?? ''))
else describe('the operator page', pageTests)

function pageTests(): void {
  let rig: Rig
  let browser: OpenBrowser
  let admin: string
  const open = (options?: Parameters<typeof signedIn>[3]) => signedIn(browser, rig, admin, options)

  before(async () => {
    rig = await Rig.start({
      receivers: 2,
      prepare: (source) => {
        for (const directory of ['app', 'media', 'vendor']) mkdirSync(join(source, directory))
        for (let file = 0; file < 200; file += 1) {
          writeFileSync(join(source, 'vendor', `class-${file}.php`), `<?php // ${file}`.repeat(file))
        }
        writeFileSync(join(source, HOSTILE), 'x')
      },
    })
    await rig.inSync()
    admin = (await rig.agentSays('token', 'create', '--admin', 'night')).stdout.trim()
    browser = await OpenBrowser.open()
  })
  after(async () => {
    await browser[Symbol.asyncDispose]()
    await rig[Symbol.asyncDispose]()
  })

  it('shows a stranger the login and nothing else, and says why a token is refused', async () => {
    const page = await browser.window(rig.adminUrl)
    await page.goto('/#/receivers/web1')
    await page.fill('#token', 'rf_guess')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').getByText('The token is not known').waitFor()
    const text = await page.locator('body').textContent()
    assert.doesNotMatch(text ?? '', /web1|site|night/)
    await page.fill('#token', readFileSync(join(rig.place, 'web1/token'), 'utf8'))
    await page.keyboard.press('Enter')
    await page.getByRole('alert').getByText('is the token of a receiver').waitFor()
    await page.context().close()
  })

  it('signs in with a token, to the view that was asked for, keeps the session from scripts, and signs out', async () => {
    const page = await open({ hash: '#/receivers/web1' })
    await page.getByRole('heading', { name: 'web1' }).waitFor()
    assert.equal(await page.evaluate(() => document.cookie), '')
    await page.reload()
    await page.getByRole('heading', { name: 'web1' }).waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForSelector('#token')
    await page.reload()
    await page.waitForSelector('#token')
    await page.context().close()
  })

  it('signs in with the link of `rootferry-agent page`, once', async () => {
    const link = (await rig.agentSays('page')).stdout.trim()
    const page = await browser.window(rig.adminUrl)
    await page.goto(link)
    await seen(page, 'Everything is in sync')
    assert.equal(new URL(page.url()).hash, '#/')
    await page.context().close()
    const again = await browser.window(rig.adminUrl)
    await again.goto(link)
    await again.getByRole('alert').getByText('This link has been used').waitFor()
    await again.context().close()
  })

  it('shows a change as it comes, with its size and who has it', async () => {
    const page = await open({ hash: '#/roots/site' })
    await page.getByRole('heading', { name: 'Changes' }).waitFor()
    writeFileSync(join(rig.source, 'media', 'upload.jpg'), Buffer.alloc(31_000))
    const row = page.locator('.changes .row', { hasText: 'media/upload.jpg' })
    await row.getByText('all 2').waitFor()
    assert.match((await row.textContent()) ?? '', /31\.0 kB/)
    await picture(page, 'root', () => page.locator('.chart').waitFor())
    await page.context().close()
  })

  it('shows names as text, with what is invisible escaped, and runs nothing of them', async () => {
    const page = await open({ hash: '#/roots/site' })
    writeFileSync(join(rig.source, HOSTILE), 'changed')
    const shown = page.locator('.changes .path').filter({ hasText: 'onerror' })
    await shown.waitFor()
    assert.equal(await shown.textContent(), HOSTILE_SHOWN)
    assert.equal(await page.locator('img[src=x]').count(), 0)
    assert.ok((await shown.locator('.escaped').count()) >= 3)
    await page.context().close()
  })

  it('shows how far a first sync is, while it runs', async () => {
    for (let file = 0; file < 24; file += 1)
      writeFileSync(join(rig.source, 'media', `film-${file}`), Buffer.alloc(1_000_000, file))
    await rig.inSync()
    const page = await open()
    const token = (await rig.agentSays('token', 'create', 'web9')).stdout.trim()
    const url = `ws://127.0.0.1:${rig.agentPort}`
    using receiver = await ScriptedReceiver.connect({ url, token, root: 'site', credit: 9_000_000 })
    const row = page.locator('.receivers .row', { hasText: 'web9' })
    await row.getByText('replaying').waitFor()
    await row.getByText(/^[1-9]\d? % sent$/).waitFor()
    await picture(page, 'first-sync')
    await row.click()
    await page.getByRole('progressbar', { name: 'sent of what it missed' }).waitFor()
    receiver.goOn()
    await seen(page, /^live$/)
    await page.context().close()
    await rig.agentSays('token', 'revoke', 'web9')
  })

  it('says first what is wrong, in words, and what to do: an offline receiver, and one that owes paths', async () => {
    const token = (await rig.agentSays('token', 'create', 'web8')).stdout.trim()
    const url = `ws://127.0.0.1:${rig.agentPort}`
    using receiver = await ScriptedReceiver.connect({ url, token, root: 'site' })
    const page = await open()
    await page.locator('.receivers .row', { hasText: 'web8' }).getByText('live').waitFor()
    receiver.say({ type: 'owed', count: 2, paths: [{ path: HOSTILE, code: 'immutable' }] })
    await seen(page, 'web8 cannot make some paths right')
    await rig.killReceiver(1)
    await seen(page, 'One thing needs you')
    await seen(page, 'web2 is offline')
    assert.equal(await page.title(), '(1) Overview - Rootferry')
    await page.getByText('journalctl -eu rootferry-receiver').waitFor()
    writeFileSync(join(rig.source, 'app', 'missed.php'), '<?php')
    await seen(page, /has missed \d+ changes?/)
    await picture(page, 'overview')
    const phone = await open({ size: NARROW, scheme: 'dark' })
    await seen(phone, 'web2 is offline')
    await picture(phone, 'overview-phone')
    await phone.context().close()
    await page.getByRole('link', { name: 'web8 cannot make some paths right' }).click()
    assert.equal(await page.locator('.paths .path').first().textContent(), HOSTILE_SHOWN)
    await rig.startReceiver(1)
    await rig.agentSays('token', 'revoke', 'web8')
    await goTo(page, '#/')
    await seen(page, 'Everything is in sync')
    await page.context().close()
  })

  it('compares receivers in a dry run, names what differs, and puts it right when it is told to', async () => {
    const [target = ''] = rig.targets
    writeFileSync(join(target, 'vendor', 'class-7.php'), 'drifted')
    writeFileSync(join(target, 'vendor', 'stray.php'), 'not of the source')
    rmSync(join(target, 'vendor', 'class-9.php'))
    const page = await open({ hash: '#/resyncs?root=site&receiver=web1' })
    await page.getByRole('button', { name: 'Dry run' }).click()
    const difference = (path: string, kind: string) =>
      page.locator('.difference', { hasText: path }).getByText(kind).waitFor()
    await difference('vendor/class-7.php', 'changed')
    await difference('vendor/class-9.php', 'missing')
    await difference('vendor/stray.php', 'extraneous')
    await picture(page, 'dry-run')
    assert.equal(readFileSync(join(target, 'vendor', 'class-7.php'), 'utf8'), 'drifted')
    await page.getByRole('button', { name: 'Put this right' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Put this right' }).click()
    await page.getByRole('heading', { name: 'Resync of site' }).waitFor()
    await seen(page, /3 put right/)
    await rig.converged()
    await goTo(page, '#/receivers/web1')
    await page
      .locator('.facts div', { hasText: 'in its trash' })
      .getByText(/ of 1 occasion, oldest /)
      .waitFor()
    await page.context().close()
  })

  it('holds a root, says what waits, releases it, and shows the round', async () => {
    const page = await open({ hash: '#/deploys' })
    await page.getByLabel('What for').fill('release 42')
    await page.getByRole('button', { name: 'Hold' }).click()
    await page.getByRole('heading', { name: 'Held' }).waitFor()
    await seen(page, 'release 42')
    writeFileSync(join(rig.source, 'app', 'release.php'), '<?php // 42')
    rmSync(join(rig.source, 'vendor', 'class-11.php'))
    await page
      .locator('.facts div', { hasText: 'changes that wait' })
      .getByText(/^[1-9]/)
      .waitFor()
    await page.getByRole('button', { name: 'See what waits' }).click()
    await page.locator('.paths').getByText('app/release.php').waitFor()
    const gone = page.locator('.paths li', { hasText: 'vendor/class-11.php' })
    assert.match((await gone.textContent()) ?? '', /^deleted /)
    await picture(page, 'held')
    await page.getByLabel('one receiver after another').check()
    await page.getByRole('button', { name: 'Release' }).click()
    await page.getByRole('dialog').getByText('one after another').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'No' }).click()
    await page.getByLabel('one receiver after another').uncheck()
    await page.getByRole('button', { name: 'Release' }).click()
    await page.getByRole('dialog').getByText('show them together').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Release' }).click()
    await seen(page, /^Released: /)
    await page.locator('.card').getByText('everywhere').waitFor()
    await seen(page, '2 of 2 show it')
    await rig.converged()
    await page.context().close()
  })

  it('shows how a release went in the view of its root, too', async () => {
    const page = await open({ hash: '#/roots/site' })
    await page.getByRole('button', { name: 'Hold' }).click()
    await page.getByRole('heading', { name: 'Held' }).waitFor()
    await page.getByRole('button', { name: 'Release' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Release' }).click()
    await seen(page, /^Released: /)
    await page.context().close()
  })

  it('calls nothing equal that nobody compared, and no release everywhere that a receiver lacks', async () => {
    await rig.killReceiver(1)
    const [target = ''] = rig.targets
    writeFileSync(join(target, 'vendor', 'class-7.php'), 'drifted again')
    const page = await open({ hash: '#/resyncs?root=site' })
    await page.getByLabel('Only these paths, one a line').fill('vendor')
    await page.getByRole('button', { name: 'Dry run' }).click()
    await page.locator('.card', { hasText: 'web2' }).getByText('Not compared: it is offline').waitFor()
    await page.getByRole('button', { name: 'Put this right' }).click()
    await page.getByRole('dialog').getByText('web1: what was compared').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Put this right' }).click()
    await page.getByRole('heading', { name: 'Resync of site' }).waitFor()
    await seen(page, /of one path/)
    await seen(page, /1 put right/)
    assert.equal(await page.locator('.card', { hasText: 'web2' }).count(), 0)
    await goTo(page, '#/deploys')
    await page.getByRole('button', { name: 'Hold' }).click()
    await page.getByRole('heading', { name: 'Held' }).waitFor()
    writeFileSync(join(rig.source, 'app', 'release.php'), '<?php // 43')
    await page.getByRole('button', { name: 'Release' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Release' }).click()
    const round = page.locator('.outcome .round')
    await round.getByText('not everywhere').waitFor()
    assert.match((await round.textContent()) ?? '', /Not there yet: web2 \(offline\)/)
    await rig.startReceiver(1)
    await round.getByText('everywhere', { exact: true }).waitFor()
    await page.context().close()
  })

  it('makes a token whose line joins a server, shows it once, and revokes it', async () => {
    const page = await open({ hash: '#/tokens' })
    await page.getByLabel('Name').fill('web7')
    await page.getByRole('button', { name: 'Make it' }).click()
    const line = page.getByText(/rootferry-receiver join \S+ --root site=/)
    await line.waitFor()
    const row = page.locator('.row.token', { hasText: 'web7' })
    await row.getByRole('button', { name: 'Revoke' }).click()
    await row.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
    await row.waitFor({ state: 'detached' })
    await page.reload()
    await page.getByRole('heading', { name: 'Tokens' }).waitFor()
    assert.equal(await line.count(), 0)
    assert.doesNotMatch((await rig.agentSays('token', 'list')).stdout, /web7/)
    await page.context().close()
  })

  it('lets a read-only token look at everything and order nothing', async () => {
    const token = (await rig.agentSays('token', 'create', 'wall', '--admin=read')).stdout.trim()
    const page = await signedIn(browser, rig, token, { hash: '#/deploys' })
    await seen(page, 'wall, read-only')
    await rig.agentSays('hold', 'site', '--reason', 'release 43')
    writeFileSync(join(rig.source, 'app', 'waits.php'), '<?php // 43')
    await page.getByRole('button', { name: 'See what waits' }).click()
    await page.locator('.paths').getByText('app/waits.php').waitFor()
    assert.deepEqual(await page.locator('main button').allInnerTexts(), ['See what waits'])
    await rig.agentSays('release', 'site')
    await seen(page, 'It is not held: every change is sent as it comes.')
    for (const hash of ['#/deploys', '#/resyncs', '#/tokens', '#/roots/site']) {
      await goTo(page, hash)
      await page.locator('main h1').waitFor()
      const buttons = await page.locator('main button').allInnerTexts()
      assert.deepEqual(
        buttons.filter((text) => text !== 'copy'),
        [],
        hash,
      )
    }
    assert.match((await rig.agentSays('token', 'list')).stdout, /^wall\tadmin \(read\)/m)
    await rig.agentSays('token', 'revoke', 'wall')
    await page.context().close()
  })

  it('ends with its token, at once, and says so', async () => {
    const token = (await rig.agentSays('token', 'create', 'leaver', '--admin')).stdout.trim()
    const page = await signedIn(browser, rig, token)
    await rig.agentSays('token', 'revoke', 'leaver')
    await page.getByRole('alert').getByText('Your session is over').waitFor()
    await page.context().close()
  })

  it('outlives a restart of the agent: it says that the agent is away, and signs in again to the same view', async () => {
    const page = await open({ hash: '#/roots/site', size: NARROW })
    await rig.killAgent()
    await seen(page, /The agent is not reached/)
    await page.getByRole('heading', { name: 'Changes' }).waitFor()
    await rig.startAgent()
    await page.getByRole('alert').getByText('Your session is over').waitFor()
    await page.fill('#token', admin)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Changes' }).waitFor()
    writeFileSync(join(rig.source, 'app', 'after.php'), '<?php')
    await page.locator('.changes .row', { hasText: 'app/after.php' }).getByText('all 2').waitFor()
    await page.context().close()
  })

  it('says of a root that the guard has stopped where the loss is, and lets it go on when it is told to', async () => {
    rig.editAgent(({ roots, ...config }) => ({
      ...config,
      roots: { site: { ...roots['site'], guard: { maxDeletePercent: 20, minDeletes: 20 } } },
    }))
    if (rig.agent !== null) await rig.hangUp(rig.agent)
    const page = await open({ size: NARROW, scheme: 'dark' })
    rmSync(join(rig.source, 'vendor'), { recursive: true })
    await seen(page, 'site is halted')
    await seen(page, /^mass deletion: \d+ of \d+ entries .* most below vendor$/)
    await page.getByRole('link', { name: 'site is halted' }).click()
    await seen(page, 'It is halted, and can be held when it is ready.')
    await page.getByRole('button', { name: 'Accept and go on' }).click()
    await page.getByRole('dialog').getByText('will be deleted on every receiver').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Accept and go on' }).click()
    await seen(page, 'It is watched, and its changes are sent.')
    await rig.converged()
    await page.context().close()
  })

  it('works with the keyboard alone', async () => {
    const page = await open({ hash: '#/deploys' })
    await page.getByRole('button', { name: 'Hold' }).focus()
    await goTo(page, '#/tokens')
    const revoke = page.locator('.row.token', { hasText: 'web1' }).getByRole('button', { name: 'Revoke' })
    await revoke.focus()
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    assert.ok(await revoke.evaluate((element) => element === document.activeElement))
    await goTo(page, '#/')
    await page.getByRole('heading', { name: 'Roots' }).waitFor()
    await tabTo(page, 'web1')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'web1' }).waitFor()
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'MAIN')
    await page.context().close()
  })

  it('asked for nothing from elsewhere, and broke no rule of its own policy', () => {
    assertQuiet(browser)
  })
}

/** Presses Tab until the focus is on something with that text. */
async function tabTo(page: Page, text: string): Promise<void> {
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press('Tab')
    const focused = await page.evaluate(() => document.activeElement?.textContent ?? '')
    if (focused.includes(text)) return
  }
  assert.fail(`no way to ${text} by Tab`)
}
