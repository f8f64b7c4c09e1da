/** What is wrong with the settings of a NATS server is said at once, in one line each, with its place. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { natsAccess } from './nats-access.ts'

const place = mkdtempSync(join(tmpdir(), 'rootferry-nats-access-'))
after(() => rmSync(place, { recursive: true }))

const seed = `SU${'A7'.repeat(28)}`
const files = {
  seed: `${seed}\n`,
  creds: `-----BEGIN NATS USER JWT-----\nx\n------END NATS USER JWT------\n${seed}\n`,
  account: seed.replace('SU', 'SA'),
  'ca.pem': '-----BEGIN CERTIFICATE-----\n',
}
for (const [name, text] of Object.entries(files)) writeFileSync(join(place, name), text)

const source = {
  fault: (path: readonly string[], message: string) => `${path.join('.')} ${message}`,
  besideFile: (path: string) => join(place, path),
}

function read(servers: string[], ca?: string, credentials?: string) {
  const faults: string[] = []
  const access = natsAccess(
    {
      servers: servers.map((server, number) => [['servers', `${number}`], server]),
      ca: ca === undefined ? null : [['ca'], ca],
      credentials: credentials === undefined ? null : [['credentialsFile'], credentials],
    },
    source,
    faults,
  )
  return { access, faults: faults.map((fault) => fault.replaceAll(`${place}/`, '')) }
}

test('servers with and without TLS, an authority and both kinds of credentials are read', () => {
  assert.deepEqual(read(['nats://[::1]:4222/', 'nats://a']).access.servers, ['nats://[::1]:4222', 'nats://a'])
  for (const credentials of ['seed', 'creds']) {
    const { access, faults } = read(['tls://nats.internal:4222'], 'ca.pem', credentials)
    assert.deepEqual(faults, [])
    assert.equal(access.ca, files['ca.pem'])
    assert.equal(access.credentials, files[credentials as 'seed'])
  }
})

test('every bad setting is one line', () => {
  const cases: [ReturnType<typeof read>, RegExp[]][] = [
    [read(['nats://a:70000']), [/^servers\.0 must be nats:\/\/HOST:PORT, or tls:\/\/HOST:PORT$/]],
    [read(['nats://a/b']), [/^servers\.0 must be /]],
    [read(['nats://a b']), [/^servers\.0 must be /]],
    [read(['http://a']), [/^servers\.0 must be /]],
    [read(['nats://me:secret@a']), [/^servers\.0 has a user in it: who the daemon is belongs into credentialsFile$/]],
    [read(['tls://a', 'nats://b']), [/^servers\.1 is not tls:\/\/ as others are: all .* insist on TLS, or none$/]],
    [read(['nats://a'], 'ca.pem'), [/^ca has no effect with nats:\/\/, tls:\/\/HOST:PORT is expected$/]],
    [read(['tls://a'], 'seed'), [/^ca seed is not a PEM file$/]],
    [read(['tls://a'], 'none'), [/^ca cannot be read: .*none/]],
    [read(['tls://a'], 'ca.pem', 'none'), [/^credentialsFile cannot be read: .*none/]],
    [read(['tls://a'], 'ca.pem', 'account'), [/^credentialsFile holds neither a user JWT .* nor the seed of an nkey/]],
  ]
  for (const [{ faults }, expected] of cases) {
    assert.equal(faults.length, expected.length, faults.join('\n'))
    for (const [number, pattern] of expected.entries()) assert.match(faults[number] ?? '', pattern)
    for (const fault of faults) assert.ok(!fault.includes('\n') && !fault.includes('secret'))
  }
})
