/**
 * The cost of clients without a token, or without a proper hello, for an agent: every connection ends in time, their
 * number is bounded, and receivers do not notice them.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { connect as connectSecure } from 'node:tls'
import WebSocket from 'ws'
import { DOOR } from '../../packages/agent/src/serve/door/door-limits.ts'
import { decodeInvitation, LIMITS, SUBPROTOCOLS } from '../../packages/protocol/src/index.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

let rig: Rig
let token: string
let adminToken: string
let limitedToken: string
const open: Socket[] = []

before(async () => {
  rig = await Rig.start({ receivers: 1, tls: true })
  await rig.converged()
  token = decodeInvitation((await rig.agentSays('token', 'create', 'stranger', '--join')).stdout)?.token ?? ''
  adminToken = (await rig.agentSays('token', 'create', 'boss', '--admin')).stdout.trim()
  limitedToken = (await rig.agentSays('token', 'create', 'limited', '--root', 'site')).stdout.trim()
})
after(async () => {
  for (const socket of open) socket.destroy()
  await rig[Symbol.asyncDispose]()
})

function plainSocket(): Socket {
  const socket = connect(rig.agentPort, '127.0.0.1')
  socket.on('error', () => socket.destroy())
  open.push(socket)
  return socket
}

function secureSocket(): Socket {
  const socket = connectSecure({ port: rig.agentPort, host: '127.0.0.1', rejectUnauthorized: false })
  socket.on('error', () => socket.destroy())
  open.push(socket)
  return socket
}

function webSocket(bearer: string): WebSocket {
  return new WebSocket(`wss://127.0.0.1:${rig.agentPort}/v1/stream`, [...SUBPROTOCOLS], {
    headers: { Authorization: `Bearer ${bearer}` },
    rejectUnauthorized: false,
  })
}

async function ask(
  path: string,
  bearer: string | null,
): Promise<{ status: number; body: string; response: IncomingMessage }> {
  const headers = bearer === null ? {} : { Authorization: `Bearer ${bearer}` }
  const request = get({
    host: '127.0.0.1',
    port: rig.agentPort,
    path,
    headers,
    rejectUnauthorized: false,
    agent: false,
  })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return { status: response.statusCode ?? 0, body: await text(response), response }
}

async function closeCodeAfter(bearer: string, frame: string | Buffer): Promise<number> {
  const socket = webSocket(bearer)
  socket.on('error', () => socket.terminate())
  await once(socket, 'open')
  socket.send(frame)
  const [code] = (await once(socket, 'close')) as [number]
  return code
}

const hello = (root: string) =>
  JSON.stringify({
    ...{
      type: 'hello',
      software: 'test',
      root,
      epoch: null,
      term: null,
      sequence: 0,
      durable: 0,
      target: 'empty',
      prepared: null,
    },
    ...{ partials: [], encodings: ['tar'], credit: 1_000_000 },
  })

test('grants are told to the owner of a receiver’s token and to no one else', async () => {
  const told = await ask('/v1/grants', limitedToken)
  assert.deepEqual(JSON.parse(told.body), { name: 'limited', roots: ['site'], protocols: [...SUBPROTOCOLS] })
  assert.equal((await ask('/v1/grants', null)).status, 401)
  assert.equal((await ask('/v1/grants', adminToken)).status, 403)
  assert.equal((await ask('/v1/status', adminToken)).status, 404)
  assert.equal((await ask('/livez', null)).status, 200)
})

test('an admin token receives nothing', async () => {
  const socket = webSocket(adminToken)
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
  assert.equal(response.statusCode, 403)
  response.destroy()
})

test('the first frame must be a whole hello, for a root that is there', async () => {
  assert.equal(await closeCodeAfter(token, 'nonsense'), 4400)
  assert.equal(await closeCodeAfter(token, JSON.stringify({ type: 'committed', sequence: 1, burstMicros: 0 })), 4401)
  assert.equal(await closeCodeAfter(token, Buffer.alloc(10)), 4401)
  assert.equal(await closeCodeAfter(token, hello('nowhere')), 4404)
})

test('a root that the token does not grant is closed with root-not-granted, whether it exists or not', async () => {
  await rig.agentSays('token', 'revoke', 'limited')
  assert.equal(await closeCodeAfter(limitedToken, hello('site')).catch(() => 'refused'), 'refused')
  const again = (await rig.agentSays('token', 'create', 'limited', '--root', 'site')).stdout.trim()
  const granted = async () => (await ask('/v1/grants', again)).status === 200
  await until(granted, () => 'the new token is not known')
  assert.equal(await closeCodeAfter(again, hello('nowhere')), 4403)
})

test('a token that is revoked between upgrade and hello is of no use any more', async () => {
  const doomed = (await rig.agentSays('token', 'create', 'doomed')).stdout.trim()
  const isKnown = async () => (await ask('/v1/grants', doomed)).status === 200
  await until(isKnown, () => 'the token is not known')
  const socket = webSocket(doomed)
  await once(socket, 'open')
  await rig.agentSays('token', 'revoke', 'doomed')
  await until(
    async () => !(await isKnown()),
    () => 'the token is still known',
  )
  socket.send(hello('site'))
  assert.deepEqual((await once(socket, 'close'))[0], 4410)
})

test('more bytes than a hello may have are not read', async () => {
  assert.equal(await closeCodeAfter(token, ' '.repeat(LIMITS.helloBytes + 1)), 4402)
})

test('headers that are too large are refused', async () => {
  const socket = secureSocket()
  socket.write(`GET /livez HTTP/1.1\r\nHost: a\r\nX-A: ${'a'.repeat(DOOR.headerBytes)}\r\n\r\n`)
  assert.match(await text(socket), /^HTTP\/1\.1 431 /)
})

test('a version of TLS before 1.3 is refused', async () => {
  const { port } = { port: rig.agentPort }
  const socket = connectSecure({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.2' })
  const [error] = (await once(socket, 'error')) as [Error]
  assert.match(error.message, /protocol version/)
})

test('connections that do not come to a hello are ended when their time is over, however they pass it', async () => {
  const drip = (socket: Socket, piece: string) => {
    const timer = setInterval(() => socket.write(piece), 200)
    socket.on('close', () => clearInterval(timer))
    return socket
  }
  const silent = plainSocket()
  const slowHandshake = drip(plainSocket(), '\u0016')
  const slowHeader = secureSocket()
  slowHeader.write('GET /livez HTTP/1.1\r\nHost: a\r\n')
  drip(slowHeader, 'X-A: a\r\n')
  const slowAnswer = secureSocket()
  slowAnswer.write('GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n')
  const noHello = webSocket(token)
  const began = performance.now()
  const closed = Promise.all(
    [silent, slowHandshake, slowHeader, slowAnswer].map((socket) => once(socket.resume(), 'close')),
  )
  const [[code]] = (await Promise.all([once(noHello, 'close'), closed])) as [[number], unknown]
  assert.equal(code, 4408)
  assert.ok(performance.now() - began < 3 * LIMITS.helloMs, 'every one of them ended')
})

test('a network may leave only so many connections before a hello; they cost others nothing, and few log lines', async () => {
  const sockets = Array.from({ length: DOOR.unauthenticatedOfNetwork + 40 }, plainSocket)
  const gone = () => sockets.filter((socket) => socket.destroyed).length
  await until(
    () => gone() >= 40,
    () => `${gone()} of ${sockets.length} are gone`,
  )
  assert.equal(gone(), 40)
  for (const socket of sockets) socket.destroy()
  await until(
    async () => (await ask('/livez', null).catch(() => null))?.status === 200,
    () => 'no client is admitted any more',
  )
  assert.equal((await rig.status()).receivers.find(({ name }) => name === 'web1')?.state, 'live')
  const lines = rig.logs.filter(({ msg }) => /have not said hello/.test(msg))
  assert.ok(lines.length <= 1, JSON.stringify(lines))
})

test('wrong tokens are answered 401 and then 429 with few log lines; a right one of the same address gets in', async () => {
  const statuses: number[] = []
  for (let attempt = 0; attempt < 40; attempt += 1)
    statuses.push((await ask('/v1/grants', `rf_wrong${attempt}`)).status)
  assert.equal(statuses.at(-1), 429)
  assert.ok(statuses.every((status) => status === 401 || status === 429))
  const limited = await ask('/v1/grants', 'rf_wrong')
  assert.equal(limited.response.headers['retry-after'], String(DOOR.attemptMs / 1000))
  assert.equal((await ask('/v1/grants', token)).status, 200)
  const lines = rig.logs.filter(({ msg }) => /without a valid token was refused/.test(msg))
  assert.ok(lines.length <= 2, JSON.stringify(lines))
  assert.ok(!JSON.stringify(rig.logs).includes('rf_'), 'a log holds a token')
})
