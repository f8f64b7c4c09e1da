/** Somebody in front of WordPress's admin interface: signs in, uploads pictures, installs and removes plugins. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Answer, ask, keeping, type Question } from './request.ts'
import { DIRECTORY, SHOP } from './shop.ts'

interface Attachment {
  url: string
  sizes: Record<string, { url: string }>
}

export class Administrator {
  readonly #cookies = new Map<string, string>()

  static async signedIn(): Promise<Administrator> {
    const somebody = new Administrator()
    const password = readFileSync(join(DIRECTORY, 'secrets/admin'), 'utf8').trim()
    // WordPress looks whether cookies come back.
    await somebody.get('/wp-login.php')
    const form = new URLSearchParams({ log: 'admin', pwd: password, testcookie: '1' })
    const answer = await somebody.#ask('/wp-login.php', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
    })
    assert.equal(answer.status, 302, `signing in: ${answer.body.toString().slice(0, 2000)}`)
    return somebody
  }

  async #ask(path: string, question: Question = {}): Promise<Answer> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await ask(path.startsWith('https:') ? path : `${SHOP}${path}`, {
      ...question,
      agent: keeping,
      headers: { ...question.headers, cookie },
    })
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      this.#cookies.set(name, value)
    }
    return answer
  }

  async get(path: string): Promise<string> {
    const answer = await this.#ask(path)
    assert.ok(answer.status < 400, `${path}: ${answer.status} ${answer.body.toString().slice(0, 2000)}`)
    return answer.body.toString()
  }

  async #post(path: string, form: FormData): Promise<string> {
    const packed = new Response(form)
    const answer = await this.#ask(path, {
      method: 'POST',
      headers: { 'content-type': packed.headers.get('content-type') ?? '' },
      body: Buffer.from(await packed.arrayBuffer()),
    })
    assert.ok(answer.status < 400, `${path}: ${answer.status} ${answer.body.toString().slice(0, 2000)}`)
    return answer.body.toString()
  }

  /** Something that a page brings along, as a nonce or a link. */
  async #find(path: string, pattern: RegExp): Promise<string> {
    const page = await this.get(path)
    const found = pattern.exec(page)?.[1]
    assert.ok(found !== undefined, `${path} has no ${pattern}: ${page.slice(0, 3000)}`)
    return found.replaceAll('&amp;', '&').replaceAll('&#038;', '&')
  }

  /** @returns the paths of the picture and its smaller versions, when WordPress has answered */
  async uploadPicture(name: string, content: Buffer): Promise<string[]> {
    const nonce = await this.#find('/wp-admin/media-new.php', /"_wpnonce":"(\w+)"/)
    const form = new FormData()
    form.set('name', name)
    form.set('action', 'upload-attachment')
    form.set('_wpnonce', nonce)
    form.set('async-upload', new Blob([new Uint8Array(content)], { type: 'image/png' }), name)
    const text = await this.#post('/wp-admin/async-upload.php', form)
    const { success, data } = JSON.parse(text) as { success: boolean; data: Attachment }
    assert.ok(success, text)
    const urls = [data.url, ...Object.values(data.sizes).map(({ url }) => url)]
    return [...new Set(urls)].map((url) => new URL(url).pathname)
  }

  /** Installs a plugin, or upgrades it when it is there. */
  async uploadPlugin(archive: Buffer): Promise<void> {
    const nonce = await this.#find('/wp-admin/plugin-install.php?tab=upload', /name="_wpnonce" value="(\w+)"/)
    const form = new FormData()
    form.set('_wpnonce', nonce)
    form.set('pluginzip', new Blob([new Uint8Array(archive)], { type: 'application/zip' }), 'large.zip')
    const page = await this.#post('/wp-admin/update.php?action=upload-plugin', form)
    if (/Plugin installed successfully/.test(page)) return
    const [, link] = /href="([^"]*overwrite=update-plugin[^"]*)"/.exec(page) ?? []
    assert.ok(link !== undefined, page.replaceAll(/<[^>]+>/g, ' ').slice(-3000))
    const done = await this.get(new URL(link.replaceAll(/&amp;|&#038;/g, '&'), `${SHOP}/wp-admin/`).href)
    assert.match(done, /Plugin updated successfully/)
  }

  /** `activate` or `deactivate`. */
  async switchPlugin(verb: string, plugin: string): Promise<void> {
    const file = encodeURIComponent(plugin)
    const link = await this.#find(
      '/wp-admin/plugins.php',
      new RegExp(`href="(plugins.php\\?action=${verb}&amp;plugin=${file}[^"]*)"`),
    )
    await this.get(`/wp-admin/${link}`)
  }

  async removePlugin(plugin: string): Promise<void> {
    const nonce = await this.#find('/wp-admin/plugins.php', /name="_wpnonce" value="(\w+)"/)
    const form = new FormData()
    form.set('_wpnonce', nonce)
    form.set('action', 'delete-selected')
    form.set('verify-delete', '1')
    form.set('checked[]', plugin)
    await this.#post('/wp-admin/plugins.php', form)
  }
}
