/** Tokens of many nodes, tokens that expire, and invitations that are exchanged at a join. */
import assert from 'node:assert/strict'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { decodeInvitation, SUBPROTOCOLS } from '../../packages/protocol/src/index.ts'
import { Daemons } from '../support/daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'
import { receiverVerb } from '../support/verbs.ts'

const daemons = new Daemons({ receivers: 3, receiversLater: true })
after(() => daemons[Symbol.asyncDispose]())

const shown = async () => JSON.stringify([(await daemons.status()).receivers, daemons.logs.slice(-20)])
const names = async () => (await daemons.status()).receivers.map(({ name }) => name).sort()

const create = (...words: string[]) => daemons.agentSays('token', 'create', ...words)
const list = async () => (await daemons.agentSays('token', 'list')).stdout

function joining(invitation: string, directory: string) {
  const words = ['join', invitation, '--root', `site=${join(daemons.place, directory, 'target')}`]
  return receiverVerb([...words, '--config', join(daemons.place, directory, 'receiver.yaml')])
}

/** Gives receivers one token of many nodes. */
function shareToken(token: string, numbers: readonly number[]): void {
  for (const number of numbers) writeFileSync(join(daemons.place, `web${number + 1}`, 'token'), token)
}

test('each node of a token for many has a name of its own, over restarts, until it was away for long', async () => {
  const site = await Site.on(daemons, { prepare: (source) => writeFileSync(join(source, 'a'), 'x') })
  const token = (await create('fleet', '--many', '--forget-after', '3s')).stdout
  shareToken(token, [0, 1])
  await daemons.startReceiver(0)
  await daemons.startReceiver(1)
  const isNode = (name: string) => name.startsWith('fleet-')
  await until(async () => (await names()).filter(isNode).length === 2, shown)
  const both = (await names()).filter(isNode)
  const live = async () =>
    (await daemons.status()).receivers.filter(({ name, state }) => isNode(name) && state === 'live')
  await until(async () => (await live()).length === 2, shown)
  assert.match(
    await list(),
    new RegExp(`^fleet\treceiver\t\\S+\tall\tmany, forgotten after 3 s: ${both.join(',')}$`, 'm'),
  )
  const clash = await create(both[0] ?? '')
  assert.deepEqual(
    [clash.status, clash.stderr],
    [1, `rootferry-agent: a node is named ${both[0]}: choose another name\n`],
  )

  await daemons.agent?.stop()
  await daemons.startAgent()
  await until(async () => (await live()).length === 2, shown)
  assert.deepEqual((await names()).filter(isNode), both)
  writeFileSync(join(site.source, 'b'), 'y')
  await until(async () => (await live()).every(({ lag }) => lag.sequences === 0), shown)

  await daemons.receivers[1]?.stop()
  await until(async () => (await names()).filter(isNode).length === 1, shown)
  assert.ok(daemons.logs.some(({ msg }) => msg === 'a node that was away is forgotten'))
  await daemons.agentSays('token', 'revoke', 'fleet')
  await until(async () => (await names()).filter(isNode).length === 0, shown)
  await daemons.receivers[0]?.stop()
})

test('an invitation expires in a week unless it is told otherwise; tokens do not, and those of many nodes neither', async () => {
  const days = async (...words: string[]) => {
    await create('when', ...words)
    const [, expires] = /^when\t.*\texpires (\S+Z)/m.exec(await list()) ?? []
    await daemons.agentSays('token', 'revoke', 'when')
    return expires === undefined ? null : Math.round((Date.parse(expires) - Date.now()) / 86_400_000)
  }
  assert.equal(await days('--join'), 7)
  assert.equal(await days('--join', '--expires', '30d'), 30)
  assert.equal(await days('--join', '--expires', 'never'), null)
  assert.equal(await days(), null)
  assert.equal(await days('--join', '--many'), null)
})

test('a token that expires is useless then, and its connection ends', async () => {
  await Site.on(daemons)
  const token = (await create('brief', '--expires', '1h')).stdout
  assert.match(await list(), /^brief\treceiver\t\S+\tall\texpires \S+Z$/m)
  shareToken(token, [2])
  await daemons.startReceiver(2)
  await until(
    async () => (await daemons.status()).receivers.some(({ name, state }) => name === 'brief' && state === 'live'),
    shown,
  )
  // However long all that took, it is still good for a moment.
  const file = join(daemons.place, 'agent/tokens.json')
  const soon = new Date(Date.now() + 2_000).toISOString()
  writeFileSync(`${file}.new`, readFileSync(file, 'utf8').replace(/"expiresAt": "[^"]*"/, `"expiresAt": "${soon}"`))
  renameSync(`${file}.new`, file)
  await until(async () => !(await names()).includes('brief'), shown)
  await until(async () => {
    const [root] = (await daemons.receiverRoots(2)) as unknown as { lastError: string | null }[]
    return root?.lastError === 'unauthorized: this token has expired'
  }, shown)
  assert.match(await list(), /^brief\t.*\texpired \S+Z$/m)
  await daemons.receivers[2]?.stop()
})

test('an invitation that expires is good for one join, and leaves a token that stays', async () => {
  const site = new Site(daemons, 'site', join(daemons.place, 'exchanged'))
  await site.begin({ prepare: (source) => writeFileSync(join(source, 'a'), 'x') })
  const { stdout, stderr } = await create('web8', '--join', '--expires', '1h')
  assert.match(stderr, /^It expires in 1 h 0 min; it is good for one join\.$/m)
  const invitation = stdout.trim()
  const first = await joining(invitation, 'first')
  assert.equal(first.status, 0, first.stderr)
  const token = readFileSync(join(daemons.place, 'first/token'), 'utf8').trim()
  assert.notEqual(token, decodeInvitation(invitation)?.token)
  assert.match(await list(), /^web8\treceiver\t\S+\tall$/m)
  const grants = await fetch(`http://127.0.0.1:${daemons.agentPort}/v1/grants`, {
    headers: { Authorization: `Bearer ${token}` },
  })
  assert.deepEqual(await grants.json(), {
    name: 'web8',
    roots: ['site'],
    protocols: [...SUBPROTOCOLS],
  })
  const many = await create('web', '--join', '--many')
  const fleet = await joining(many.stdout.trim(), 'fleet')
  assert.equal(fleet.status, 0, fleet.stderr)
  const own = `name: ${hostname().replaceAll(/[^A-Za-z0-9._-]/g, '-')}`
  assert.ok(readFileSync(join(daemons.place, 'fleet/receiver.yaml'), 'utf8').includes(own))
  const second = await joining(invitation, 'second')
  assert.equal(second.status, 77)
  assert.match(
    second.stderr,
    /: unauthorized: the agent does not know this token; ask for another invitation: one that was used is void\n$/,
  )

  const late = (await create('web9', '--join', '--expires', '1s')).stdout.trim()
  await until(async () => /^web9\t.*expired/m.test(await list()), shown)
  const refused = await joining(late, 'third')
  assert.equal(refused.status, 77)
  assert.match(
    refused.stderr,
    /: unauthorized: this token has expired; ask for another invitation: one that was used is void\n$/,
  )
})

test('options that make no sense together: 2, one line, no token', async () => {
  for (const words of [
    ['--many', '--admin'],
    ['--forget-after', '1d'],
    ['--many', '--forget-after', '0'],
    ['--many', '--forget-after', 'soon'],
    ['--expires', '0'],
    ['--expires', '-1'],
    ['--expires', 'tomorrow'],
  ]) {
    const { status, stdout, stderr } = await create('nonsense', ...words)
    assert.deepEqual([status, stdout], [2, ''], words.join(' '))
    assert.equal(stderr.trimEnd().split('\n').length, 1, stderr)
  }
  assert.equal((await create('n'.repeat(33), '--many')).status, 2)
  assert.doesNotMatch(await list(), /nonsense|nnn/)
})
