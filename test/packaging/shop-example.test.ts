/**
 * The files of examples/shop, without the shop: scripts are shell, and the configuration of every server is accepted by
 * the program that reads it. `examples/shop/up` and `examples/shop/test` run it all, which takes minutes.
 *
 * A program that is not installed is skipped with a line that says so.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, globSync, mkdirSync, mkdtempDisposableSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { REPOSITORY } from '../../build/programs.ts'
import { readAgentConfig } from '../../packages/agent/src/config/agent-yaml.ts'
import { readReceiverConfig } from '../../packages/receiver/src/config/receiver-yaml.ts'

const SHOP = join(REPOSITORY, 'examples/shop')
const WORDS: Record<string, string> = {
  NAME: 'app1',
  NET: '127.0.0',
  SERVER_ID: '21',
  PRESET: 'wordpress',
  MAINTENANCE: '/.maintenance',
  FINGERPRINT: `sha256:${'0'.repeat(64)}`,
}
/** Servers, which only the files of a shop know. */
const HOSTS = /\b(?:front|admin|sessions|app[123]|db[12])(?=[:;"\s])/g

/** A file of `etc` as `up` writes it, in `place`. */
function filled(path: string, place: string): string {
  const text = readFileSync(join(SHOP, 'etc', path), 'utf8').replaceAll(/@([A-Z_]+)@/g, (word, name: string) => {
    assert.ok(WORDS[name] !== undefined, `${path} has ${word}, which nothing replaces`)
    return WORDS[name]
  })
  const file = join(place, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

function run(t: TestContext, command: string, words: string[]): void {
  const done = spawnSync(command, words, {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` },
  })
  if (done.error !== undefined) return t.skip(`${command} is not installed`)
  assert.equal(done.status, 0, `${command} ${words.join(' ')}: ${done.stdout}${done.stderr}`)
}

const scripts = globSync('**', { cwd: SHOP })
  .filter((path) => statSync(join(SHOP, path)).isFile())
  .filter((path) => /^#!.*sh\b|shellcheck shell=bash/.test(readFileSync(join(SHOP, path), 'utf8').slice(0, 600)))
  .map((path) => join(SHOP, path))

test('the scripts are shell', (t) => {
  assert.ok(scripts.length >= 12, scripts.join(' '))
  for (const script of scripts) run(t, 'bash', ['-n', script])
})

test('shellcheck finds nothing in the scripts', (t) => run(t, 'shellcheck', ['-x', ...scripts]))

test('the PHP files are PHP', (t) => {
  for (const file of globSync('**/*.php', { cwd: SHOP })) run(t, 'php', ['-l', join(SHOP, file)])
})

test('both daemons accept their files', () => {
  using directory = mkdtempDisposableSync(join(tmpdir(), 'rootferry-shop-'))
  const { path: place } = directory
  assert.equal(readAgentConfig(filled('admin/rootferry/agent.yaml', place)).roots[0]?.name, 'shop')
  const receiver = filled('app/rootferry/receiver.yaml', place)
  const token = join(place, 'token')
  writeFileSync(token, 'secret\n')
  writeFileSync(receiver, readFileSync(receiver, 'utf8').replace('/etc/rootferry/token', token))
  assert.equal(readReceiverConfig(receiver, undefined).roots[0]?.hooks.length, 1)
})

test('nginx accepts its file', (t) => {
  using directory = mkdtempDisposableSync(join(tmpdir(), 'rootferry-shop-'))
  const { path: place } = directory
  const certificate = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=shop'],
    ...['-keyout', join(place, 'shop.key'), '-out', join(place, 'shop.crt')],
  ])
  if (certificate.error !== undefined) return t.skip('openssl is not installed')
  const file = filled('front/nginx/nginx.conf', place)
  const text = readFileSync(file, 'utf8').replaceAll(/\/etc\/nginx\/shop|\/(?:var\/log\/nginx|run)\//g, (path) => {
    return path === '/etc/nginx/shop' ? join(place, 'shop') : `${place}/`
  })
  writeFileSync(file, text.replaceAll(HOSTS, '127.0.0.1'))
  run(t, 'nginx', ['-t', '-q', '-c', file])
})

test('HAProxy accepts its file', (t) => {
  using directory = mkdtempDisposableSync(join(tmpdir(), 'rootferry-shop-'))
  const { path: place } = directory
  const file = filled('front/haproxy/haproxy.cfg', place)
  const text = readFileSync(file, 'utf8').replaceAll(/\/etc\/haproxy/g, join(SHOP, 'etc/front/haproxy'))
  writeFileSync(file, text.replaceAll(/ (?:db1|db2):3306/g, ' 127.0.0.1:3306'))
  run(t, 'haproxy', ['-c', '-q', '-f', file])
})

test('Varnish accepts its file', (t) => {
  using directory = mkdtempDisposableSync(join(tmpdir(), 'rootferry-shop-'))
  const { path: place } = directory
  // It reads its file as another user.
  chmodSync(place, 0o755)
  const file = filled('front/varnish/shop.vcl', place)
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/(?<=")(?:app[123]|admin)(?=")/g, '127.0.0.1'))
  run(t, 'varnishd', ['-C', '-n', join(place, 'work'), '-f', file])
})

test('Apache accepts its files', (t) => {
  const available = '/etc/apache2/mods-available'
  const modules = [
    'alias',
    'authz_core',
    'headers',
    'mime',
    'mpm_prefork',
    'proxy',
    'proxy_http',
    'remoteip',
    'rewrite',
    'setenvif',
  ]
  for (const server of ['admin', 'app']) {
    using directory = mkdtempDisposableSync(join(tmpdir(), 'rootferry-shop-'))
    const { path: place } = directory
    const site = filled(`${server}/apache2/sites-available/shop.conf`, place)
    writeFileSync(
      site,
      readFileSync(site, 'utf8')
        .replaceAll(HOSTS, '127.0.0.1')
        .replaceAll(/\/var\/(?:www\/shop|log\/apache2)/g, place),
    )
    const loads = modules.map((name) => `Include ${available}/${name}.load`)
    const file = join(place, 'apache2.conf')
    writeFileSync(
      file,
      [
        ...loads,
        'ServerName localhost',
        `ErrorLog ${place}/error.log`,
        `PidFile ${place}/pid`,
        'Listen 127.0.0.1:8080',
        `Include ${site}`,
        '',
      ].join('\n'),
    )
    run(t, 'apache2', ['-t', '-f', file])
  }
})
