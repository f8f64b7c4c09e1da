/** The commands as a person or a script meets them: exit codes, stdout, and one clear line for a failure. */

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { AGENT, RECEIVER } from '../../build/programs.ts'
import { differences } from '../support/compare-trees.ts'
import { until } from '../support/until.ts'
import { agentVerb, receiverVerb } from '../support/verbs.ts'

const LOCAL = fileURLToPath(new URL('../../packages/local/src/main.ts', import.meta.url))

let place: string
let number = 0

before(() => {
  place = mkdtempSync(join(tmpdir(), 'rootferry-cli-'))
})
after(() => rmSync(place, { recursive: true, force: true }))

function run(file: string, ...words: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...words], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  return { status, stdout, stderr, lines: linesOf(stderr) }
}

const linesOf = (text: string) => text.trimEnd().split('\n')

function freshDirectory(): string {
  const path = join(place, String(++number))
  mkdirSync(path)
  return path
}

function configFile(text: string): string {
  const file = join(freshDirectory(), 'config.yaml')
  writeFileSync(file, text)
  return file
}

function sampleSource(): string {
  const source = freshDirectory()
  mkdirSync(join(source, 'app'))
  writeFileSync(join(source, 'app/index.php'), '<?php')
  return source
}

test('npm start with a SOURCE that is not there: 2 and one line', () => {
  const { status, lines, stdout } = run(LOCAL, join(place, 'missing'), join(place, 'target'))
  assert.equal(status, 2)
  assert.equal(stdout, '')
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /SOURCE .*missing does not exist/)
})

test('npm start with a target inside the source, or the source inside a target: 2 and one line', () => {
  const source = sampleSource()
  for (const target of [join(source, 'below'), place, '/']) {
    const { status, lines } = run(LOCAL, source, target)
    assert.equal(status, 2)
    assert.equal(lines.length, 1)
    assert.match(lines[0] ?? '', /one lies inside the other/)
  }
})

test('npm start --once ends with 0 when all targets equal the source', () => {
  const source = sampleSource()
  const targets = [join(freshDirectory(), 'new'), freshDirectory()]
  const { status, stdout } = run(LOCAL, '--once', source, ...targets)
  assert.equal(status, 0)
  assert.match(stdout, /in sync: 3 entries, 5 B, 2 targets, /)
  for (const target of targets) assert.deepEqual(differences(source, target), [])
})

test('npm start with an empty text for a SOURCE is not the working directory: 2 and one line', () => {
  const { status, lines } = run(LOCAL, '', join(place, 'target'))
  assert.equal(status, 2)
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /empty text/)
})

for (const [what, signal] of [
  ['on Ctrl-C', 'SIGINT'],
  ['when its terminal is closed', 'SIGHUP'],
] as const) {
  test(`npm start prints a line for a change, and ends ${what} with 0, its daemons in order`, async () => {
    const source = sampleSource()
    const child = spawn(process.execPath, [LOCAL, source, freshDirectory()], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    try {
      const said = collect(child)
      await until(() => /watching/.test(said()), said)
      writeFileSync(join(source, 'app/new.php'), '<?php echo 1;')
      await until(() => /^#\d+ web1 \+1 ~\d+ -0 13 B in \d+ ms$/m.test(said()), said)
      const daemons = childrenOf(child.pid)
      assert.equal(daemons.length, 2)
      // A terminal sends the signal to the whole group. Daemons that received it too would take the TERM that follows
      // for a second signal.
      for (const daemon of daemons) assert.notEqual(groupOf(daemon), child.pid)
      process.kill(-(child.pid ?? 0), signal)
      const [code] = await once(child, 'close')
      assert.equal(code, 0, said())
      for (const daemon of daemons) assert.throws(() => process.kill(daemon, 0), { code: 'ESRCH' })
    } finally {
      child.kill('SIGKILL')
    }
  })
}

function childrenOf(pid = 0): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return children === '' ? [] : children.split(' ').map(Number)
}

function groupOf(pid: number): number {
  const [, , group] = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return Number(group)
}

function collect(child: ChildProcess): () => string {
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data: Buffer) => (text += data.toString()))
  return () => text
}

const BAD_AGENT_FILES: Record<string, { text: string; at: string; says: RegExp }> = {
  'an unknown key': {
    text: 'tls: off\nroot:\n  a: 1\nroots: {s: {path: /srv/s}}\n',
    at: '2:1',
    says: /root is unknown/,
  },
  'an unknown key further down': {
    text: 'tls: off\nroots:\n  s:\n    path: /srv/s\n    exlude: []\n',
    at: '5:5',
    says: /roots\.s\.exlude is unknown, known here: .*exclude/,
  },
  'a value of the wrong type': {
    text: 'tls: off\nroots:\n  s:\n    path: /srv/s\n    watch: {settleMs: soon}\n',
    at: '5:13',
    says: /settleMs must be a whole number of milliseconds/,
  },
  'an impossible value': {
    text: 'tls: off\nlisten: 127.0.0.1:99999\nroots: {s: {path: /srv/s}}\n',
    at: '2:1',
    says: /is not a valid address/,
  },
  'the same key twice': { text: 'tls: off\ntls: off\nroots: {s: {path: /srv/s}}\n', at: '2:1', says: /unique/ },
  'a pattern without quotes': {
    text: 'tls: off\nroots:\n  s: {path: /srv/s, exclude: [a, *.log]}\n',
    at: '3:34',
    says: /must be quoted: "\*\.log"/,
  },
  'an exclude pattern that leads out of the root': {
    text: 'tls: off\nroots:\n  s:\n    path: /srv/s\n    exclude:\n      - a\n      - ../b\n',
    at: '7:9',
    says: /roots\.s\.exclude\.1 '\.\.\/b' can match nothing/,
  },
  'no mapping where one belongs': {
    text: 'tls: off\nroots: {s: /srv/s}\n',
    at: '2:9',
    says: /roots\.s must be a mapping of path, preset/,
  },
  'one address for both listeners': {
    text: 'listen: 127.0.0.1:8731\nroots: {s: {path: /srv/s}}\n',
    at: '1:1',
    says: /admin\.listen must differ from listen/,
  },
  'no YAML at all': { text: 'tls: off\nroots: {s: {path: [\n', at: '', says: /./ },
  'a tab for indentation': { text: 'tls: off\nroots:\n\ts: {path: /srv/s}\n', at: '', says: /[Tt]ab/ },
  'a percentage above 100': {
    text: 'tls: off\nroots: {s: {path: /srv/s, guard: {maxDeletePercent: 101}}}\n',
    at: '2:35',
    says: /maxDeletePercent must be a whole number of percent from 1 to 100/,
  },
  'a root name that is none': { text: 'tls: off\nroots: {"../s": {path: /srv/s}}\n', at: '2:9', says: /\.\.\/s/ },
  'a root in another': {
    text: 'tls: off\nroots:\n  s: {path: /srv/s}\n  t: {path: /srv/s/t}\n',
    at: '4:7',
    says: /roots\.t\.path must not lie in root s/,
  },
  'a root that holds the state': {
    text: 'tls: off\nstateDir: /srv/s/state\nroots:\n  s: {path: /srv/s}\n',
    at: '4:7',
    says: /must not hold the stateDir/,
  },
  'an unknown kind of extended attributes': {
    text: 'tls: off\nroots:\n  s:\n    path: /srv/s\n    preserve: {xattrs: [trusted]}\n',
    at: '5:25',
    says: /user, selinux or capability/,
  },
  'an unknown key of preserve': {
    text: 'tls: off\nroots:\n  s:\n    path: /srv/s\n    preserve: {acl: true}\n',
    at: '5:16',
    says: /acl/,
  },
  'nothing in it': { text: '', at: '1:1', says: /./ },
}

for (const [what, { text, at, says }] of Object.entries(BAD_AGENT_FILES)) {
  test(`config check of a file with ${what}: 78 and FILE:line:column`, async () => {
    const file = configFile(text)
    const { status, stderr, stdout } = await agentVerb(['config', 'check', file])
    assert.equal(status, 78, stderr)
    assert.equal(stdout, '')
    assert.match(stderr, at === '' ? /config\.yaml:\d+:\d+: / : new RegExp(`config\\.yaml:${at}: `))
    assert.match(stderr, says)
  })
}

test('config check of a receiver: faults with 78, a good file with 0', () => {
  const good = { agent: 'ws://127.0.0.1:1', tokenFile: 'token', roots: { s: { path: 'target' } } }
  const file = configFile(JSON.stringify(good))
  writeFileSync(join(file, '../token'), 'rf_x')
  assert.equal(run(RECEIVER, 'config', 'check', file).status, 0)
  const bad = run(RECEIVER, 'config', 'check', configFile('agent: 1\nroots: {s: {path: x, owner: a b}}\n'))
  assert.equal(bad.status, 78)
  assert.match(bad.stderr, /config\.yaml:1:1: agent must be wss:/)
})

const BAD_RECEIVER_ROOTS: Record<string, { root: string; says: RegExp }> = {
  'a negative keepDays': { root: '{path: x, trash: {keepDays: -1}}', says: /keepDays must be a whole number of days/ },
  'a hook that is a shell line': {
    root: '{path: x, hooks: {afterCommit: [{match: ["*"], command: reload php}]}}',
    says: /command must be a list: a program and its arguments/,
  },
  'a hook that matches nothing': {
    root: '{path: x, hooks: {afterCommit: [{match: [], command: [x]}]}}',
    says: /match must be a list of gitignore patterns/,
  },
  'a directory of the machine for a target': {
    root: '{path: /etc}',
    says: /path must not be \/etc, a directory of the/,
  },
  'a protect pattern with the path of the root in it': {
    root: '{path: /srv/no-such/shop, protect: [a, /srv/no-such/shop/app/etc/env.php]}',
    says: /roots\.s\.protect\.1 '.*' begins with the root's own path .*: '\/app\/etc\/env\.php' is meant/,
  },
  'a protect pattern that leads nowhere': { root: '{path: x, protect: [./a]}', says: /protect\.0 .*'\/a' is meant/ },
  'a match that leads nowhere': {
    root: '{path: x, hooks: {afterCommit: [{match: [~/a], command: [x]}]}}',
    says: /afterCommit\.0\.match\.0 .*'\/a' is meant/,
  },
  'the whole filesystem for a target': { root: '{path: /}', says: /path must not be the whole filesystem/ },
}
for (const [what, { root, says }] of Object.entries(BAD_RECEIVER_ROOTS)) {
  test(`config check of a receiver with ${what}: 78 and FILE:line:column`, async () => {
    const file = configFile(`agent: ws://127.0.0.1:1\ntokenFile: token\nroots:\n  s: ${root}\n`)
    writeFileSync(join(file, '../token'), 'rf_x')
    const { status, stderr } = await receiverVerb(['config', 'check', file])
    assert.equal(status, 78, stderr)
    assert.equal(linesOf(stderr).length, 1)
    assert.match(stderr, /config\.yaml:4:\d+: /)
    assert.match(stderr, says)
  })
}

test('config check of a directory, and of nothing: 78', () => {
  for (const [daemon, writer] of [
    [AGENT, 'rootferry-agent init'],
    [RECEIVER, 'rootferry-receiver join'],
  ] as const) {
    for (const [file, says] of [
      [freshDirectory(), /:1:1: is a directory/],
      [join(place, 'nothing.yaml'), new RegExp(`:1:1: does not exist: '${writer}' writes one$`, 'm')],
    ] as const) {
      const { status, stderr } = run(daemon, 'config', 'check', file)
      assert.equal(status, 78)
      assert.match(stderr, says)
    }
  }
})

test('a place that the system refuses: 1 and one line', () => {
  const state = freshDirectory()
  mkdirSync(join(state, 'tokens.json.new'))
  const file = configFile(`stateDir: ${state}\nroots: {s: {path: ${freshDirectory()}}}\n`)
  const { status, lines } = run(AGENT, 'token', 'create', 'web1', '--config', file)
  assert.equal(status, 1)
  assert.deepEqual(lines, [
    `rootferry-agent: EISDIR: illegal operation on a directory, open '${state}/tokens.json.new'`,
  ])
})

test('a port that is taken: 1 and one line that names it', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const taken = `127.0.0.1:${(server.address() as AddressInfo).port}`
  try {
    const base = { tls: 'off', stateDir: 'state', roots: { s: { path: freshDirectory() } } }
    for (const [key, listeners] of [
      ['listen', { listen: taken, admin: { listen: '127.0.0.1:0' } }],
      ['admin.listen', { listen: '127.0.0.1:0', admin: { listen: taken } }],
    ] as const) {
      const { status, lines } = run(AGENT, 'run', '--config', configFile(JSON.stringify({ ...base, ...listeners })))
      assert.equal(status, 1)
      assert.deepEqual(lines, [`rootferry-agent: ${key} ${taken} is taken by another process`])
    }
    const receiver = { agent: 'ws://127.0.0.1:1', tokenFile: 'token', stateDir: 'state', health: { listen: taken } }
    const file = configFile(JSON.stringify({ ...receiver, roots: { s: { path: freshDirectory() } } }))
    writeFileSync(join(file, '../token'), 'rf_x')
    const { status, lines } = run(RECEIVER, 'run', '--config', file)
    assert.equal(status, 1)
    assert.deepEqual(lines, [`rootferry-receiver: health.listen ${taken} is taken by another process`])
  } finally {
    server.close()
  }
})

test('token create prints the token and nothing else; list never shows it; a name is given once', () => {
  const file = configFile(
    JSON.stringify({ tls: 'off', listen: '127.0.0.1:0', stateDir: 'state', roots: { s: { path: 'docroot' } } }),
  )
  const made = run(AGENT, 'token', 'create', 'web1', '--config', file)
  assert.match(made.stdout, /^rf_[\w-]{43}\n$/)
  assert.equal(made.stderr, '')
  const list = run(AGENT, 'token', 'list', '--config', file)
  assert.match(list.stdout, /^web1\treceiver\t\S+\tall\n$/)
  assert.equal(list.stdout.includes(made.stdout.trim()), false)
  assert.equal(run(AGENT, 'token', 'create', 'web1', '--config', file).status, 1)
  assert.equal(run(AGENT, 'token', 'create', 'no name', '--config', file).status, 2)
  assert.equal(run(AGENT, 'token', 'revoke', 'web1', '--config', file).status, 0)
  assert.equal(run(AGENT, 'token', 'revoke', 'web1', '--config', file).status, 1)
})

test('version prints a version; an unknown verb or option is 2', async () => {
  for (const [daemon, verb] of [
    [AGENT, agentVerb],
    [RECEIVER, receiverVerb],
  ] as const) {
    const { stdout } = run(daemon, 'version')
    assert.match(stdout, /^\d+\.\d+\.\d+\S*\n$/)
    assert.deepEqual(await verb(['--version']), { status: 0, stdout, stderr: '' })
    assert.equal(run(daemon, 'fly').status, 2)
    assert.equal((await verb(['run', '--fast'])).status, 2)
    for (const [option, value] of [
      ['--log-level', 'loud'],
      ['--log-format', 'xml'],
    ] as const) {
      const { status, stderr } = await verb(['run', option, value])
      assert.equal(status, 2)
      assert.equal(linesOf(stderr).length, 1, stderr)
    }
  }
})
