/** Certificates that the agent makes, and certificates that it is given. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AgentConfig, TlsConfig } from '../../config/agent-yaml.ts'
import { openIdentity } from './identity.ts'
import { makeSelfSigned } from './self-signed.ts'

const NOW = new Date('2026-03-01T00:00:00Z')
const OWN: TlsConfig = { files: null, clientCa: null }

function place() {
  const path = mkdtempSync(join(tmpdir(), 'rootferry-identity-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
}

function config(stateDir: string, tls: TlsConfig | null, host = '0.0.0.0'): AgentConfig {
  const listen = { host, port: 8730 }
  const limits = { bytesPerSecond: 0, bytesPerSecondPerReceiver: 0, maxConnections: 10 }
  return {
    stateDir,
    tls,
    listen,
    admin: listen,
    compression: 'auto',
    limits,
    systemCalls: 'auto',
    nats: null,
    roots: [],
  }
}

test('the first run makes a certificate that the later ones find, readable by its owner only', async () => {
  using dir = place()
  const first = await openIdentity(config(join(dir.path, 'state'), OWN), NOW)
  const second = await openIdentity(config(join(dir.path, 'state'), OWN), new Date('2030-01-01T00:00:00Z'))
  assert.deepEqual(second, first)
  assert.equal(statSync(join(dir.path, 'state/identity.pem')).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(join(dir.path, 'state')), ['identity.pem'])
})

test('two that begin at once agree on one', async () => {
  using dir = place()
  const all = await Promise.all(Array.from({ length: 5 }, () => openIdentity(config(dir.path, OWN), NOW)))
  assert.equal(new Set(all.map((identity) => identity?.status.fingerprint)).size, 1)
})

test('it is for the names of this host and for the address that is listened on, for ten years, and no authority', async () => {
  using dir = place()
  const identity = await openIdentity(config(dir.path, OWN, '2001:db8::7'), NOW)
  const certificate = new X509Certificate(identity?.cert ?? '')
  assert.ok(certificate.checkIP('2001:db8::7'))
  assert.ok(certificate.checkHost(hostname()))
  assert.ok(!certificate.checkHost('elsewhere.example'))
  assert.equal(certificate.ca, false)
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1')
  assert.ok(certificate.verify(certificate.publicKey))
  assert.equal(identity?.status.expiresAt, '2036-02-27T00:00:00.000Z')
  assert.equal(certificate.validFromDate.toISOString(), '2026-02-28T00:00:00.000Z')
  assert.equal(identity.status.fingerprint, `sha256:${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`)
})

test('plain text has no identity', async () => {
  using dir = place()
  assert.equal(await openIdentity(config(dir.path, null), NOW), null)
  assert.deepEqual(readdirSync(dir.path), [])
})

test('a certificate, key or authority that cannot be used is named with its file', async () => {
  using dir = place()
  const file = (name: string, text: string) => {
    writeFileSync(join(dir.path, name), text)
    return join(dir.path, name)
  }
  const pair = file('pair.pem', await makeSelfSigned(['a.example'], NOW))
  const other = file('other.pem', await makeSelfSigned(['a.example'], NOW))
  const empty = file('empty.pem', 'nothing\n')
  const broken = file('broken.pem', readFileSync(pair, 'utf8').replaceAll(/^MI/gm, 'AA'))
  const good = { cert: pair, key: pair, ca: null }
  const bad: [TlsConfig['files'], string | null, RegExp][] = [
    [{ ...good, key: other }, null, /tls\.key: .*other\.pem: does not belong to .*pair\.pem/],
    [{ ...good, key: empty }, null, /tls\.key: .*empty\.pem: /],
    [{ ...good, cert: empty }, null, /tls\.cert: .*empty\.pem: holds no PEM certificate/],
    [{ ...good, cert: broken }, null, /tls\.cert: .*broken\.pem: /],
    [{ ...good, cert: join(dir.path, 'none') }, null, /tls\.cert: .*none: ENOENT/],
    [{ ...good, ca: empty }, null, /tls\.ca: .*empty\.pem/],
    [good, empty, /tls\.clientCa: .*empty\.pem/],
  ]
  for (const [files, clientCa, message] of bad) {
    await assert.rejects(openIdentity(config(dir.path, { files, clientCa }), NOW), { exitCode: 78, message })
  }
  const identity = await openIdentity(config(dir.path, { files: good, clientCa: other }), NOW)
  assert.equal(identity?.cert, readFileSync(pair, 'utf8').replace(/^.*?(?=-----BEGIN CERT)/s, ''))
})
