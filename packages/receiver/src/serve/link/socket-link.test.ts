/**
 * The link against a server that misbehaves: the reason it gives when it ends a connection, and that it dials again.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { LIMITS } from '@rootferry/protocol'
import { type WebSocket, WebSocketServer } from 'ws'
import { SocketLink } from './socket-link.ts'

/** An agent that accepts every connection, and a link to it whose disk thread greets at once. */
async function linked() {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: ([first]) => first ?? false })
  await once(server, 'listening')
  const errors: (string | null)[] = []
  const { port } = server.address() as AddressInfo
  const trust = { fingerprint: null, ca: null, client: null }
  const address = { agent: `ws://127.0.0.1:${port}`, token: 'rf_test', trust }
  const position = {
    epoch: null,
    term: null,
    sequence: 0,
    durable: 0,
    target: 'empty',
    partials: [],
    prepared: null,
  } as const
  const link = new SocketLink(
    { root: 'site', software: 'test', address },
    {
      tell: ({ type }) => {
        if (type === 'hello') link.greet({ ...position, partials: [], prepared: null })
      },
      frame: () => undefined,
      connected: () => errors.push('connected'),
      disconnected: (error) => errors.push(error),
      log: () => undefined,
    },
  )
  const next = async () => {
    const [socket] = (await once(server, 'connection')) as [WebSocket]
    await once(socket, 'message')
    return socket
  }
  const close = async () => {
    link.stop()
    for (const socket of server.clients) socket.terminate()
    server.close()
    await once(server, 'close')
  }
  return { link, errors, next, address, server, [Symbol.asyncDispose]: close }
}

test('an agent that sends more segment bytes than it has credit for is closed with credit-exceeded', async () => {
  await using agent = await linked()
  agent.link.start()
  const socket = await agent.next()
  const frame = Buffer.alloc(LIMITS.frameBytes)
  for (let sent = 0; sent < 33; sent += 1) socket.send(frame)
  const [code] = (await once(socket, 'close')) as [number]
  assert.equal(code, 4413)
  assert.match(agent.errors.at(-1) ?? '', /^credit-exceeded: /)
})

test('an agent that is silent for longer than the heartbeat allows is told heartbeat-lost, and dialled again', async (t) => {
  await using agent = await linked()
  const { setTimeout: realTimeout } = globalThis
  t.mock.timers.enable({ apis: ['setTimeout'] })
  agent.link.start()
  const socket = await agent.next()
  t.mock.timers.tick(LIMITS.deadMs - 1)
  assert.deepEqual(agent.errors, [])
  const closed = once(socket, 'close')
  t.mock.timers.tick(1)
  assert.equal((await closed)[0], 4415)
  assert.match(agent.errors.at(-1) ?? '', /^heartbeat-lost: /)
  let isDialled = false
  void agent.next().then(() => {
    isDialled = true
  })
  // The link waits before it dials, from when it has seen the end of the connection too.
  while (!isDialled) {
    t.mock.timers.tick(100)
    await new Promise((resolve) => realTimeout(resolve, 5))
  }
})

test('a link that is given another address leaves the one it has and dials at once', async () => {
  await using first = await linked()
  await using second = await linked()
  first.link.start()
  const socket = await first.next()
  const closed = once(socket, 'close')
  const arrived = second.next()
  first.link.renew(second.address)
  assert.equal((await closed)[0], 1001)
  await arrived
  assert.deepEqual(first.errors, [null])
})

/** Records how long the link waits between its attempts; the waits are over at once. */
function redials(t: TestContext): number[] {
  const waits: number[] = []
  const original = globalThis.setTimeout
  t.mock.method(Math, 'random', () => 1)
  t.mock.method(globalThis, 'setTimeout', (act: () => void, ms: number) => {
    // Other timers are those of sockets and deadlines.
    if (!(ms >= 250 && ms <= 5_000)) return original(act, ms)
    waits.push(ms)
    return original(act, 0)
  })
  return waits
}

test('an agent that ends every connection after its first frame is dialled less and less often', async (t) => {
  await using agent = await linked()
  const waits = redials(t)
  agent.link.start()
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const socket = await agent.next()
    socket.send('{}')
    socket.close(4500)
  }
  await agent.next()
  assert.equal(waits.length, 5)
  for (const [at, ms] of waits.entries()) if (at > 0) assert.ok(ms > (waits[at - 1] ?? 0), waits.join())
  // A commit shows that the connection works.
  agent.link.worked()
  for (const socket of agent.server.clients) socket.close(4500)
  await agent.next()
  assert.equal(waits.at(-1), waits[0])
})
