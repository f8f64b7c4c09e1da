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
  await using region = await Region.begin()
  const { site, fleet, leaf } = region
  await leaf.kill()
  rmSync(join(site.source, 'app/file-1'))
  writeFileSync(join(site.source, 'app/file-2'), 'while the region was cut off')
  await leaf.start()
  await region.reads()
  const ofRegion = fleet.logs.filter(({ msg, receiver }) => msg === 'receiver connected' && receiver === 'web2')
  assert.deepEqual(ofRegion, [], 'the region needed the agent at no time')
})

test('a mirror that is killed within bursts, again and again, has all of them afterwards', { skip }, async () => {
  await using region = await Region.begin()
  const { site, fleet, leaf } = region
  for (const burst of ['one', 'two', 'three', 'four']) {
    mkdirSync(join(site.source, burst))
    for (let number = 0; number < 150; number += 1) {
      writeFileSync(join(site.source, burst, `file-${number}`), Buffer.alloc(number * 400, burst))
      if (number === 75) await leaf.kill()
    }
    await leaf.start()
  }
  await region.reads()
  const areMirrored = async () => {
    const [root] = (await fleet.status()).roots as unknown as { log: { regions: { why: string | null }[] } }[]
    return root?.log.regions.every(({ why }) => why === null)
  }
  await until(areMirrored, async () => JSON.stringify(await fleet.status()))
})

test('a region whose hub has lost the log follows the one that is begun anew', { skip }, async () => {
  await using region = await Region.begin()
  const { site, fleet, hub } = region
  // The mirror has more messages than there will be again soon.
  for (let number = 0; number < 10; number += 1) {
    writeFileSync(join(site.source, 'app/file-1'), `${number}`)
    await site.converged()
  }
  await hub.kill()
  rmSync(hub.store, { recursive: true })
  mkdirSync(hub.store)
  await hub.start()
  writeFileSync(join(site.source, 'app/file-2'), 'in the new log')
  await region.reads()
  assert.ok(fleet.logs.some(({ error }) => /^its mirror \S+ was not that of the present one/.test(String(error))))
  const web2 = () =>
    fleet.logs.filter(({ msg, receiver }) => msg === 'receiver connected' && receiver === 'web2').length
  const before = web2()
  writeFileSync(join(site.source, 'app/file-3'), 'read from the new mirror')
  await region.reads()
  assert.equal(web2(), before)
})

/** A hub with an agent and a receiver, and a leaf node with another receiver; both read the log. */
class Region implements AsyncDisposable {
  readonly hub: NatsServer
  readonly leaf: NatsServer
  readonly fleet: Daemons
  readonly site: Site

  private constructor(hub: NatsServer, leaf: NatsServer) {
    this.hub = hub
    this.leaf = leaf
    this.fleet = new Daemons({
      receivers: 2,
      tls: true,
      receiversLater: true,
      agentConfig: { transport: { nats: { servers: [hub.url], regions: ['west'], maxMegabytes: 50 } } },
    })
    this.site = new Site(this.fleet, 'site', this.fleet.place)
  }

  static async begin(): Promise<Region> {
    const port = await freePort()
    const hub = await NatsServer.start(`server_name: hub\nleafnodes { host: 127.0.0.1, port: ${port} }`, 'hub')
    const remote = `leafnodes { remotes: [ { url: "nats://127.0.0.1:${port}" } ] }`
    const region = new Region(hub, await NatsServer.start(`server_name: west\n${remote}`, 'west'))
    const { fleet, site, leaf } = region
    await site.begin({ prepare: fill })
    for (const wanted of ['a snapshot is stored', 'a region has a mirror of the log'])
      await until(() => fleet.logs.some(({ msg }) => msg === wanted), region.#described)
    for (const [number, server] of [hub, leaf].entries()) {
      fleet.editReceiver(number, ({ agent: control, ...config }) => ({ ...config, agent: server.url, control }))
      await fleet.startReceiver(number)
    }
    await region.reads()
    return region
  }

  readonly #described = async () => JSON.stringify([await this.fleet.status(), this.fleet.logs.slice(-30)])

  /** Resolves when both targets equal the source, and both receivers read the log. */
  async reads(): Promise<void> {
    await this.site.converged(60_000)
    const areReading = async () => {
      const receivers = (await this.fleet.status()).receivers as unknown as { state: string; transport: string }[]
      return receivers.every(({ state, transport }) => state === 'live' && transport === 'nats')
    }
    await until(areReading, this.#described, 60_000)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet[Symbol.asyncDispose]()
    await this.leaf[Symbol.asyncDispose]()
    await this.hub[Symbol.asyncDispose]()
  }
}
