/** From nothing to a configuration, and the answers of the `config` verbs about it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { AGENT, RECEIVER } from '../../build/programs.ts'
import { readAgentConfig } from '../../packages/agent/src/config/agent-yaml.ts'
import { agentVerb } from '../support/verbs.ts'

const place = mkdtempSync(join(tmpdir(), 'rootferry-first-'))
const docroot = join(place, 'www')
mkdirSync(join(docroot, 'wp-content/cache'), { recursive: true })
after(() => rmSync(place, { recursive: true, force: true }))

function run(program: string, ...words: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

test('init writes a configuration that everybody may read, in a directory that it makes', () => {
  const file = join(place, 'etc/rootferry/agent.yaml')
  const { status, stdout, stderr } = run(
    AGENT,
    'init',
    '--root',
    `shop=${docroot}`,
    '--preset',
    'wordpress',
    '--config',
    file,
  )
  assert.equal(status, 0, stderr)
  assert.equal(stdout, '')
  assert.ok(stderr.includes(`  rootferry-agent run --config ${file}\n`), 'not the service, which reads another file')
  assert.ok(stderr.includes(`token create NAME --join --url wss://THIS-HOST:8730 --config ${file} `))
  const { roots, listen } = readAgentConfig(file)
  assert.equal(roots[0]?.path, docroot)
  assert.ok(roots[0]?.exclude.includes('/wp-content/cache/'))
  assert.equal(listen.port, 8730)
  assert.equal(statSync(file).mode & 0o777, 0o644)
  assert.equal(statSync(join(place, 'etc/rootferry')).mode & 0o777, 0o755)
  assert.deepEqual(readdirSync(join(place, 'etc/rootferry')), ['agent.yaml'])
})

test('init says the address at which receivers will reach the agent', async () => {
  const urlFor = async (listen: string) => {
    const file = join(place, `${randomUUID()}.yaml`)
    const { stderr } = await agentVerb(['init', '--root', `a=${docroot}`, '--listen', listen, '--config', file])
    return /--url (\S+)/.exec(stderr)?.[1]
  }
  assert.deepEqual(
    await Promise.all(
      ['0.0.0.0:9000', '[::]:9001', '10.0.0.1:9002', '[fd00::1]:9003', 'admin.internal:9004'].map(urlFor),
    ),
    [
      'wss://THIS-HOST:9000',
      'wss://THIS-HOST:9001',
      'wss://10.0.0.1:9002',
      'wss://[fd00::1]:9003',
      'wss://admin.internal:9004',
    ],
  )
})

test('init never writes over a file', async () => {
  const file = join(place, 'mine.yaml')
  writeFileSync(file, '# mine\n')
  const { status, stderr } = await agentVerb(['init', '--root', `shop=${docroot}`, '--config', file])
  assert.equal(status, 1)
  assert.match(stderr, /mine\.yaml is there already, and stays as it is: add a further root there\n$/)
  assert.equal(readFileSync(file, 'utf8'), '# mine\n')
})

test('init says in one line what is wrong, and writes nothing', async () => {
  const file = join(place, 'none.yaml')
  const cases: [string[], RegExp][] = [
    [[], /name a docroot: --root shop=\/var\/www\/shop/],
    [['--root', 'shop'], /--root shop: NAME=DIRECTORY is expected/],
    [['--root', `my shop=${docroot}`], /'my shop' is not a valid name/],
    [['--root', `a=${docroot}`, '--root', `a=${docroot}`], /a is given twice/],
    [['--root', 'shop=/'], /roots\.shop\.path must not be the whole filesystem/],
    [['--root', `shop=${docroot}`, '--listen', 'here'], /listen must be HOST:PORT/],
    [['--root', `shop=${docroot}`, '--preset', 'none'], /preset.*magento2/],
  ]
  for (const [words, expected] of cases) {
    const { status, stderr } = await agentVerb(['init', '--config', file, ...words])
    assert.equal(status, 2, stderr)
    assert.match(stderr, expected)
    assert.ok(!stderr.includes('.init-'), stderr)
  }
  assert.ok(!existsSync(file))
  assert.ok(!readdirSync(place).some((name) => name.startsWith('.init-')))
})

test('config show prints a configuration of the same meaning, with presets and defaults', async () => {
  const file = join(place, 'short.yaml')
  writeFileSync(file, `roots: {shop: {path: ${docroot}, preset: openmage, exclude: ["*.log"]}}\n`)
  const { status, stdout } = await agentVerb(['config', 'show', '--config', file])
  assert.equal(status, 0)
  assert.match(stdout, /^stateDir: \/var\/lib\/rootferry\/agent # default$/m)
  assert.match(stdout, /^ {6}- \/var\/cache\/ # preset openmage: ./m)
  assert.match(stdout, /^ {6}show: true # preset openmage$/m)
  assert.match(stdout, /^ {6}settleMs: 20 # default$/m)
  const again = join(place, 'shown.yaml')
  writeFileSync(again, stdout)
  const [given, shown] = [file, again].map((path) => readAgentConfig(path))
  const distinct = (patterns: string[] | undefined) => [...new Set(patterns)]
  assert.deepEqual(distinct(shown?.roots[0]?.exclude), given?.roots[0]?.exclude)
  assert.deepEqual(shown?.roots[0]?.hold, given?.roots[0]?.hold)
  assert.deepEqual({ ...shown, roots: [] }, { ...given, roots: [] })
  assert.equal((await agentVerb(['config', 'show', '--config', join(place, 'missing.yaml')])).status, 78)
})

test('config explain names the pattern that decides and where it comes from', async () => {
  const file = join(place, 'explained.yaml')
  writeFileSync(file, `roots: {shop: {path: ${docroot}, preset: wordpress, exclude: ["*.log", "!keep.log"]}}\n`)
  const explain = (path: string) => agentVerb(['config', 'explain', 'shop', path, '--config', file])
  const cases: [string, RegExp][] = [
    ['index.php', /^index\.php is sent: no pattern matches\n$/],
    ['a/b.log', /^a\/b\.log is excluded by \*\.log \(exclude\)\n$/],
    ['a/keep.log', /is sent: !keep\.log \(exclude\) includes it again/],
    ['wp-content/cache', /is excluded by \/wp-content\/cache\/ \(preset wordpress: ./],
    [
      join(docroot, 'wp-content/cache/a.html'),
      /^wp-content\/cache\/a\.html is excluded, because wp-content\/cache is, by/,
    ],
    ['.rootferry/a', /reserved/],
  ]
  for (const [path, expected] of cases) {
    const { status, stdout } = await explain(path)
    assert.equal(status, 0, path)
    assert.match(stdout, expected)
  }
  assert.equal((await explain('/etc/passwd')).status, 2)
  assert.equal((await explain('')).status, 2)
  const other = await agentVerb(['config', 'explain', 'other', 'a', '--config', file])
  assert.match(other.stderr, /there is no root other/)
})

test('config schema is the JSON Schema of the file', () => {
  for (const [program, title] of [[AGENT, 'agent.yaml'] as const, [RECEIVER, 'receiver.yaml'] as const]) {
    const { status, stdout } = run(program, 'config', 'schema')
    assert.equal(status, 0)
    const schema = JSON.parse(stdout) as { title: string; properties: Record<string, unknown> }
    assert.equal(schema.title, title)
    assert.ok('roots' in schema.properties)
  }
})
