/**
 * An agent that breaks the protocol in every way we can think of, against the receiver's disk side and against a real
 * receiver process: every connection ends with a code, nothing changes in the target or outside it, and the honest
 * agent that comes next finds a receiver that works.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { zstdCompressSync } from 'node:zlib'
import type WebSocket from 'ws'
import { WebSocketServer } from 'ws'
import { type Segment, SUBPROTOCOLS } from '../../packages/protocol/src/index.ts'
import {
  absent,
  directory,
  type Fed,
  Feed,
  file,
  Scratch,
  segmentOf,
  tarOf,
} from '../../packages/receiver/test-support/test-feed.ts'
import { Rig } from '../support/rig.ts'
import { imprint } from '../support/swapper.ts'
import { until } from '../support/until.ts'

type Attack = (feed: Feed) => Promise<void> | void

/** A changeset of one segment whose header, bytes or both are wrong. */
function segment(
  fed: readonly Fed[],
  spoil: (segment: Segment, bytes: Buffer) => [object, Buffer],
  changes = fed.length,
): Attack {
  return async (feed) => {
    feed.begin(changes, 0, 1)
    const [header, bytes] = spoil(...(await segmentOf(fed)))
    raw(feed, header)
    feed.bytes(bytes)
    feed.text({ type: 'commit', to: 1 })
  }
}

function raw(feed: Feed, message: object | string): void {
  feed.disk.receiveText(Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)))
}

/** One good change, spoilt in one field. */
const change = (spoil: object, good: Fed = file('a', 'x')): Attack =>
  segment([good], (header, bytes) => [
    { ...header, changes: header.changes.map((each) => ({ ...each, ...spoil })) },
    bytes,
  ])

const paths = [
  '/etc/passwd',
  '../a',
  'a/../../b',
  'a//b',
  './a',
  '',
  'a\0b',
  'a/.',
  `${'x'.repeat(256)}`,
  'x/'.repeat(2_100),
  '\ud800',
]
const numbers = [-1, 2 ** 31 + 0.5, 2 ** 53, 'NaN', null, 1e300]

const ATTACKS: Record<string, Attack> = {
  ...Object.fromEntries(paths.map((path) => [`the path ${JSON.stringify(path).slice(0, 40)}`, change({ path })])),
  ...Object.fromEntries(
    paths.map((path) => [`a copy from ${JSON.stringify(path).slice(0, 40)}`, change({ source: { copy: path } })]),
  ),
  ...Object.fromEntries(numbers.map((size) => [`a size of ${size}`, change({ size })])),
  ...Object.fromEntries(numbers.map((mode) => [`a mode of ${mode}`, change({ mode })])),
  ...Object.fromEntries(
    numbers.map((tarBytes) => [
      `${tarBytes} bytes of tar`,
      segment([file('a', 'x')], (header, bytes) => [{ ...header, tarBytes }, bytes]),
    ]),
  ),
  ...Object.fromEntries(
    numbers.map((bytes) => [
      `${bytes} bytes of segment`,
      segment([file('a', 'x')], (header, packed) => [{ ...header, bytes }, packed]),
    ]),
  ),
  'the removal of the root': segment([absent('.')], (header, bytes) => [header, bytes]),
  'the root as a file': segment([file('.', 'x')], (header, bytes) => [header, bytes]),
  'the root as a symlink': change({ path: '.', kind: 'symlink', target: '/etc' }),
  'the same path twice': segment([file('a', 'x'), file('a', 'y')], (header, bytes) => [header, bytes]),
  'a path below a file': segment([file('a', 'x'), file('a/b', 'y')], (header, bytes) => [header, bytes]),
  'a device': change({ kind: 'device' }),
  'another content than the digest': segment([file('a', 'x')], (header, bytes) => [
    header,
    Buffer.from(bytes.toString('latin1').replace('x', 'y'), 'latin1'),
  ]),
  'a tar with another entry': segment([file('a', 'x')], (header) => [header, Buffer.alloc(header.bytes)]),
  'a tar that ends early': segment([file('a', 'x')], (header, bytes) => [
    { ...header, bytes: 512, tarBytes: 512 },
    bytes.subarray(0, 512),
  ]),
  'a tar with a tail': segment([file('a', 'x')], (header, bytes) => [
    { ...header, bytes: bytes.length + 512, tarBytes: bytes.length + 512 },
    Buffer.concat([bytes, Buffer.alloc(512)]),
  ]),
  'more changes than announced': segment([file('a', 'x'), file('b', 'y')], (header, bytes) => [header, bytes], 1),
  'a bomb': segment([file('a', 'x')], (header) => {
    const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024))
    return [{ ...header, encoding: 'zstd', bytes: bomb.length }, bomb]
  }),
  'bytes that are no zstd': segment([file('a', 'x')], (header) => [
    { ...header, encoding: 'zstd', bytes: 100 },
    randomBytes(100),
  ]),
  'bytes that were not announced': (feed) => feed.bytes(Buffer.alloc(100)),
  'a frame of two megabytes': async (feed) => {
    feed.begin(1, 0, 1)
    const [header] = await segmentOf([file('a', Buffer.alloc(3_000_000))])
    raw(feed, header)
    feed.bytes(Buffer.alloc(2_000_000), 2_000_000)
  },
  'more bytes than announced': segment([file('a', 'x')], (header, bytes) => [header, Buffer.concat([bytes, bytes])]),
  'a message amid bytes': async (feed) => {
    feed.begin(1, 0, 1)
    const [header] = await segmentOf([file('a', 'x')])
    raw(feed, header)
    feed.text({ type: 'commit', to: 1 })
  },
  'a segment without a changeset': async (feed) => raw(feed, (await segmentOf([file('a', 'x')]))[0]),
  'a segment that leads beyond its changeset': segment([file('a', 'x')], (header, bytes) => [
    { ...header, to: 2 },
    bytes,
  ]),
  'segments that lead back': async (feed) => {
    feed.begin(2, 0, 3)
    feed.segment(await segmentOf([file('a', 'x')], { to: 2 }))
    feed.segment(await segmentOf([file('b', 'x')], { index: 1, to: 1 }))
  },
  'a commit without a changeset': (feed) => feed.text({ type: 'commit', to: 1 }),
  'a commit of another changeset': (feed) => {
    feed.begin(0, 0, 1)
    feed.text({ type: 'commit', to: 2 })
  },
  'a changeset that begins elsewhere': (feed) => feed.begin(0, 5, 6),
  'a changeset that goes back': (feed) => feed.begin(0, 0, -1),
  'an answer to no request': (feed) => feed.begin(0, 0, 0, 9),
  'a listing out of place': (feed) =>
    feed.text({ type: 'listing', request: 1, sequence: 1, directories: [], users: [], groups: [], next: null }),
  'a summary out of place': (feed) =>
    feed.text({ type: 'summary', request: 1, sequence: 1, directories: [], users: [], groups: [], next: null }),
  'a second welcome': (feed) => feed.welcome({ sequence: 0 }),
  'no JSON': (feed) => raw(feed, '{'),
  'an unknown message': (feed) => raw(feed, { type: 'run', command: 'id' }),
  'a prototype for a field': (feed) => raw(feed, '{"type":"commit","to":1,"__proto__":{"x":1}}'),
  'a slice beyond its file': async (feed) => {
    feed.begin(1, 0, 1)
    const slice = { path: 'a', content: 1, offset: 2 ** 40, length: 10, size: 20, delta: null }
    feed.segment(await segmentOf([], { slice: { slice, content: Buffer.alloc(10) } }))
  },
  'tar entries by name': async (feed) => {
    feed.begin(1, 0, 1)
    const [header] = await segmentOf([file('a', 'x')])
    const tar = await tarOf([{ name: '../../evil', content: Buffer.from('x') }])
    raw(feed, { ...header, bytes: tar.length, tarBytes: tar.length })
    feed.bytes(tar)
  },
}

test('whatever an agent sends wrong ends its connection with a code, and changes nothing', async (t) => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open({ protect: ['protected/'] })
  mkdirSync(scratch.at('outside'))
  writeFileSync(scratch.at('outside/f'), 'precious')
  mkdirSync(join(feed.target, 'protected'))
  writeFileSync(join(feed.target, 'protected/f'), 'precious')
  const before = imprint(feed.target)
  const outside = imprint(scratch.at('outside'))
  for (const [what, attack] of Object.entries(ATTACKS)) {
    await t.test(what, async () => {
      feed.events.length = 0
      feed.connect({ sequence: 0 })
      await attack(feed)
      const { error } = await feed.seen('broken')
      assert.ok(
        ['malformed-message', 'unexpected-message', 'limit-exceeded', 'content-mismatch'].includes(error.code),
        error.code,
      )
      feed.disk.disconnected()
      assert.equal(feed.all('committed').length, 0)
      assert.deepEqual(imprint(feed.target), before)
      assert.deepEqual(imprint(scratch.at('outside')), outside)
    })
  }
  feed.events.length = 0
  feed.connect({ sequence: 0 })
  await feed.commit([directory('.'), file('honest', 'x'), absent('protected/f'), absent('protected')])
  assert.equal(readFileSync(join(feed.target, 'honest'), 'utf8'), 'x')
  assert.equal(readFileSync(join(feed.target, 'protected/f'), 'utf8'), 'precious')
})

/** What a real process receives in place of a welcome or after one. */
const ON_THE_LINE: Record<string, { say: (socket: WebSocket) => void; code: number }> = {
  'a message of five megabytes': { say: (socket) => socket.send(`"${'x'.repeat(5e6)}"`), code: 1009 },
  'a message in endless fragments': {
    say: (socket) => {
      for (let part = 0; part < 80; part += 1) socket.send(Buffer.alloc(65_536), { fin: false })
    },
    code: 1009,
  },
  'bytes before a welcome': { say: (socket) => socket.send(Buffer.alloc(10)), code: 4401 },
  'a commit before a welcome': { say: (socket) => socket.send('{"type":"commit","to":1}'), code: 4401 },
  nonsense: { say: (socket) => socket.send('hello?'), code: 4400 },
}

test('a real receiver closes, logs, stays, and continues with an honest agent', async () => {
  await using rig = await Rig.start({ receivers: 1, prepare: (source) => writeFileSync(join(source, 'a'), 'a') })
  await rig.converged()
  const before = imprint(rig.targets[0] ?? '')
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => SUBPROTOCOLS[0] ?? false })
  await once(server, 'listening')
  try {
    const { port } = server.address() as AddressInfo
    for (const [what, { say, code }] of Object.entries(ON_THE_LINE)) {
      // First: it may be dialling again already, and that connection is none of this case's.
      await rig.killReceiver(0)
      const { promise, resolve } = Promise.withResolvers<number>()
      server.once('connection', (socket) => {
        socket.on('error', () => socket.terminate())
        socket.on('close', resolve)
        socket.once('message', () => say(socket))
      })
      const logged = rig.logs.length
      await rig.redirect(0, port)
      assert.equal(await promise, code, what)
      assert.ok(process.kill(rig.receivers[0]?.pid ?? 0, 0), what)
      const told = () => rig.logs.slice(logged).filter(({ level }) => level === 'error' || level === 'warn')
      await until(
        () => told().length > 0,
        () => `${what}: nothing was logged`,
      )
      assert.ok(told().length <= 2, JSON.stringify(told()))
    }
    assert.deepEqual(imprint(rig.targets[0] ?? ''), before)
  } finally {
    for (const socket of server.clients) socket.terminate()
    server.close()
  }
  await rig.redirect(0, rig.agentPort)
  writeFileSync(join(rig.source, 'b'), 'b')
  await rig.converged()
})
