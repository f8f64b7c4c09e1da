/**
 * The listener's own clock: a silent connection is told so and dropped. Its other duties are tested with a whole agent.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { createLogger, type Logger } from '@rootferry/host/daemon'
import { LIMITS, SUBPROTOCOLS } from '@rootferry/protocol'
import { pino } from 'pino'
import WebSocket from 'ws'
import { StreamServer } from './stream-server.ts'
import { mintToken, type StoredToken } from './tokens.ts'

const SILENT = createLogger('test', 'json', 'silent', { colour: false, isJournal: false, isInteractive: false })

interface Given {
  tokens?: StoredToken[]
  maxConnections?: number
  log?: Logger
}

function newServer({ tokens = [], maxConnections = 100, log = SILENT }: Given = {}): StreamServer {
  return new StreamServer({
    log,
    identity: null,
    maxConnections,
    compression: () => 'never',
    tokens: () => tokens,
    expiredTokens: () => [],
    rootNames: () => [],
    nameOf: ({ name }) => name,
    exchange: () => null,
    serve: () => assert.fail('no hello was sent'),
  })
}

const HERE = { host: '127.0.0.1', port: 0 }

test('a receiver that answers no ping is closed with heartbeat-lost; one that answers stays', {
  timeout: 20_000,
}, async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { token, sha256 } = mintToken()
  const server = newServer({ tokens: [{ name: 'web1', sha256, admin: false, roots: null, createdAt: '' }] })
  const url = (await server.listen(HERE)).replace('http', 'ws')
  const headers = { Authorization: `Bearer ${token}` }
  const dial = (autoPong: boolean) => new WebSocket(`${url}/v1/stream`, [...SUBPROTOCOLS], { headers, autoPong })
  const [silent, alive] = [dial(false), dial(true)]
  try {
    await Promise.all([once(silent, 'open'), once(alive, 'open')])
    // An operator sets the clock, or it is corrected after a boot: nobody was silent for that long.
    const later = Date.now() + 10 * LIMITS.deadMs
    t.mock.method(Date, 'now', () => later)
    const ended = once(silent, 'close')
    let pings = 0
    silent.on('ping', () => (pings += 1))
    for (let elapsedMs = 0; elapsedMs <= LIMITS.deadMs; elapsedMs += LIMITS.pingMs) {
      const pinged = once(alive, 'ping')
      t.mock.timers.tick(LIMITS.pingMs)
      await pinged
    }
    assert.equal((await ended)[0], 4415)
    assert.ok(pings >= Math.floor(LIMITS.deadMs / LIMITS.pingMs), `closed after ${pings} pings`)
    assert.equal(alive.readyState, WebSocket.OPEN)
  } finally {
    alive.terminate()
    await server.close()
  }
})

test('HEAD is answered where GET is, without a body', async () => {
  const server = newServer()
  const url = await server.listen(HERE)
  try {
    const head = await fetch(`${url}/livez`, { method: 'HEAD' })
    assert.deepEqual([head.status, await head.text()], [200, ''])
    assert.equal((await fetch(`${url}/v1/grants`, { method: 'HEAD' })).status, 401)
    assert.equal((await fetch(`${url}/elsewhere`, { method: 'HEAD' })).status, 404)
    assert.equal((await fetch(`${url}/livez`, { method: 'POST' })).status, 404)
  } finally {
    await server.close()
  }
})

test('a connection beyond the bound is dropped, counted and logged', async () => {
  const lines: string[] = []
  const log = pino(new Writable({ write: (chunk, _encoding, done) => done(void lines.push(String(chunk))) }))
  const server = newServer({ maxConnections: 2, log })
  const port = Number(new URL(await server.listen(HERE)).port)
  const sockets = Array.from({ length: 5 }, () => connect(port, HERE.host).on('error', () => undefined))
  try {
    await Promise.all(sockets.slice(2).map((socket) => once(socket, 'close')))
    assert.equal(server.dropped, 3)
    assert.equal(lines.length, 1)
    assert.match(lines[0] ?? '', /"level":40.*"maxConnections":2/)
  } finally {
    for (const socket of sockets) socket.destroy()
    await server.close()
  }
})

test('a client that asks for the stream without an upgrade is told what it takes', async () => {
  const server = newServer()
  const url = await server.listen(HERE)
  try {
    const answer = await fetch(`${url}/v1/stream`)
    assert.deepEqual([answer.status, answer.headers.get('upgrade')], [426, 'websocket'])
    assert.equal((await fetch(`${url}/v1/streams`)).status, 404)
  } finally {
    await server.close()
  }
})
