/**
 * HUP: the effect of a changed configuration, token or certificate on running daemons, and that a bad one has no
 * effect.
 */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { connect } from 'node:tls'
import { makeSelfSigned } from '../../packages/agent/src/serve/door/self-signed.ts'
import { fingerprintOf } from '../../packages/protocol/src/index.ts'
import { Daemons } from '../support/daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = new Daemons({ receivers: 1, tls: true })
after(() => daemons[Symbol.asyncDispose]())

interface ReceiverFile {
  fingerprint?: string
  roots: Record<string, object>
}

function edit<Shape>(file: string, change: (config: Shape) => Shape): void {
  writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, 'utf8')) as Shape)))
}

/** Sends HUP and waits for the daemon's answer in its log. */
async function hangUp(daemons: Daemons, who: 'agent' | 'web1', message: string): Promise<void> {
  const daemon = who === 'agent' ? daemons.agent : daemons.receivers[0]
  assert.ok(daemon)
  await daemons.hangUp(daemon, message)
}
const READ = 'configuration was read again'
const BAD = 'the new configuration is bad, the old one stays in force'

async function shownFingerprint(port: number): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const certificate = socket.getPeerX509Certificate()
  socket.destroy()
  return fingerprintOf(certificate?.raw ?? new Uint8Array())
}

function fingerprintIn(pem: string): string {
  return fingerprintOf(new X509Certificate(pem.slice(pem.indexOf('-----BEGIN CERT'))).raw)
}

test('a receiver protects and takes in roots at a HUP, and stays ready; a root that cannot be opened changes nothing', async () => {
  const site = await Site.on(daemons)
  const other = join(site.place, 'other')
  mkdirSync(other)
  writeFileSync(join(other, 'b'), 'another root')
  await site.converged()
  const file = join(daemons.place, 'web1/receiver.yaml')
  const target = site.targets[0] ?? ''

  edit<ReceiverFile>(file, (config) => ({
    ...config,
    roots: { [site.name]: { ...config.roots[site.name], protect: ['kept'] } },
  }))
  await hangUp(daemons, 'web1', READ)
  assert.ok(await daemons.ready(0))
  writeFileSync(join(target, 'kept'), 'of the app server')
  writeFileSync(join(site.source, 'kept'), 'of the agent')
  writeFileSync(join(site.source, 'sent'), 'of the agent')
  await until(
    () => existsSync(join(target, 'sent')),
    () => 'nothing came',
  )
  assert.equal(readFileSync(join(target, 'kept'), 'utf8'), 'of the app server')

  edit<ReceiverFile>(join(daemons.place, 'agent.yaml'), (config) => ({
    ...config,
    roots: { ...config.roots, other: { path: other } },
  }))
  await hangUp(daemons, 'agent', READ)
  const there = join(site.place, 'target-other')
  edit<ReceiverFile>(file, (config) => ({ ...config, roots: { ...config.roots, other: { path: there } } }))
  await hangUp(daemons, 'web1', READ)
  await until(
    () => existsSync(join(there, 'b')),
    () => 'the new root did not come',
  )

  writeFileSync(join(site.place, 'a-file'), '')
  edit<ReceiverFile>(file, (config) => ({
    ...config,
    roots: { [site.name]: { ...config.roots[site.name], path: join(site.place, 'a-file') } },
  }))
  await hangUp(daemons, 'web1', 'the root cannot be opened with these settings')
  writeFileSync(join(site.source, 'later'), 'still served')
  await until(
    () => existsSync(join(target, 'later')),
    () => 'the old settings are not in force',
  )

  edit<ReceiverFile>(join(daemons.place, 'agent.yaml'), (config) => ({
    ...config,
    roots: { [site.name]: config.roots[site.name] ?? {} },
  }))
  await hangUp(daemons, 'agent', READ)
  assert.deepEqual(
    (await daemons.status()).roots.map(({ name }) => name),
    [site.name],
  )
})

test('a root that a HUP adds and that cannot be opened is in status with the reason, not ready, and comes when it can', async () => {
  const site = await Site.on(daemons)
  await site.converged()
  const place = join(site.place, 'occupied')
  writeFileSync(place, 'a file where the target is to be')
  const file = join(daemons.place, 'web1/receiver.yaml')
  edit<ReceiverFile>(file, (config) => ({ ...config, roots: { ...config.roots, other: { path: place } } }))
  await hangUp(daemons, 'web1', READ)
  const health = async (path: string) => await (await fetch(`${daemons.healthUrl(0)}${path}`)).json()
  const { roots } = (await health('/v1/status')) as { roots: { root: string; failing: string | null }[] }
  assert.deepEqual(
    roots.map(({ root }) => root),
    [site.name, 'other'],
  )
  assert.match(roots[1]?.failing ?? '', /occupied cannot be used as a target/)
  assert.equal(await daemons.ready(0), false)
  assert.match(((await health('/readyz')) as { detail: string }).detail, /other: .*occupied cannot be used as a target/)
  writeFileSync(join(site.source, 'a'), 'the other root is served')
  await site.converged()
  const taken = daemons.receivers[0]?.says('root was taken into service')
  rmSync(place)
  await taken
})

test('a receiver takes a new pin at a HUP; a bad file changes nothing', async () => {
  const site = await Site.on(daemons)
  await site.converged()
  const file = join(daemons.place, 'web1/receiver.yaml')
  const good = readFileSync(file, 'utf8')
  const wrong = `sha256:${'0'.repeat(64)}`
  daemons.editReceiver(0, (config) => ({ ...config, fingerprint: wrong }))
  await hangUp(daemons, 'web1', 'not connected to the agent, trying again')
  writeFileSync(file, good.replace('sha256:', 'sha512:'))
  await hangUp(daemons, 'web1', BAD)
  assert.equal((await daemons.status()).receivers[0]?.state, 'offline')
  writeFileSync(file, good)
  await hangUp(daemons, 'web1', READ)
  await site.converged()
})

test('a receiver takes a new token at a HUP and is back at once', async () => {
  const site = await Site.on(daemons)
  await site.converged()
  const lost = daemons.receivers[0]?.says('not connected to the agent, trying again')
  daemons.agentVerb('token', 'revoke', 'web1')
  await lost
  writeFileSync(join(daemons.place, 'web1/token'), daemons.agentVerb('token', 'create', 'web1'))
  await hangUp(daemons, 'web1', READ)
  writeFileSync(join(site.source, 'a'), 'with the new token')
  await site.converged()
})

test('another certificate is shown after a HUP, sessions go on; one that is bad is not taken', async () => {
  const site = await Site.on(daemons)
  await site.converged()
  const agentFile = join(daemons.place, 'agent.yaml')
  const pem = await makeSelfSigned(['127.0.0.1'], new Date())
  writeFileSync(join(daemons.place, 'pair.pem'), pem)
  edit<object>(agentFile, (config) => ({ ...config, tls: { cert: 'pair.pem', key: 'pair.pem' } }))
  const connectedAt = async () => (await daemons.status()).receivers.map((receiver) => JSON.stringify(receiver)).join()
  const before = /"connectedAt":"([^"]+)"/.exec(await connectedAt())?.[1]
  await hangUp(daemons, 'agent', READ)
  assert.equal(await shownFingerprint(daemons.agentPort), fingerprintIn(pem))
  writeFileSync(join(daemons.place, 'pair.pem'), 'nothing')
  await hangUp(daemons, 'agent', 'the certificate cannot be used, the old one stays in force')
  assert.equal(await shownFingerprint(daemons.agentPort), fingerprintIn(pem))
  writeFileSync(join(site.source, 'a'), 'still there')
  await site.converged()
  assert.equal(/"connectedAt":"([^"]+)"/.exec(await connectedAt())?.[1], before)
})
