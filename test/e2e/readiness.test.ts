/** Readiness is sticky: what all nodes share takes none of them out of service; what is wrong here does. */
import assert from 'node:assert/strict'
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { freePort } from '../support/free-port.ts'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(1)

const MANY = 300
const shown = async () => JSON.stringify([await daemons.receiverRoots(0), daemons.logs.slice(-20)])
const answer = async () => (await (await daemons.health(0, '/readyz')).json()) as Record<string, unknown>

function fill(source: string): void {
  for (let number = 0; number < MANY; number += 1) writeFileSync(join(source, `file${number}`), 'x')
}

async function restartReceiver(health: object): Promise<void> {
  await daemons.receivers[0]?.stop()
  daemons.editReceiver(0, (config) => ({ ...config, health: { listen: '127.0.0.1:0', ...health } }))
  await daemons.startReceiver(0)
}

test('an agent that is away makes no node unready, and the answer says that it is stale', async () => {
  const site = await Site.on(daemons, { prepare: fill })
  await site.converged()
  assert.deepEqual(await answer(), { status: 'ready', stale: false })
  await daemons.killAgent()
  const stale = await until(async () => (await answer())['stale'] === true && (await answer()), shown)
  assert.equal(stale['status'], 'ready')
  assert.ok(Date.parse(String(stale['since'])) > 0)
  await daemons.startAgent()
  await site.converged()
})

test('a new index of the agent makes no node unready', async () => {
  const site = await Site.on(daemons, { prepare: fill })
  await site.converged()
  await daemons.killAgent()
  rmSync(site.agentState, { recursive: true })
  await daemons.startAgent()
  const seen = new Set<number>()
  await until(async () => {
    seen.add((await daemons.health(0, '/readyz')).status)
    const root = await site.receiverRoot(0)
    return root?.connected === true && root.phase === 'live'
  }, shown)
  assert.deepEqual([...seen], [200])
})

test('a complete node that is restarted while the agent is away waits for a while, and is ready then', async () => {
  const site = await Site.on(daemons, { prepare: fill })
  await site.converged()
  await daemons.killAgent()
  const before = await site.receiverRoot(0)
  await restartReceiver({ waitForAgentSeconds: 3_600 })
  assert.equal((await site.receiverRoot(0))?.sequence, before?.sequence, 'it knows where it is')
  const waiting = await daemons.health(0, '/readyz')
  assert.equal(waiting.status, 503)
  assert.match(await waiting.text(), /the receiver has started, and has not caught up yet/)
  await restartReceiver({ waitForAgentSeconds: 1 })
  await until(() => daemons.ready(0), shown)
  await daemons.startAgent()
  await site.converged()
  assert.ok(await daemons.ready(0))
})

test('a node that was never complete is not ready, however long the agent is away', async () => {
  await daemons.killAgent()
  await daemons.receivers[0]?.stop()
  const site = new Site(daemons, 'fresh', join(daemons.place, 'fresh'))
  daemons.editReceiver(0, (config) => ({
    ...config,
    health: { listen: '127.0.0.1:0', waitForAgentSeconds: 0 },
    roots: { fresh: { path: site.targets[0] ?? '' } },
  }))
  await daemons.startReceiver(0)
  await until(() => daemons.logs.some(({ msg }) => msg.startsWith('not connected to the agent')), shown)
  const response = await daemons.health(0, '/readyz')
  assert.equal(response.status, 503)
  assert.match(await response.text(), /the first sync is not complete/)
  await daemons.startAgent()
})

test('the ready file exists while the node is ready, and probes have a listener of their own without names', async () => {
  const port = await freePort()
  const readyFile = join(daemons.place, 'run/ready')
  const site = await Site.on(daemons, { prepare: fill })
  await site.converged()
  await restartReceiver({ readyFile, probe: { listen: `127.0.0.1:${port}` }, staleAfterSeconds: 0 })
  await until(() => existsSync(readyFile), shown)
  assert.equal(statSync(dirname(readyFile)).mode & 0o777, 0o755, 'nobody else may make or remove the file')
  const probe = (path: string) => fetch(`http://127.0.0.1:${port}${path}`)
  assert.equal((await probe('/readyz')).status, 200)
  assert.equal((await probe('/livez')).status, 200)
  for (const path of ['/v1/status', '/metrics']) assert.equal((await probe(path)).status, 404)
  const second = daemons.receiverVerb(0, 'run')
  assert.equal(second.status, 1, second.stderr)
  assert.ok(existsSync(readyFile), `a second receiver took the file away: ${second.stderr}`)
  await daemons.killAgent()
  await until(() => !existsSync(readyFile), shown)
  const refused = await probe('/readyz')
  assert.equal(refused.status, 503)
  assert.ok(!(await refused.text()).includes(site.name))
  await daemons.startAgent()
  await until(() => existsSync(readyFile), shown)
  await daemons.receivers[0]?.stop()
  assert.ok(!existsSync(readyFile))
})
