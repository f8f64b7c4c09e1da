/** A NATS user for each host, with the least that it needs: on a real server, what is permitted works, and nothing else. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { agentUser, Broker, inboxOf, receiverUser } from '../../packages/nats/src/index.ts'
import { Daemons } from '../support/daemons.ts'
import { NatsServer, withoutNats } from '../support/nats-server.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const skip = withoutNats()

function fill(source: string): void {
  mkdirSync(join(source, 'app'))
  for (let number = 0; number < 20; number += 1) writeFileSync(join(source, 'app', `file-${number}`), `${number}`)
}

test('with a user for each host, a receiver reads and reports, and can neither write the log nor report for another', {
  skip,
}, async () => {
  const [agent, web1, web2] = [agentUser(), receiverUser('web1', ['site']), receiverUser('web2', ['site'])]
  const lines = [agent, web1, web2].map(({ line }) => line)
  await using own = await NatsServer.start(`authorization { users: [\n${lines.join(',\n')}\n] }`)
  await using fleet = new Daemons({
    receivers: 2,
    tls: true,
    receiversLater: true,
    agentConfig: { transport: { nats: { servers: [own.url], credentialsFile: 'nats.seed' } } },
  })
  writeFileSync(join(fleet.place, 'nats.seed'), agent.seed)
  const site = new Site(fleet, 'site', fleet.place)
  await site.begin({ prepare: fill })
  for (const [number, { seed }] of [web1, web2].entries()) {
    writeFileSync(join(fleet.place, fleet.names[number] ?? '', 'nats.seed'), seed)
    fleet.editReceiver(number, ({ agent: control, ...config }) => ({
      ...config,
      agent: own.url,
      control,
      credentialsFile: 'nats.seed',
    }))
    await fleet.startReceiver(number)
  }
  const described = async () => JSON.stringify([(await fleet.status()).receivers, fleet.logs.slice(-30)])
  const read = async () => {
    const receivers = (await fleet.status()).receivers as unknown as { state: string; transport: string }[]
    return receivers.every(({ state, transport }) => state === 'live' && transport === 'nats')
  }
  const [token = '', seed = ''] = fleet.agentVerb('token', 'create', 'web9', '--nats').split('\n')
  assert.match(`${token} ${seed}`, /^rf_\S+ SU[A-Z2-7]+$/)
  fleet.agentVerb('token', 'revoke', 'web9')
  await until(read, described)
  writeFileSync(join(site.source, 'app/file-1'), 'other')
  await site.converged()
  await until(read, described)
  const stranger = await Broker.connect({
    servers: [own.url],
    credentials: web2.seed,
    name: 'web2',
    inbox: inboxOf('web2'),
  })
  const stream = stranger.log('site')
  const end = await stream.last()
  assert.ok(end !== null, 'it may read')
  const forged = {
    kind: 'end' as const,
    isBinary: false,
    part: 0,
    more: false,
    signature: null,
    data: Buffer.from('{}'),
  }
  await assert.rejects(stream.append(forged, end.at, 'forged'), /permission|violation/i)
  await stranger.close()
  const nobody = Broker.connect({ servers: [own.url], credentials: null, name: 'x', inbox: null })
  await assert.rejects(nobody, /authorization/i)
})
