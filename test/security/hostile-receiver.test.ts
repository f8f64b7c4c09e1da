/**
 * A receiver with a valid token that breaks the protocol in every way we can think of: it is closed with a code and one
 * log line, learns nothing that is not in the index, and an honest receiver of the same agent does not notice.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import WebSocket from 'ws'
import {
  decodeToReceiver,
  type Hello,
  LIMITS,
  SUBPROTOCOLS,
  type ToAgent,
  type ToReceiver,
} from '../../packages/protocol/src/index.ts'
import { differences } from '../support/compare-trees.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

const HELLO: ToAgent = {
  type: 'hello',
  software: 'hostile',
  root: 'site',
  epoch: null,
  term: null,
  sequence: 0,
  durable: 0,
  target: 'empty',
  partials: [],
  encodings: ['tar'],
  prepared: null,
  credit: LIMITS.creditBytes,
}
const EXCLUDED = 'secret.log'

let rig: Rig
let token: string
let round = 0

before(async () => {
  rig = await Rig.start({
    receivers: 1,
    root: { exclude: ['*.log'] },
    prepare: (source) => {
      for (let file = 0; file < 50; file += 1) writeFileSync(join(source, `f${file}`), Buffer.alloc(200_000, file))
      writeFileSync(join(source, EXCLUDED), 'SECRET')
    },
  })
  await rig.inSync()
  token = rig.agentVerb('token', 'create', 'hostile').trim()
})
after(() => rig[Symbol.asyncDispose]())

/** An honest receiver of the same agent still gets changes, and the agent is still the same process. */
async function honestIsServed(): Promise<void> {
  writeFileSync(join(rig.source, 'honest'), `round ${++round}`)
  const left = () => differences(rig.source, rig.targets[0] ?? '', { ignore: (path) => path === EXCLUDED })
  await until(
    () => left().length === 0,
    () => left().join('; '),
  )
  assert.ok(process.kill(rig.agent?.pid ?? 0, 0))
}

class HostileReceiver implements Disposable {
  readonly socket: WebSocket
  readonly heard: ToReceiver[] = []
  readonly bytes: Buffer[] = []
  code = 0

  constructor() {
    const headers = { Authorization: `Bearer ${token}` }
    this.socket = new WebSocket(`ws://127.0.0.1:${rig.agentPort}/v1/stream`, [...SUBPROTOCOLS], { headers })
    this.socket.on('error', () => this.socket.terminate())
    this.socket.on('close', (code) => {
      this.code = code
    })
    this.socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) this.bytes.push(data)
      else this.heard.push(decodeToReceiver(data))
    })
  }

  /** Connected, and fed up to the first commit if its hello is valid. */
  static async fed(hello: ToAgent = HELLO): Promise<HostileReceiver> {
    const receiver = new HostileReceiver()
    await once(receiver.socket, 'open')
    receiver.say(hello)
    await receiver.hears('commit')
    return receiver
  }

  say(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message))
  }

  async hears<Type extends ToReceiver['type']>(type: Type): Promise<Extract<ToReceiver, { type: Type }>> {
    const found = () =>
      this.heard.findLast((message): message is Extract<ToReceiver, { type: Type }> => message.type === type)
    return await until(found, () => `no ${type}, closed with ${this.code}`)
  }

  async closed(): Promise<number> {
    await until(
      () => this.code !== 0,
      () => 'it was not closed',
    )
    return this.code
  }

  [Symbol.dispose](): void {
    this.socket.terminate()
  }
}

const VIOLATIONS: Record<string, { does: (receiver: HostileReceiver) => void; code: number }> = {
  'a binary frame': { does: ({ socket }) => socket.send(Buffer.alloc(10)), code: 4401 },
  'no JSON': { does: (receiver) => receiver.say('{"type":'), code: 4400 },
  'an unknown type': { does: (receiver) => receiver.say({ type: 'delete-all' }), code: 4400 },
  'a second hello': { does: (receiver) => receiver.say(HELLO), code: 4401 },
  'a message of the other direction': { does: (receiver) => receiver.say({ type: 'commit', to: 1 }), code: 4400 },
  'a field too many': { does: (receiver) => receiver.say({ type: 'durable', sequence: 0, root: '/' }), code: 4400 },
  'a commit of what was not sent': {
    does: (receiver) => receiver.say({ type: 'committed', sequence: 2 ** 52, burstMicros: 0 }),
    code: 4401,
  },
  'a sequence beyond what is exact': {
    does: (receiver) => receiver.say('{"type":"committed","sequence":9007199254740993}'),
    code: 4400,
  },
  'a negative sequence': {
    does: (receiver) => receiver.say({ type: 'committed', sequence: -1, burstMicros: 0 }),
    code: 4400,
  },
  'a sequence that is not a number': {
    does: (receiver) => receiver.say('{"type":"committed","sequence":NaN}'),
    code: 4400,
  },
  'durable before committed': { does: (receiver) => receiver.say({ type: 'durable', sequence: 5 }), code: 4401 },
  'negative credit': { does: (receiver) => receiver.say({ type: 'credit', bytes: -1 }), code: 4400 },
  'endless credit': { does: (receiver) => receiver.say({ type: 'credit', bytes: 2 ** 53 }), code: 4400 },
  'credit above the bound': {
    does: (receiver) => receiver.say({ type: 'credit', bytes: LIMITS.creditBytes }),
    code: 4402,
  },
  'a path that is wanted twice': {
    does: (receiver) =>
      receiver.say({
        type: 'want',
        request: 1,
        paths: [
          ['f1', null],
          ['f1', null],
        ],
      }),
    code: 4400,
  },
  'a request that is open already': {
    does: (receiver) => {
      for (const path of ['f1', 'f2']) receiver.say({ type: 'want', request: 1, paths: [[path, null]] })
    },
    code: 4400,
  },
  'a cursor that no listing had': {
    does: (receiver) => receiver.say({ type: 'list', request: 1, within: '.', after: 'x/f1', digests: false }),
    code: 4400,
  },
  'a cursor that no summary had': {
    does: (receiver) => receiver.say({ type: 'summarize', request: 1, after: '1/a/b', owners: true }),
    code: 4400,
  },
  'a directory that is asked for twice': {
    does: (receiver) => receiver.say({ type: 'expand', request: 1, within: ['d', 'd'], after: null }),
    code: 4400,
  },
  'a repair that was not asked for': { does: (receiver) => receiver.say({ type: 'repaired', request: 7 }), code: 4401 },
  'the end of a resync that is none': {
    does: (receiver) => receiver.say({ type: 'resynced', sequence: 1 }),
    code: 4401,
  },
  'progress of a resync that is none': {
    does: (receiver) => {
      const counts = { checked: 0, missing: 0, changed: 0, extraneous: 0, repaired: 0, bytes: 0 }
      receiver.say({ type: 'resync-progress', id: 1, state: 'done', ...counts, differences: [], error: null })
    },
    code: 4401,
  },
  'a path out of the root': {
    does: (receiver) => receiver.say({ type: 'want', request: 1, paths: [['../etc/passwd', null]] }),
    code: 4400,
  },
  'an absolute path': {
    does: (receiver) => receiver.say({ type: 'want', request: 1, paths: [['/etc/passwd', null]] }),
    code: 4400,
  },
  'too many requests at once': {
    does: (receiver) => {
      for (let request = 1; request < 200; request += 1) receiver.say({ type: 'want', request, paths: [['f1', null]] })
    },
    code: 4402,
  },
  'a message of five megabytes': { does: (receiver) => receiver.say(`"${'x'.repeat(5e6)}"`), code: 1009 },
  'a message in endless fragments': {
    does: ({ socket }) => {
      for (let part = 0; part < 80; part += 1) socket.send('x'.repeat(65_536), { fin: false })
    },
    code: 1009,
  },
}

for (const [what, { does, code }] of Object.entries(VIOLATIONS)) {
  test(`${what}: closed with ${code}`, async () => {
    using receiver = await HostileReceiver.fed()
    const logged = rig.logs.length
    does(receiver)
    assert.equal(await receiver.closed(), code)
    const about = () =>
      rig.logs.slice(logged).filter((line) => line['receiver'] === 'hostile' && line.msg === 'receiver disconnected')
    await until(
      () => about().length === 1,
      () => JSON.stringify(rig.logs.slice(logged)),
    )
  })
}

test('after all of that an honest receiver is served as ever', honestIsServed)

test('what is not in the index is absent, whatever there is on disk', async () => {
  using receiver = await HostileReceiver.fed()
  const paths = [EXCLUDED, '.rootferry', '.rootferry/x', 'missing', 'f1/below-a-file']
  receiver.say({ type: 'want', request: 1, paths: paths.map((path) => [path, null]) })
  await until(
    () =>
      receiver.heard.some((message) => message.type === 'changeset' && message.request === 1) &&
      receiver.heard.at(-1)?.type === 'commit',
    () => `closed with ${receiver.code}`,
  )
  const changes = receiver.heard.flatMap((message) => (message.type === 'segment' ? message.changes : []))
  for (const path of paths)
    assert.deepEqual(
      changes.filter((change) => change.path === path),
      [{ path, kind: 'absent' }],
    )
  assert.ok(!Buffer.concat(receiver.bytes).includes('SECRET'))
})

test('a cursor of its own making lists nothing but the index', async () => {
  using receiver = await HostileReceiver.fed()
  for (const after of ['999999999/x', '-1/', 'x', "1/' OR 1=1 --", '1e999/..']) {
    receiver.heard.length = 0
    receiver.say({ type: 'list', request: 1, within: '.', after, digests: false })
    await until(
      () => receiver.heard.some(({ type }) => type === 'listing') || receiver.code !== 0,
      () => 'no answer',
    )
    assert.ok(!JSON.stringify(receiver.heard).includes(EXCLUDED))
    if (receiver.code !== 0) break
  }
  await honestIsServed()
})

test('a hello of nonsense gets nothing; one of another root gets a code', async () => {
  for (const [hello, code] of [
    [{ ...HELLO, root: '../site' }, 4400],
    [{ ...HELLO, root: 'other' }, 4404],
    [{ ...HELLO, credit: 0 }, 4400],
    [{ ...HELLO, partials: Array.from({ length: 17 }, () => ({ path: 'a', content: 1, bytes: 1 })) }, 4400],
    [{ ...HELLO, sequence: 2 ** 53 }, 4400],
  ] as const) {
    using receiver = new HostileReceiver()
    await once(receiver.socket, 'open')
    receiver.say(hello)
    assert.equal(await receiver.closed(), code)
  }
})

test('a receiver that never reads costs little memory, and delays no other', async () => {
  const memory = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${rig.agent?.pid}/status`, 'utf8'))?.[1]) / 1024
  const lazy = Array.from({ length: 4 }, () => new HostileReceiver())
  try {
    for (const { socket } of lazy) {
      await once(socket, 'open')
      socket.send(JSON.stringify(HELLO))
      socket.pause()
    }
    for (let turn = 0; turn < 10; turn += 1) await honestIsServed()
    assert.ok(memory() < 450, `${memory()} MB`)
  } finally {
    for (const receiver of lazy) receiver[Symbol.dispose]()
  }
})

const HELLOS: Record<string, Partial<Hello>> = {
  'durable beyond the sequence': { epoch: 'e', term: 't', sequence: 1, durable: 2 },
  'a sequence in no epoch': { sequence: 1 },
  'a term in no epoch': { term: 't' },
  'a position without a term': { epoch: 'e', sequence: 1 },
  'something prepared of no epoch': { prepared: { sequence: 1, term: 't' } },
  'something prepared below the sequence': { epoch: 'e', term: 't', sequence: 2, prepared: { sequence: 1, term: 't' } },
  'a partial of no epoch': { partials: [{ path: 'f1', content: 1, bytes: 1 }] },
  'no encodings': { encodings: [] },
  'encodings without tar': { encodings: ['zstd'] },
}

for (const [what, given] of Object.entries(HELLOS)) {
  test(`a hello with ${what}: closed with 4400`, async () => {
    using receiver = new HostileReceiver()
    await once(receiver.socket, 'open')
    receiver.say({ ...HELLO, ...given })
    assert.equal(await receiver.closed(), 4400)
    assert.deepEqual(receiver.heard, [])
  })
}
