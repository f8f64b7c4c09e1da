/**
 * From `token create --join` on one host to a receiver in sync on another, and every way in which joining is refused.
 */

import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { RECEIVER } from '../../build/programs.ts'
import { Daemon } from '../../packages/host/src/daemon/daemon-process.ts'
import { decodeInvitation, encodeInvitation } from '../../packages/protocol/src/index.ts'
import { missingProgram } from '../support/compare-preserved.ts'
import { differences } from '../support/compare-trees.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'
import { receiverVerb } from '../support/verbs.ts'

let rig: Rig
let place: string
let invitation: string
let number = 0

before(async () => {
  const prepare = (source: string) => {
    mkdirSync(join(source, 'app'))
    writeFileSync(join(source, 'app/index.php'), '<?php')
  }
  rig = await Rig.start({ receivers: 0, tls: true, prepare })
  place = mkdtempSync(join(tmpdir(), 'rootferry-join-test-'))
  invitation = rig.agentVerb('token', 'create', 'web7', '--join', '--expires', 'never').trim()
})
after(async () => {
  rmSync(place, { recursive: true })
  await rig[Symbol.asyncDispose]()
})

function freshConfig(): string {
  return join(place, String(++number), 'etc/receiver.yaml')
}

const joining = (text: string, config: string, ...words: string[]) =>
  receiverVerb(['join', text, '--config', config, ...words])

test('a dry run says what the first join would do, and writes nothing', async () => {
  const config = freshConfig()
  const target = join(place, 'populated')
  mkdirSync(join(target, 'app'), { recursive: true })
  writeFileSync(join(target, 'app/index.php'), '<?php // of this host')
  for (let file = 0; file < 120; file += 1) writeFileSync(join(target, `app/own-${file}`), 'x')
  writeFileSync(join(target, 'env.php'), 'protected')
  const words = ['--root', `site=${target}`, '--protect', '/env.php', '--dry-run']
  const { status, stdout, stderr } = await joining(invitation, config, ...words)
  assert.equal(status, 0, stderr)
  const lines = stdout.trim().split('\n')
  assert.match(lines[0] ?? '', /^site: first join, .* 2 differ, 120 extraneous; .* goes to the trash at /)
  assert.match(lines[1] ?? '', /would wait for rootferry-receiver accept site$/)
  assert.ok(lines.includes('site: changed app/index.php'), stdout)
  assert.equal(lines.length, 2 + 100)
  assert.ok(!existsSync(config))
  assert.deepEqual(readdirSync(target).sort(), ['app', 'env.php'])
  const missing = await joining(invitation, config, '--root', `site=${join(place, 'not-there')}`, '--dry-run')
  assert.match(missing.stdout, /is not there, so the first join replaces and removes nothing/)
  const wrong = await joining(
    invitation,
    config,
    '--root',
    `site=${target}`,
    '--protect',
    `${target}/env.php`,
    '--dry-run',
  )
  assert.equal(wrong.status, 78)
  assert.match(wrong.stderr, /'\/env\.php' is meant/)
})

test('a dry run of a root that is held says that it waits, and goes on with the release', async () => {
  rig.agentVerb('hold', 'site')
  const target = join(place, 'waiting')
  mkdirSync(target)
  const words = [RECEIVER, 'join', invitation, '--config', freshConfig(), '--root', `site=${target}`, '--dry-run']
  const look = spawn(process.execPath, words)
  let [out, said] = ['', '']
  look.stdout.on('data', (text) => (out += String(text)))
  look.stderr.on('data', (text) => (said += String(text)))
  const ended = once(look, 'close')
  await until(
    () => said !== '',
    () => 'nothing is said',
  )
  assert.equal(
    said,
    'site: waiting for the agent, which lists no root that is held or halted: see rootferry-agent status\n',
  )
  // The look is no receiver that the release could be shown on.
  assert.throws(() => rig.agentVerb('release', 'site'), /Command failed/)
  assert.deepEqual(await ended, [0, null])
  assert.match(out, /^site: first join/)
})

test('a dry run counts ACLs that differ, where the root preserves them', async (t) => {
  if (missingProgram() !== null) return t.skip('no setfacl here')
  const index = 'app/index.php'
  await using kept = await Rig.start({
    receivers: 0,
    tls: true,
    root: { preserve: { acls: true } },
    prepare: (source) => {
      mkdirSync(join(source, 'app'))
      writeFileSync(join(source, index), '<?php')
      execFileSync('setfacl', ['-m', 'u:33:r', join(source, index)])
    },
  })
  const target = join(place, 'with-acls')
  execFileSync('cp', ['-a', kept.source, target])
  const text = (await kept.agentSays('token', 'create', 'web8', '--join')).stdout.trim()
  const look = async () => (await joining(text, freshConfig(), '--root', `site=${target}`, '--dry-run')).stdout
  assert.match(await look(), / 0 differ, 0 extraneous/)
  execFileSync('setfacl', ['-m', 'u:33:rx,m::r', join(target, index)])
  assert.match(await look(), / 1 differ, 0 extraneous/)
})

test('join writes what is protected, and the owner', async () => {
  const config = freshConfig()
  const words = [
    '--root',
    `site=${join(place, 'mine')}`,
    '--protect',
    'app/etc/env.php',
    '--protect',
    'var/',
    '--owner',
    'keep',
  ]
  assert.equal((await joining(invitation, config, ...words)).status, 0)
  assert.match(readFileSync(config, 'utf8'), /protect: \["app\/etc\/env\.php", "var\/"\]\n {4}owner: keep/)
})

test('an invitation, taken up, is a receiver in sync', async () => {
  const config = freshConfig()
  const target = join(place, 'target')
  const state = join(place, 'state')
  const words = ['--root', `site=${target}`, '--state-dir', state, '--health', '127.0.0.1:0']
  const parameters = [RECEIVER, 'join', '-', '--config', config, ...words]
  const input = `${invitation}\n`
  const { status, stdout, stderr } = spawnSync(process.execPath, parameters, { encoding: 'utf8', input })
  assert.equal(status, 0, stderr)
  assert.equal(stdout, '')
  assert.match(
    stderr,
    /knows web7\. It will bring site to .*target\.\nWritten: .*\nNext: systemctl enable --now rootferry-receiver \(or: rootferry-receiver run --config /,
  )
  assert.equal(statSync(join(config, '../token')).mode & 0o777, 0o600)
  const token = decodeInvitation(invitation)?.token ?? ''
  assert.equal(readFileSync(join(config, '../token'), 'utf8'), `${token}\n`)
  assert.ok(!readFileSync(config, 'utf8').includes(token))
  const receiver = new Daemon('web7', process.execPath, RECEIVER, ['run', '--config', config], process.env)
  try {
    await receiver.says('receiver is up')
    const faults = () => (existsSync(target) ? differences(rig.source, target) : ['no target'])
    await until(
      () => faults().length === 0,
      () => faults().join('\n'),
    )
  } finally {
    await receiver.stop()
  }
})

test('a target or an owner that the receiver would refuse: nothing is written, and the invitation stays good', async () => {
  const once = (await rig.agentSays('token', 'create', 'web10', '--join')).stdout.trim()
  const config = freshConfig()
  const target = join(place, 'beside')
  const within = ['--root', `site=${join(rig.source, 'app')}`]
  const unknown = ['--root', `site=${target}`, '--owner', 'root:not-here']
  const expected = [
    { words: within, status: 1, says: /lies in .* which is served by another rootferry agent on this host/ },
    { words: unknown, status: 78, says: /^rootferry-receiver: owner: this host has no group 'not-here'\n$/ },
  ]
  for (const { words, status, says } of expected)
    for (const look of [[], ['--dry-run']]) {
      const refused = await joining(once, config, ...words, ...look)
      assert.equal(refused.status, status, refused.stderr)
      assert.match(refused.stderr, says)
      assert.ok(!existsSync(config))
    }
  assert.equal((await joining(once, config, '--root', `site=${target}`)).status, 0)
})

test('without --root it is 2, and the roots that the token grants are named', async () => {
  const { status, stderr } = await joining(invitation, freshConfig())
  assert.equal(status, 2)
  assert.match(stderr, /--root site=DIRECTORY; the token grants site\n$/)
})

test('a configuration or a token that is there stays as it is, unless it is told to go', async () => {
  const config = freshConfig()
  mkdirSync(join(config, '..'), { recursive: true })
  writeFileSync(join(config, '../token'), 'mine')
  const refused = await joining(invitation, config, '--root', `site=${place}/t`)
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /token exists: --renew keeps what it says, with a new token; --force overwrites it\n$/)
  assert.deepEqual(readdirSync(join(config, '..')), ['token'])
  assert.equal(readFileSync(join(config, '../token'), 'utf8'), 'mine')
  assert.equal((await joining(invitation, config, '--root', `site=${place}/t`, '--force')).status, 0)
  assert.deepEqual(readdirSync(join(config, '..')).sort(), ['receiver.yaml', 'token'])
})

test('a host that joins again keeps its configuration, but for the token and the certificate to pin', async () => {
  const config = freshConfig()
  const words = ['--root', `site=${place}/t`, '--protect', 'env.php', '--health', '127.0.0.1:0']
  assert.equal((await joining(invitation, config, ...words)).status, 0)
  const written = `${readFileSync(config, 'utf8')}    hooks: {afterCommit: [{match: ["*.php"], command: [/bin/true]}]} # ours\n`
  writeFileSync(config, written.replace(/sha256:\S+/, otherPin))
  const another = (await rig.agentSays('token', 'create', 'web12', '--join')).stdout.trim()
  const refused = await joining(another, config, '--renew', '--protect', 'var/')
  assert.deepEqual(
    [refused.status, refused.stderr],
    [2, 'rootferry-receiver: --renew keeps the configuration that is there: --protect does not go with it\n'],
  )
  const missing = await joining(another, freshConfig(), '--renew')
  assert.deepEqual([missing.status, missing.stderr.includes('does not exist')], [78, true], missing.stderr)
  const { status, stderr } = await joining(another, config, '--renew')
  assert.equal(status, 0, stderr)
  assert.match(stderr, /Everything else in \S+ stays as it was\.\n.*\nNext: systemctl reload rootferry-receiver\n$/)
  assert.equal(readFileSync(config, 'utf8'), written)
  assert.deepEqual(readdirSync(join(config, '..')).sort(), ['receiver.yaml', 'token'])
  const token = readFileSync(join(config, '../token'), 'utf8').trim()
  assert.ok(![invitation, another].some((line) => decodeInvitation(line)?.token === token), 'it was exchanged')
})

const otherPin = `sha256:${'0'.repeat(64)}`
const REFUSED: Record<string, { text: () => string; root?: string; status: number; says: RegExp }> = {
  'a line that is none': { text: () => 'rfjoin1_abc', status: 2, says: /not a whole invitation/ },
  'a line that was cut off': { text: () => invitation.slice(0, -9), status: 2, says: /not a whole invitation/ },
  'another certificate': {
    text: () => changed({ fingerprint: otherPin }),
    status: 1,
    says: /the agent's certificate is sha256:[0-9a-f]{64}, and not the pinned sha256:0+/,
  },
  'a token that is unknown': {
    text: () => changed({ token: 'rf_other' }),
    status: 77,
    says: /does not know this token/,
  },
  'an agent that is not there': {
    text: () => changed({ agent: 'wss://127.0.0.1:1' }),
    status: 69,
    says: /ECONNREFUSED/,
  },
  'a root that is not granted': {
    text: () => invitation,
    root: 'blog=/srv/blog',
    status: 77,
    says: /the agent does not grant blog, but site/,
  },
  'a root without a directory': { text: () => invitation, root: 'site', status: 2, says: /NAME=DIRECTORY is expected/ },
  'the whole file system as a target': { text: () => invitation, root: 'site=/', status: 78, says: /whole filesystem/ },
  'plain text to another host': {
    text: () => changed({ agent: 'ws://192.0.2.1:8730', fingerprint: null }),
    status: 78,
    says: /allowPlaintext/,
  },
}

function changed(fields: object): string {
  const whole = decodeInvitation(invitation)
  assert.ok(whole !== null)
  return encodeInvitation({ ...whole, ...fields })
}

for (const [what, { text, root, status, says }] of Object.entries(REFUSED)) {
  test(`${what}: ${status}, one line, and nothing is written`, async () => {
    const config = freshConfig()
    const result = await joining(text(), config, '--root', root ?? `site=${place}/nowhere`)
    assert.equal(result.status, status, result.stderr)
    assert.match(result.stderr, says)
    assert.equal(result.stderr.trimEnd().split('\n').length, 1, result.stderr)
    assert.ok(!existsSync(join(config, '../..')))
    assert.ok(!result.stderr.includes('rf_'))
  })
}

test('token create refuses what makes no sense, and leaves no token behind', async () => {
  const fails = (...words: string[]) => rig.agentSays('token', 'create', 'web9', ...words)
  for (const words of [
    ['--root', 'blog'],
    ['--admin', '--join'],
    ['--url', 'wss://a:1'],
    ['--join', '--url', 'ws://a:1'],
    ['--join', '--url', 'wss://a:1/path'],
  ]) {
    const { status, stdout } = await fails(...words)
    assert.equal(status, 2, words.join(' '))
    assert.equal(stdout, '')
  }
  assert.doesNotMatch((await rig.agentSays('token', 'list')).stdout, /web9/)
})

test('an invitation leads where it is told to, and token list shows what a token grants', async () => {
  const { stdout: text } = await rig.agentSays(
    'token',
    'create',
    'web8',
    '--join',
    '--root',
    'site',
    '--url',
    'wss://admin.internal:9000',
  )
  assert.match(text, /^rfjoin1_[A-Za-z0-9_-]+\n$/)
  assert.equal(decodeInvitation(text)?.agent, 'wss://admin.internal:9000')
  assert.match((await rig.agentSays('token', 'list')).stdout, /^web8\treceiver\t\S+\tsite\texpires \S+Z$/m)
})
