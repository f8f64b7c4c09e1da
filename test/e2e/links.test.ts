/** Both ways from a receiver to its agent are links: a WebSocket, and the log on a real NATS server. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { type WebSocket, WebSocketServer } from 'ws'
import { Broker, logNames, sealedReport, tokenHash } from '../../packages/nats/src/index.ts'
import { testIdentity, WrittenLog, welcomeOf } from '../../packages/nats/test-support/written-log.ts'
import { encodeMessage } from '../../packages/protocol/src/index.ts'
import { openLink } from '../../packages/receiver/src/serve/link/open-link.ts'
import { type LinkTrial, linkConformance } from '../../packages/receiver/test-support/link-conformance.ts'
import { NatsServer, withoutNats } from '../support/nats-server.ts'

const POSITION: LinkTrial['position'] = {
  epoch: 'e',
  term: 't',
  sequence: 11,
  durable: 11,
  target: 'populated',
  partials: [],
  prepared: null,
}
const { signer, fingerprint } = testIdentity(0)

/** What an agent sends to a receiver at 11. */
function framesTo(to: number): (string | Buffer)[] {
  const content = Buffer.from(`${to}`)
  const bytes = content.byteLength
  return [
    encodeMessage({ type: 'changeset', base: to - 1, from: to - 1, to, head: to, request: null, changes: 1, bytes }),
    encodeMessage({
      ...{ type: 'segment', index: 0, encoding: 'tar', bytes, tarBytes: bytes, changes: [], slice: null, to },
      ...{ users: [], groups: [] },
    }),
    content,
    encodeMessage({ type: 'commit', to }),
  ]
}

class SocketAgent {
  readonly #server: WebSocketServer
  readonly #greeted = new Set<WebSocket>()
  readonly #kept: number[] = []

  private constructor(server: WebSocketServer) {
    this.#server = server
    server.on('connection', (socket) => {
      socket.once('message', (text: Buffer) => {
        const { sequence } = JSON.parse(text.toString()) as { sequence: number }
        socket.send(encodeMessage({ ...welcomeOf('e', 't', sequence), head: 99 }))
        for (const to of this.#kept) if (to > sequence) for (const frame of framesTo(to)) socket.send(frame)
        this.#greeted.add(socket)
      })
      socket.on('close', () => this.#greeted.delete(socket))
    })
  }

  static async listen(port: number): Promise<SocketAgent> {
    const server = new WebSocketServer({ port, host: '127.0.0.1', handleProtocols: ([first]) => first ?? false })
    await once(server, 'listening')
    return new SocketAgent(server)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get address(): LinkTrial['address'] {
    const trust = { fingerprint: null, ca: null, client: null }
    return { agent: `ws://127.0.0.1:${this.port}`, token: 'rf_test', trust }
  }

  say(sequences: readonly number[]): void {
    this.#kept.push(...sequences)
    for (const socket of this.#greeted) for (const frame of sequences.flatMap(framesTo)) socket.send(frame)
  }

  async close(): Promise<void> {
    for (const socket of this.#server.clients) socket.terminate()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

linkConformance('WebSocket', async () => {
  let agent = await SocketAgent.listen(0)
  const other = await SocketAgent.listen(0)
  const { port, address } = agent
  return {
    address,
    other: other.address,
    position: POSITION,
    say: async (...sequences) => agent.say(sequences),
    cut: () => agent.close(),
    mend: async () => {
      agent = await SocketAgent.listen(port)
    },
    [Symbol.asyncDispose]: async () => {
      await agent.close()
      await other.close()
    },
  }
})

/** Writes a log up to 11, and on. */
class LogWriter {
  readonly server: NatsServer
  readonly #log = new WrittenLog('site', signer, welcomeOf('e', 't', 10), { epoch: 'e', term: 't', sequence: 10 })

  private constructor(server: NatsServer) {
    this.server = server
  }

  static async begin(): Promise<LogWriter> {
    const writer = new LogWriter(await NatsServer.start())
    await writer.write(11)
    return writer
  }

  get address(): LinkTrial['address'] {
    return {
      // Nobody is there: what these trials say is in the log.
      agent: 'wss://127.0.0.1:1',
      token: 'rf_test',
      trust: { fingerprint, ca: null, client: null },
      nats: { servers: [this.server.url], ca: null, credentials: null, name: 'web1' },
    }
  }

  async write(...sequences: number[]): Promise<void> {
    const parts = { servers: [this.server.url], ca: null, credentials: null, name: 'agent', inbox: null }
    const broker = await Broker.connect(parts)
    await broker.snapshots('site').ensure(1)
    const stream = broker.log('site')
    let at = await stream.ensure({ maxBytes: 1e8, maxAgeMs: 3_600_000, replicas: 1 })
    for (const to of sequences)
      for (const message of this.#log.changeset(to, Buffer.from(`${to}`))) {
        await stream.append(message, at, `${at}`)
        at += 1
      }
    await broker.close()
  }
}

linkConformance(
  'log on NATS',
  async () => {
    const [log, other] = [await LogWriter.begin(), await LogWriter.begin()]
    return {
      address: log.address,
      other: other.address,
      position: POSITION,
      say: (...sequences) => log.write(...sequences),
      cut: () => log.server.kill(),
      mend: () => log.server.start(),
      [Symbol.asyncDispose]: async () => {
        await log.server[Symbol.asyncDispose]()
        await other.server[Symbol.asyncDispose]()
      },
    }
  },
  withoutNats(),
)

const skip = withoutNats()

test('a reader is told alone, and under seal, that others show a round without it', { skip }, async () => {
  const log = await LogWriter.begin()
  const heard: string[] = []
  const { promise: left, resolve: leaves } = Promise.withResolvers<void>()
  const { promise: welcomed, resolve: welcomes } = Promise.withResolvers<void>()
  const link = openLink(
    { root: 'site', software: 'test', address: log.address },
    {
      tell: ({ type }) => void (type === 'hello' && link.greet(POSITION)),
      frame: ({ data }) => {
        heard.push(Buffer.from(data).toString())
        welcomes()
        if (heard.length === 2) leaves()
      },
      connected: () => undefined,
      disconnected: () => undefined,
      log: () => undefined,
    },
  )
  link.start()
  await welcomed
  const parts = { servers: [log.server.url], ca: null, credentials: null, name: 'agent', inbox: null }
  const broker = await Broker.connect(parts)
  const subject = logNames('site').callOf('web1')
  broker.tell(subject, sealedReport({ leave: 12 }, subject, tokenHash('rf_test')))
  await left
  assert.equal(heard[1], encodeMessage({ type: 'leave', to: 12 }))
  link.stop()
  await broker.close()
  await log.server[Symbol.asyncDispose]()
})

test('a reader that the log does not lead on looks there again while the agent does not answer', { skip }, async () => {
  const log = await LogWriter.begin()
  const heard: string[] = []
  const { promise: refused, resolve: refuses } = Promise.withResolvers<string | null>()
  const { promise: read, resolve: reads } = Promise.withResolvers<void>()
  const link = openLink(
    { root: 'site', software: 'test', address: log.address },
    {
      tell: ({ type }) => void (type === 'hello' && link.greet({ ...POSITION, sequence: 12, durable: 12 })),
      frame: ({ data }) => {
        heard.push(Buffer.from(data).toString())
        if (heard.at(-1) === encodeMessage({ type: 'commit', to: 13 })) reads()
      },
      connected: () => undefined,
      disconnected: () => undefined,
      log: refuses,
    },
  )
  link.start()
  assert.match(String(await refused), /does not have the position/)
  // A mirror that is behind gets there by itself.
  await log.write(12, 13)
  await read
  assert.equal(JSON.parse(heard[0] ?? '').sequence, 12)
  link.stop()
  await log.server[Symbol.asyncDispose]()
})
