/** A session on a real WebSocket, with a stub in place of the root's thread: how it reports faults. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { Refusal } from '@rootferry/host/machine'
import { CLOSE_REASONS, encodeMessage, type Hello, ProtocolError, type Welcome } from '@rootferry/protocol'
import { pino } from 'pino'
import { WebSocket, WebSocketServer } from 'ws'
import type { PlanSummary } from '../../root-messages.ts'
import type { RootThread } from '../root-thread.ts'
import { Hub } from './hub.ts'
import { LineLimits } from './line-limits.ts'
import type { OutletEvents } from './outlet.ts'
import { PacedSocket } from './paced-socket.ts'
import { SentBytes } from './sent-bytes.ts'
import { Session } from './session.ts'

const HELLO: Hello = {
  type: 'hello',
  software: 'test',
  root: 'shop',
  epoch: 'e',
  term: 't',
  sequence: 0,
  durable: 0,
  target: 'empty',
  encodings: ['tar'],
  prepared: null,
  credit: 1_000_000,
  partials: [],
}
const WELCOME: Welcome = {
  type: 'welcome',
  software: 'test',
  epoch: 'e',
  term: 't',
  head: 7,
  start: 'replay',
  sequence: 0,
  reason: 'test',
  total: { entries: 0, bytes: 0 },
  filter: [],
  prepared: null,
  released: 0,
  othersCurrent: false,
  clash: null,
}

interface LogLine {
  level: number
  receiver?: string
  err?: { message: string; stack: string }
}

const NO_LIMITS = { bytesPerSecond: 0, bytesPerSecondPerReceiver: 0 }
const ignore = () => undefined

/** The answers of a root's thread; a question that is not answered here is not expected. */
type Answers = (type: string, takes: object) => Promise<unknown>

/** Runs a session of that root, over a real connection, while the test looks on. */
async function onSession<Result>(
  answers: Answers,
  limit: number | null,
  run: (client: WebSocket, session: Session, lines: LogLine[]) => Promise<Result>,
): Promise<Result> {
  const lines: LogLine[] = []
  const log = pino(
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        lines.push(JSON.parse(chunk.toString()))
        done()
      },
    }),
  )
  const root: Pick<RootThread, 'ask' | 'tell'> = {
    ask: async (type, takes) => (await answers(type, takes)) as never,
    tell: ignore,
  }
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  try {
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const client = new WebSocket(`ws://127.0.0.1:${port}`)
    const [socket, request] = await once(server, 'connection')
    const peer = {
      overtakes: true,
      summaries: true,
      open: (events: OutletEvents) => new PacedSocket({ socket, line: request.socket, now: new Date() }, events),
      receiver: 'web1',
      address: '::1',
      node: null,
      compress: false,
      now: new Date(),
    }
    const events = {
      welcomed: ignore,
      areOthersCurrent: () => false,
      changed: ignore,
      committed: ignore,
      resync: ignore,
      closed: ignore,
    }
    const sent = new SentBytes(new LineLimits(NO_LIMITS))
    const session = new Session(peer, { root, hub: new Hub(root), sent, log, limit: () => limit }, events)
    return await run(client, session, lines)
  } finally {
    for (const client of server.clients) client.terminate()
    server.close()
  }
}

/** Runs a session whose root greets, and then answers every question with that error. */
function sessionEndingWith(error: Error): Promise<{ code: number; reason: string; lines: LogLine[] }> {
  const answers: Answers = async (type) => {
    if (type === 'greet') return { welcome: WELCOME, whole: 0, round: null }
    throw error
  }
  return onSession(answers, null, async (client, session, lines) => {
    const closed = once(client, 'close')
    await session.run(HELLO, 7)
    const [code, reason] = await closed
    return { code, reason: String(reason), lines }
  })
}

test('a fault in the work for a session is logged with its stack, and is not a fault of the root', async () => {
  const fault = new RangeError('The value of "size" is out of range')
  const { code, lines } = await sessionEndingWith(fault)
  assert.equal(code, CLOSE_REASONS['internal-error'].closeCode)
  assert.equal(lines.length, 1)
  assert.equal(lines[0]?.level, 50)
  assert.equal(lines[0]?.err?.stack, fault.stack)
})

test('a refusal is an answer: it closes with root-unavailable, and nothing is logged as an error', async () => {
  const { code, reason, lines } = await sessionEndingWith(new Refusal('the root is being restarted'))
  assert.deepEqual([code, reason], [CLOSE_REASONS['root-unavailable'].closeCode, 'the root is being restarted'])
  assert.deepEqual(lines, [])
})

test('what breaks the protocol closes with its own code', async () => {
  const { code, lines } = await sessionEndingWith(new ProtocolError('limit-exceeded', 'too much'))
  assert.equal(code, CLOSE_REASONS['limit-exceeded'].closeCode)
  assert.deepEqual(lines, [])
})

test('what lies beyond the gate is not fed: neither when a listing waits for it, nor when the welcome names it', async () => {
  const asked: string[] = []
  const answers: Answers = async (type, takes) => {
    asked.push(type === 'plan' && 'limit' in takes ? `plan to ${takes.limit}` : type)
    if (type === 'greet') return { welcome: { ...WELCOME, sequence: 7, head: 9 }, whole: 0, round: null }
    // The index is at 9, and the round of 8 and 9 has not gone.
    if (type === 'list') return { listing: null }
    throw new Refusal('the test is over')
  }
  await onSession(answers, 9, async (client, session) => {
    const closed = once(client, 'close')
    const heard = async () => {
      client.ping()
      await Promise.race([once(client, 'pong'), closed])
    }
    const ended = session.run({ ...HELLO, epoch: 'e', sequence: 7, durable: 7 }, 7)
    await once(client, 'message')
    const list = { type: 'list', request: 1, within: '.', after: null, digests: false } as const
    client.send(encodeMessage(list))
    await heard()
    // The session looks again at whatever comes, and asks no more often than that.
    client.send(encodeMessage({ type: 'ready', ready: true }))
    await heard()
    assert.deepEqual(asked, ['greet', 'list', 'list'])
    session.advanced(9)
    await ended
    assert.deepEqual(asked, ['greet', 'list', 'list', 'plan to 9'])
    await closed
  })
})

/** Of the change from 7 to 8: a file that must be read. */
const UNREAD: PlanSummary = {
  id: 1,
  base: 7,
  from: 7,
  to: 8,
  head: 9,
  whole: 0,
  request: null,
  isWhole: false,
  changes: 1,
  bytes: 100,
  mayBeOvertaken: true,
  isLaidOut: false,
  segments: [],
}

test('a changeset of files that must be read begins before that, and small changes go ahead of it meanwhile', async () => {
  const read = Promise.withResolvers<PlanSummary>()
  const asked: string[] = []
  const answers: Answers = async (type) => {
    asked.push(type)
    if (type === 'greet') return { welcome: { ...WELCOME, sequence: 7, head: 9 }, whole: 0, round: null }
    if (type === 'plan' && asked.lastIndexOf('plan') > asked.indexOf('plan')) throw new Refusal('the test is over')
    if (type === 'plan') return UNREAD
    if (type === 'lay-out') return await read.promise
    if (type === 'pack') return { header: '{"type":"segment"}', payload: new Uint8Array(0), isAsPlanned: true }
    assert.equal(type, 'overtake')
    return { to: 9, header: '{"type":"overtake"}', payload: new Uint8Array(0) }
  }
  await onSession(answers, null, async (client, session) => {
    const ended = session.run({ ...HELLO, sequence: 7, durable: 7 }, 9)
    const types: string[] = []
    client.on('message', (data) => {
      const { type } = JSON.parse(String(data)) as { type: string }
      types.push(type)
      if (type === 'overtake') read.resolve({ ...UNREAD, isLaidOut: true, segments: [{ slice: null }] })
    })
    await once(client, 'close')
    await ended
    assert.deepEqual(types, ['welcome', 'changeset', 'overtake', 'segment', 'commit'])
  })
})

test('a refusal while the files of a changeset are read ends the connection as any other', async () => {
  const answers: Answers = async (type) => {
    if (type === 'greet') return { welcome: { ...WELCOME, sequence: 7, head: 9 }, whole: 0, round: null }
    if (type === 'plan') return UNREAD
    throw new Refusal('the root was opened anew')
  }
  await onSession(answers, null, async (client, session) => {
    const closed = once(client, 'close')
    await session.run({ ...HELLO, sequence: 7, durable: 7 }, 9)
    const [code, reason] = await closed
    assert.deepEqual([code, String(reason)], [CLOSE_REASONS['root-unavailable'].closeCode, 'the root was opened anew'])
  })
})
