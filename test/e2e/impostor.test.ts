/**
 * A server that cannot prove to be the agent sees no byte of a request, and the receiver says why it does not connect.
 */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { makeSelfSigned } from '../../packages/agent/src/serve/door/self-signed.ts'
import { fingerprintOf } from '../../packages/protocol/src/index.ts'
import { askGrants } from '../../packages/receiver/src/serve/link/ask-grants.ts'
import { dial } from '../../packages/receiver/src/serve/link/dial.ts'
import type { Trust } from '../../packages/receiver/src/serve/link/secure-connection.ts'
import { Impostor } from '../support/impostor.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

const YEAR_MS = 365 * 86_400_000
const TOKEN = 'rf_this_must_not_be_seen'

interface Pair {
  pem: string
  cert: string
  fingerprint: string
}
const pairs = {} as Record<'agent' | 'other' | 'elsewhere' | 'expired' | 'early', Pair>

async function pair(name: string, now: Date): Promise<Pair> {
  const pem = await makeSelfSigned([name], now)
  const certificate = new X509Certificate(pem.slice(pem.indexOf('-----BEGIN CERT')))
  return { pem, cert: certificate.toString(), fingerprint: fingerprintOf(certificate.raw) }
}

before(async () => {
  const now = Date.now()
  pairs.agent = await pair('127.0.0.1', new Date(now))
  pairs.other = await pair('127.0.0.1', new Date(now))
  pairs.elsewhere = await pair('elsewhere.example', new Date(now))
  pairs.expired = await pair('127.0.0.1', new Date(now - 11 * YEAR_MS))
  pairs.early = await pair('127.0.0.1', new Date(now + YEAR_MS))
})

interface Case {
  shows: keyof typeof pairs
  trust: () => Partial<Trust>
  says: RegExp
}
const CASES: Record<string, Case> = {
  'another certificate than the pinned one': {
    shows: 'other',
    trust: () => ({ fingerprint: pairs.agent.fingerprint }),
    says: /the agent's certificate is sha256:[0-9a-f]{64}, and not the pinned sha256:/,
  },
  'the pinned certificate after its end': {
    shows: 'expired',
    trust: () => ({ fingerprint: pairs.expired.fingerprint }),
    says: /certificate has expired on \d{4}-/,
  },
  'the pinned certificate before its time': {
    shows: 'early',
    trust: () => ({ fingerprint: pairs.early.fingerprint }),
    says: /certificate is valid from \d{4}-/,
  },
  'a certificate of another authority': {
    shows: 'other',
    trust: () => ({ ca: pairs.agent.cert }),
    says: /the agent's certificate was refused: self-signed certificate/,
  },
  'a certificate that no public authority signed': {
    shows: 'other',
    trust: () => ({}),
    says: /the agent's certificate was refused: self-signed certificate/,
  },
  'a certificate for another host': {
    shows: 'elsewhere',
    trust: () => ({ ca: pairs.elsewhere.cert }),
    says: /the agent's certificate was refused: .*does not match certificate's altnames/,
  },
  'an expired certificate': {
    shows: 'expired',
    trust: () => ({ ca: pairs.expired.cert }),
    says: /the agent's certificate was refused: certificate has expired/,
  },
}

for (const [what, { shows, trust, says }] of Object.entries(CASES)) {
  test(`${what}: refused for good, and no byte of HTTP was sent`, async () => {
    await using impostor = await Impostor.start(pairs[shows].pem)
    const agent = `wss://127.0.0.1:${impostor.port}`
    const address = { agent, token: TOKEN, trust: { fingerprint: null, ca: null, client: null, ...trust() } }
    const refused = { name: 'DialFailure', isHopeless: true, message: says }
    await assert.rejects(dial(address, new AbortController().signal), refused)
    await assert.rejects(askGrants(address), refused)
    assert.equal(impostor.seen, '')
  })
}

test('the certificate that is expected, by pin or by authority: the request and the token come', async () => {
  for (const trust of [{ fingerprint: pairs.agent.fingerprint }, { ca: pairs.agent.cert }]) {
    await using impostor = await Impostor.start(pairs.agent.pem)
    const agent = `wss://127.0.0.1:${impostor.port}`
    const giveUp = new AbortController()
    const address = { agent, token: TOKEN, trust: { fingerprint: null, ca: null, client: null, ...trust } }
    const attempt = dial(address, giveUp.signal)
    await until(
      () => impostor.seen.includes(TOKEN),
      () => impostor.seen,
    )
    giveUp.abort()
    await assert.rejects(attempt)
  }
})

test('a server without TLS gets no token either', async () => {
  let seen = ''
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.on('data', (data) => {
      seen += data.toString('latin1')
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const trust = { fingerprint: pairs.agent.fingerprint, ca: null, client: null }
  const attempt = dial({ agent: `wss://127.0.0.1:${port}`, token: TOKEN, trust }, new AbortController().signal)
  await assert.rejects(attempt, { isHopeless: false, message: /no TLS connection came about/ })
  server.close()
  assert.notEqual(seen, '')
  assert.ok(!seen.includes('GET ') && !seen.includes(TOKEN))
})

test('a receiver whose agent was replaced by an impostor says so, sends nothing, and continues when the agent is back', async () => {
  await using rig = await Rig.start({ receivers: 1, tls: true })
  await rig.converged()
  await rig.agent?.stop()
  {
    await using impostor = await Impostor.start(pairs.other.pem, rig.agentPort)
    const said = () => rig.logs.some(({ error }) => typeof error === 'string' && /not the pinned sha256/.test(error))
    await until(said, () => JSON.stringify(rig.logs.slice(-5)))
    assert.ok(impostor.connections > 0)
    assert.equal(impostor.seen, '')
  }
  await rig.startAgent()
  await rig.converged()
})

test('an agent that asks for certificates takes those of its authority, and no others', async () => {
  const prepare = (source: string) => writeFileSync(join(source, '../clients.pem'), pairs.agent.cert)
  const agentConfig = { tls: { clientCa: 'clients.pem' } }
  await using rig = await Rig.start({ receivers: 1, receiversLater: true, tls: true, agentConfig, prepare })
  const file = join(rig.place, 'web1/receiver.yaml')
  const config = JSON.parse(readFileSync(file, 'utf8')) as object
  const shows = (pem: string) => {
    writeFileSync(join(rig.place, 'web1/own.pem'), pem)
    writeFileSync(file, JSON.stringify({ ...config, tls: { cert: 'own.pem', key: 'own.pem' } }))
  }
  const refused = () => rig.logs.filter(({ msg }) => msg === 'not connected to the agent, trying again').length
  await rig.startReceiver(0)
  await until(
    () => refused() > 0,
    () => 'none is taken',
  )
  const before = refused()
  shows(pairs.other.pem)
  await rig.hangUp(rig.receivers[0] ?? assert.fail())
  await until(
    () => refused() > before,
    () => 'another one is taken',
  )
  shows(pairs.agent.pem)
  await rig.hangUp(rig.receivers[0] ?? assert.fail())
  await rig.converged()
})
