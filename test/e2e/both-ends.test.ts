/** What agent and node say of the same node: behind alone, out of space, and with a token that another node uses. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SmallDisk } from '../faults/small-disk.ts'
import { Line } from '../support/line.ts'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(3)

interface Ends {
  agent: { state: string; lag: { sequences: number }; clash: string | null; lastError: string | null } | undefined
  node:
    | {
        phase: string
        isBehindOthers: boolean
        lag: { sequences: number }
        failing: string | null
        clash: string | null
      }
    | undefined
}

const shown = async () =>
  JSON.stringify([(await daemons.status()).receivers, await daemons.receiverRoots(0), daemons.logs.slice(-20)])

async function ends(number: number): Promise<Ends> {
  const { receivers } = (await daemons.status()) as unknown as { receivers: ({ name: string } & Ends['agent'])[] }
  const agent = receivers.find(({ name }) => name === daemons.names[number])
  const [node] = (await daemons.receiverRoots(number)) as unknown as NonNullable<Ends['node']>[]
  return { agent, node }
}

async function areLive(...numbers: number[]): Promise<void> {
  for (const number of numbers)
    await until(async () => {
      const { agent, node } = await ends(number)
      return agent?.state === 'live' && node?.phase === 'live'
    }, shown)
}

test('a node that missed alone what others have is left behind and not ready before it has it; the others stay ready', async () => {
  const site = await Site.on(daemons, { prepare: (source) => writeFileSync(join(source, 'a'), 'x') })
  await using line = await Line.to(daemons.agentPort)
  await daemons.redirect(2, line.port)
  await areLive(0, 1, 2)
  line.block()
  await until(async () => (await ends(2)).agent?.state === 'offline', shown)
  for (let number = 0; number < 40; number += 1)
    writeFileSync(join(site.source, `f${number}`), Buffer.alloc(50_000, number))
  const missed = async (number: number) => (await ends(number)).agent?.lag.sequences ?? 0
  await until(async () => (await missed(2)) >= 40 && (await missed(0)) === 0 && (await missed(1)) === 0, shown)
  assert.ok(await daemons.ready(2), 'it does not know that it missed anything')
  line.throttle(400_000)
  line.unblock()
  const behind = await until(async () => {
    const both = await ends(2)
    return both.agent?.state === 'left-behind' && both.node?.isBehindOthers === true && both
  }, shown)
  assert.ok((behind.node?.lag.sequences ?? 0) > 0, 'it knows how far it is behind')
  const refusal = await daemons.health(2, '/readyz')
  assert.equal(refusal.status, 503)
  assert.match(await refusal.text(), /it missed changes that other receivers have, and is catching up/)
  assert.ok((await daemons.ready(0)) && (await daemons.ready(1)))
  line.throttle(Number.POSITIVE_INFINITY)
  await areLive(2)
  await until(() => daemons.ready(2), shown)
  assert.deepEqual((await ends(2)).node?.lag, { sequences: 0 })
  await daemons.redirect(2, daemons.agentPort)
})

test('when all are behind alike, because the agent was away, all stay ready', async () => {
  const site = await Site.on(daemons, { prepare: (source) => writeFileSync(join(source, 'a'), 'x') })
  await areLive(0, 1, 2)
  await daemons.killAgent()
  for (let number = 0; number < 200; number += 1) writeFileSync(join(site.source, `f${number}`), Buffer.alloc(20_000))
  const answers = new Set<boolean>()
  const look = async () => {
    for (const number of [0, 1, 2]) answers.add(await daemons.ready(number))
    return answers
  }
  await look()
  await daemons.startAgent()
  await until(async () => {
    await look()
    return (await ends(2)).agent?.lag.sequences === 0 && (await ends(2)).node?.phase === 'live'
  }, shown)
  await areLive(0, 1, 2)
  assert.deepEqual(await look(), new Set([true]))
})

test('a root that follows logs commits, and no progress', async () => {
  const site = await Site.on(daemons)
  await areLive(0, 1, 2)
  daemons.logs.length = 0
  for (let number = 0; number < 30; number += 1) writeFileSync(join(site.source, `f${number}`), Buffer.alloc(200_000))
  await until(async () => (await ends(0)).agent?.lag.sequences === 0 && (await ends(0)).node?.phase === 'live', shown)
  await until(() => daemons.logs.some(({ msg }) => msg === 'changeset committed'), shown)
  assert.deepEqual(
    daemons.logs.filter(({ msg }) => msg === 'synchronizing'),
    [],
  )
})

test('a node out of space says which filesystem, and how far it is behind, on both ends', async (t) => {
  const place = join(daemons.place, 'small')
  using disk = SmallDisk.at(place)
  if (disk === null) return t.skip('mounting is not permitted')
  const site = new Site(daemons, 'small', place, join(daemons.place, 'roomy'))
  await site.begin({ prepare: (source) => writeFileSync(join(source, 'a'), 'x') })
  await areLive(0)
  disk.fill()
  writeFileSync(join(site.source, 'big'), Buffer.alloc(300_000))
  const full = await until(async () => {
    const both = await ends(0)
    return both.agent?.state === 'failed' && both.node?.failing !== null && both
  }, shown)
  assert.match(
    full.node?.failing ?? '',
    /^ENOSPC: (?!ENOSPC).*the filesystem of \/.* has \d+\.\d MB free of \d+\.\d MB$/,
  )
  assert.equal(full.agent?.lastError, full.node?.failing)
  await until(async () => {
    const both = await ends(0)
    return (both.node?.lag.sequences ?? 0) > 0 && both.node?.lag.sequences === both.agent?.lag.sequences
  }, shown)
  disk.empty()
  await areLive(0)
})

test('two nodes with one token: both and the status name both addresses, and they do not throw each other out again and again', async () => {
  await Site.on(daemons)
  await areLive(0, 2)
  daemons.logs.length = 0
  const since = Date.now()
  writeFileSync(join(daemons.place, 'web3/token'), readFileSync(join(daemons.place, 'web1/token')))
  const [, , third] = daemons.receivers
  assert.ok(third !== null && third !== undefined)
  await daemons.hangUp(third)
  const { agent } = await until(async () => {
    const both = await ends(0)
    return both.agent?.clash !== null && both
  }, shown)
  const both = /^two nodes use the token of web1: \S+ \(127\.0\.0\.1\) and \S+ \(127\.0\.0\.1\)$/
  assert.match(agent?.clash ?? '', both)
  const lost = await until(
    () =>
      daemons.logs.find(({ msg, error }) => msg.startsWith('not connected') && String(error).includes('two nodes use')),
    shown,
  )
  assert.match(
    String(lost['error']),
    /^superseded: two nodes use the token of web1: .* and .*; the newer connection stays$/,
  )
  const won = await until(async () => {
    const texts = [(await ends(0)).node?.clash, (await ends(2)).node?.clash]
    return texts.find((text) => text != null)
  }, shown)
  assert.match(won, both, 'the node that has the connection says so too')
  assert.throws(
    () => daemons.agentVerb('status'),
    (error: { status: number; stdout: string }) =>
      error.status === 3 && error.stdout.includes('two nodes use the token of web1'),
  )
  // Lines about what came before may be read late.
  const connected = daemons.logs.filter(
    ({ msg, time }) => msg === 'receiver connected' && Date.parse(String(time)) >= since,
  )
  assert.equal(connected.length, 1, JSON.stringify(connected))
})

test('a HUP names the settings that take a restart', async () => {
  const [receiver] = daemons.receivers
  assert.ok(receiver !== null && receiver !== undefined)
  daemons.logs.length = 0
  daemons.editReceiver(0, (config) => ({
    ...config,
    health: { ...(config['health'] as object), waitForAgentSeconds: 7, inDoubtSeconds: 7 },
  }))
  await daemons.hangUp(receiver)
  assert.deepEqual(
    daemons.logs.flatMap(({ msg, setting }) => (msg.startsWith('a change of this setting') ? [setting] : [])),
    ['health.waitForAgentSeconds', 'health.inDoubtSeconds'],
  )
})
