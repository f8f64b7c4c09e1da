/** The drill of docs/operations.md: every step as it is written there. */
import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { SmallDisk } from '../faults/small-disk.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

let rig: Rig
let disk: SmallDisk | null = null

before(async () => {
  rig = await Rig.start({
    tls: true,
    prepare: (source, [, second = '']) => {
      for (let number = 0; number < 20; number += 1) writeFileSync(join(source, `page${number}`), 'x')
      disk = SmallDisk.at(second)
    },
  })
  await rig.inSync()
})
after(async () => {
  disk?.[Symbol.dispose]()
  await rig[Symbol.asyncDispose]()
})

const shown = async () => JSON.stringify([(await rig.status()).receivers, rig.logs.slice(-15)])

const agentVerb = (...words: string[]) => rig.agentSays(...words)

async function readyzOf(number: number): Promise<{ status: number; body: string }> {
  const response = await rig.health(number, '/readyz')
  return { status: response.status, body: await response.text() }
}

async function isWell(): Promise<void> {
  await rig.inSync()
  await until(async () => (await agentVerb('status')).status === 0, shown)
}

/** The app server gets a new token, and the certificate to pin. */
async function joinAgain(number: number): Promise<void> {
  const name = rig.names[number] ?? ''
  const url = `wss://127.0.0.1:${rig.agentPort}`
  await agentVerb('token', 'revoke', name)
  const { stdout } = await agentVerb('token', 'create', name, '--join', '--expires', '1h', '--url', url)
  const joined = await rig.receiverSays(number, 'join', stdout.trim(), '--renew')
  assert.equal(joined.status, 0, joined.stderr)
  const receiver = rig.receivers[number]
  assert.ok(receiver !== null && receiver !== undefined)
  // The HUP of systemctl reload.
  await rig.hangUp(receiver)
}

test('the admin server reboots', async () => {
  await rig.killAgent()
  writeFileSync(join(rig.source, 'meanwhile'), 'x')
  await until(async () => (await readyzOf(0)).body.includes('"stale":true'), shown)
  assert.equal((await readyzOf(0)).status, 200)
  await rig.startAgent()
  await isWell()
})

test("the agent's disk is lost", async () => {
  const state = join(rig.place, 'agent')
  const backup = join(rig.place, 'backup')
  mkdirSync(backup)
  for (const file of ['identity.pem', 'tokens.json']) copyFileSync(join(state, file), join(backup, file))
  await rig.killAgent()
  rmSync(state, { recursive: true })
  rmSync(join(rig.source, 'page0'))
  writeFileSync(join(rig.source, 'page1'), 'newer')
  mkdirSync(state, { mode: 0o700 })
  for (const file of ['identity.pem', 'tokens.json']) copyFileSync(join(backup, file), join(state, file))
  rig.logs.length = 0
  const codes = new Set<number>()
  await rig.startAgent()
  await until(async () => {
    codes.add((await readyzOf(0)).status)
    return (await rig.status()).receivers.every(({ state: word }) => word === 'live')
  }, shown)
  assert.deepEqual([...codes], [200])
  assert.ok(rig.logs.some(({ msg }) => msg === 'root is resyncing'))
  assert.equal(readFileSync(join(rig.targets[0] ?? '', 'page1'), 'utf8'), 'newer')
  assert.equal(readFileSync(join(rig.targets[0] ?? '', 'page0'), 'utf8'), 'x', 'what only the node has stays')
  const look = await agentVerb('resync', '--dry-run', '--wait')
  assert.deepEqual([look.status, /^web1 +extraneous +page0$/m.test(look.stdout)], [3, true], look.stdout)
  assert.equal((await agentVerb('resync', '--wait')).status, 3)
  await isWell()
})

test("an app server's disk is full", async (t) => {
  if (disk === null) return t.skip('mounting is not permitted')
  disk.fill()
  writeFileSync(join(rig.source, 'big'), Buffer.alloc(2_000_000))
  await until(async () => {
    const { status, stdout } = await agentVerb('status')
    return status === 3 && /^web2 +\S+ +failed .*\n +ENOSPC: .*the filesystem of .* free of/m.test(stdout)
  }, shown)
  assert.equal((await readyzOf(1)).status, 503)
  await until(
    async () => (await rig.status()).receivers.find(({ name }) => name === 'web1')?.lag.sequences === 0,
    shown,
  )
  assert.equal((await readyzOf(0)).status, 200)
  disk.empty()
  await isWell()
  await until(async () => (await readyzOf(1)).status === 200, shown)
})

test('an app server was off for a day', async () => {
  await rig.receivers[1]?.stop()
  for (let number = 0; number < 50; number += 1)
    writeFileSync(join(rig.source, `missed${number}`), Buffer.alloc(20_000))
  await until(async () => {
    const { status, stdout } = await agentVerb('status')
    return status === 3 && /^web2 +\S+ +offline /m.test(stdout)
  }, shown)
  await until(
    async () => (await rig.status()).receivers.find(({ name }) => name === 'web1')?.lag.sequences === 0,
    shown,
  )
  await rig.startReceiver(1)
  await isWell()
  assert.equal((await readyzOf(1)).status, 200)
})

test('a new self-signed certificate', async () => {
  rmSync(join(rig.place, 'agent/identity.pem'))
  await rig.agent?.stop()
  await rig.startAgent()
  await until(() => rig.logs.some(({ error }) => / is sha256:\S+, and not the pinned /.test(String(error))), shown)
  rig.logs.length = 0
  for (const number of rig.receivers.keys()) await joinAgain(number)
  await isWell()
  assert.ok(!rig.logs.some(({ msg }) => msg === 'root is resyncing'), 'it goes on where it was')
})

test('a token leaked', async () => {
  assert.equal((await agentVerb('token', 'revoke', 'web1')).status, 0)
  await until(async () => !(await rig.status()).receivers.some(({ name }) => name === 'web1'), shown)
  await until(() => rig.logs.some(({ error }) => String(error).startsWith('unauthorized')), shown)
  assert.equal((await readyzOf(0)).status, 200)
  await joinAgain(0)
  await isWell()
})
