/** A cluster of three NATS servers that keep the log threefold: each of them is killed, and everything goes on. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Daemons } from '../support/daemons.ts'
import { freePort } from '../support/free-port.ts'
import { NatsServer, withoutNats } from '../support/nats-server.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const skip = withoutNats()

async function cluster(): Promise<NatsServer[]> {
  const ports = [await freePort(), await freePort(), await freePort()]
  const routes = ports.map((port) => `"nats://127.0.0.1:${port}"`).join(', ')
  const starting = ports.map((port, number) =>
    NatsServer.start(`server_name: s${number}\ncluster { name: c, listen: 127.0.0.1:${port}, routes: [${routes}] }`),
  )
  return await Promise.all(starting)
}

test('each of three servers is killed: the log is written, and read by receivers of the others', { skip }, async () => {
  const servers = await cluster()
  await using all = new AsyncDisposableStack()
  for (const server of servers) all.use(server)
  const urls = servers.map(({ url }) => url)
  await using fleet = new Daemons({
    receivers: 2,
    tls: true,
    receiversLater: true,
    agentConfig: { transport: { nats: { servers: urls, replicas: 3, maxMegabytes: 50 } } },
  })
  const site = new Site(fleet, 'site', fleet.place)
  await site.begin({ prepare: (source) => mkdirSync(join(source, 'app')) })
  const described = async () => JSON.stringify([await fleet.status(), fleet.logs.slice(-30)])
  const isStored = () => fleet.logs.some(({ msg }) => msg === 'a snapshot is stored')
  await until(isStored, described, 90_000)
  for (const number of [0, 1]) {
    fleet.editReceiver(number, ({ agent: control, ...config }) => ({ ...config, agent: urls[number], control }))
    await fleet.startReceiver(number)
  }
  const areReading = async () => {
    const receivers = (await fleet.status()).receivers as unknown as { state: string; transport: string }[]
    return receivers.every(({ state, transport }) => state === 'live' && transport === 'nats')
  }
  await site.converged(60_000)
  await until(areReading, described, 60_000)
  for (const [number, server] of servers.entries()) {
    await server.kill()
    writeFileSync(join(site.source, `app/without-${number}`), Buffer.alloc(200_000, `${number} `))
    await server.start()
    await site.converged(90_000)
    await until(areReading, described, 60_000)
  }
})
