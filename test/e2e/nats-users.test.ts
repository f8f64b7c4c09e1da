/**
 * A NATS user for each host, with the least that it needs, on a real server with TLS: what is permitted works, and nothing
 * else; and an invitation holds all that a reader of the log needs.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { AGENT } from '../../build/programs.ts'
import { makeSelfSigned } from '../../packages/agent/src/serve/door/self-signed.ts'
import { Broker, inboxOf, receiverUser } from '../../packages/nats/src/index.ts'
import { Daemons } from '../support/daemons.ts'
import { NatsServer, withoutNats } from '../support/nats-server.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const skip = withoutNats()

function fill(source: string): void {
  mkdirSync(join(source, 'app'))
  for (let number = 0; number < 20; number += 1) writeFileSync(join(source, 'app', `file-${number}`), `${number}`)
}

const usersOf = (lines: readonly string[]) => `authorization { users: [\n${lines.join(',\n')}\n] }\n`

test('with a user for each host, a receiver reads and reports, and can neither write the log nor report for another', {
  skip,
}, async () => {
  const [agent, web1, web2] = [userOfAgent(), receiverUser('web1', ['site']), receiverUser('web2', ['site'])]
  const lines = [agent, web1, web2].map(({ line }) => line)
  await using own = await NatsServer.start()
  const pem = await makeSelfSigned(['127.0.0.1'], new Date())
  writeFileSync(join(own.place, 'server.pem'), pem)
  const tls = `tls { cert_file: "${own.place}/server.pem", key_file: "${own.place}/server.pem" }\n`
  own.configure(`${tls}${usersOf(lines)}`)
  const url = own.url.replace('nats:', 'tls:')
  await using fleet = new Daemons({
    receivers: 3,
    tls: true,
    receiversLater: true,
    agentConfig: { transport: { nats: { servers: [url], ca: 'nats-ca.pem', credentialsFile: 'nats.seed' } } },
  })
  const ca = pem.slice(pem.indexOf('-----BEGIN CERTIFICATE-----'))
  writeFileSync(join(fleet.place, 'nats-ca.pem'), ca)
  writeFileSync(join(fleet.place, 'nats.seed'), agent.seed)
  const site = new Site(fleet, 'site', fleet.place)
  await site.begin({ prepare: fill })
  const described = async () => JSON.stringify([(await fleet.status()).receivers, fleet.logs.slice(-30)])
  await until(() => fleet.logs.some(({ msg }) => msg === 'a snapshot is stored'), described)
  for (const [number, { seed }] of [web1, web2].entries()) {
    writeFileSync(join(fleet.place, fleet.names[number] ?? '', 'nats.seed'), seed)
    fleet.editReceiver(number, ({ agent: control, ...config }) => ({
      ...config,
      agent: url,
      control,
      credentialsFile: 'nats.seed',
      natsCa: '../nats-ca.pem',
    }))
    await fleet.startReceiver(number)
  }
  const invited = invite(fleet, 'web3')
  own.configure(`${tls}${usersOf([...lines, invited.line])}`)
  const joined = fleet.receiverVerb(
    ...([2, 'join', invited.invitation, '--force', '--root', `site=${site.targets[2]}`] as const),
    ...['--state-dir', join(fleet.place, 'web3/state'), '--health', '127.0.0.1:0'],
  )
  assert.equal(joined.status, 0, joined.stderr)
  const settings = readFileSync(join(fleet.place, 'web3/receiver.yaml'), 'utf8')
  for (const line of [`agent: ${url}`, 'credentialsFile: nats.seed', 'natsCa: nats-ca.pem'])
    assert.ok(settings.includes(`\n${line}\n`), settings)
  await fleet.startReceiver(2)
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
  const connected = fleet.logs.filter(({ msg, receiver }) => msg === 'receiver connected' && receiver !== '@nats')
  assert.deepEqual(
    connected.map(({ receiver }) => receiver),
    ['@snapshot'],
    'none of them needed the agent',
  )
  const stranger = await Broker.connect({
    servers: [url],
    ca,
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
  const nobody = { servers: [url], ca, credentials: null, name: 'x', inbox: null }
  await assert.rejects(Broker.connect(nobody), /authorization/i)
  await assert.rejects(Broker.connect({ ...nobody, ca: null }), /self-signed certificate/)
  // Somebody amid the line who takes TLS away.
  await own.kill()
  own.configure('')
  await own.start()
  await assert.rejects(Broker.connect(nobody), /does not support 'tls'/)
})

/** What an operator gets for the agent: the seed for its host, and the line for the server. */
function userOfAgent(): { seed: string; line: string } {
  const { stdout, stderr } = spawnSync(process.execPath, [AGENT, 'nats-user'], { encoding: 'utf8' })
  return { seed: stdout, line: stderr.trim().split('\n').at(-1) ?? '' }
}

/** What an operator gets for a reader: the line for its host, and the line for the server. */
function invite(fleet: Daemons, name: string): { invitation: string; line: string } {
  fleet.agentVerb('token', 'revoke', name)
  const config = join(fleet.place, 'agent.yaml')
  const words = [AGENT, 'token', 'create', name, '--nats', '--join', '--config', config]
  const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' })
  assert.match(stderr, /\nIt reads the log at tls:/)
  return { invitation: stdout.trim(), line: stderr.trim().split('\n').at(-1) ?? '' }
}
