/** A region of its own: a leaf node with a mirror of the log, which receivers there read; and the mirror is killed. */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Daemons } from '../support/daemons.ts'
import { freePort } from '../support/free-port.ts'
import { NatsServer, withoutNats } from '../support/nats-server.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const skip = withoutNats()

function fill(source: string): void {
  mkdirSync(join(source, 'app'))
  for (let number = 0; number < 30; number += 1)
    writeFileSync(join(source, 'app', `file-${number}`), Buffer.alloc(10_000, `${number}`))
}

test('receivers at a leaf node read the mirror of the log; killed, it goes on where it was', { skip }, async () => {
  const leafPort = await freePort()
  await using hub = await NatsServer.start(`server_name: hub\nleafnodes { host: 127.0.0.1, port: ${leafPort} }`, 'hub')
  const remote = `leafnodes { remotes: [ { url: "nats://127.0.0.1:${leafPort}" } ] }`
  await using leaf = await NatsServer.start(`server_name: west\n${remote}`, 'west')
  await using fleet = new Daemons({
    receivers: 2,
    tls: true,
    receiversLater: true,
    agentConfig: { transport: { nats: { servers: [hub.url], regions: ['west'] } } },
  })
  const site = new Site(fleet, 'site', fleet.place)
  await site.begin({ prepare: fill })
  const described = async () => JSON.stringify([await fleet.status(), fleet.logs.slice(-30)])
  await until(() => fleet.logs.some(({ msg }) => msg === 'a snapshot is stored'), described)
  await until(() => fleet.logs.some(({ msg }) => msg === 'a region has a mirror of the log'), described)
  for (const [number, server] of [hub, leaf].entries()) {
    fleet.editReceiver(number, ({ agent: control, ...config }) => ({ ...config, agent: server.url, control }))
    await fleet.startReceiver(number)
  }
  const read = async () => {
    const receivers = (await fleet.status()).receivers as unknown as { state: string; transport: string }[]
    return receivers.every(({ state, transport }) => state === 'live' && transport === 'nats')
  }
  await site.converged(60_000)
  await until(read, described, 60_000)
  await leaf.kill()
  rmSync(join(site.source, 'app/file-1'))
  writeFileSync(join(site.source, 'app/file-2'), 'while the region was cut off')
  await leaf.start()
  await site.converged(60_000)
  await until(read, described, 60_000)
  const ofRegion = fleet.logs.filter(({ msg, receiver }) => msg === 'receiver connected' && receiver === 'web2')
  assert.deepEqual(ofRegion, [], 'the region needed the agent at no time')
})
