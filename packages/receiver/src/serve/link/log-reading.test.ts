/**
 * Readers of a log that evicts silently, loses what it had acknowledged, and has messages of somebody else, written by an
 * agent that is killed, restarted and restored from a backup, with snapshots beside it: whatever a reader commits is the
 * agent's tree at that position, its position never goes back but by the agent's own word, and whom the agent has brought
 * up goes on without it.
 *
 * Streams are in memory; what is written is written by the agent's encoder, and read by the real reading.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Broker,
  type Closing,
  endAt,
  type Kind,
  LogEncoder,
  type LogMessage,
  ownEnd,
  type StoredMessage,
} from '@rootferry/nats'
import { encodeMessage } from '@rootferry/protocol'
import fc from 'fast-check'
import { testIdentity, WrittenLog, welcomeOf } from '../../../../nats/test-support/written-log.ts'
import type { HelloPosition } from '../../root-messages.ts'
import { LogReading } from './log-reading.ts'

const { signer, fingerprint } = testIdentity(0)
const stranger = testIdentity(1).signer

/** A stream of JetStream: numbers go on, the oldest go, and the newest can be lost with a server. */
class MemoryStream {
  messages: StoredMessage[] = []
  lastAt = 0

  append(message: LogMessage): void {
    this.lastAt += 1
    this.messages.push({ ...message, at: this.lastAt })
  }

  evict(count: number): void {
    this.messages.splice(0, count)
  }

  lose(count: number): void {
    this.messages.splice(Math.max(0, this.messages.length - count), count)
    this.lastAt = Math.max(0, this.lastAt - count)
  }

  async *read(from: number): AsyncGenerator<StoredMessage> {
    for (const message of this.messages) if (message.at >= from) yield message
  }

  async headFrom(at: number): Promise<StoredMessage | null> {
    return this.messages.find((message) => message.kind === 'head' && message.at >= at) ?? null
  }

  async lastOf(wanted: Kind): Promise<StoredMessage | null> {
    return this.messages.findLast(({ kind }) => kind === wanted) ?? null
  }

  async extent(): Promise<{ last: number }> {
    return { last: this.lastAt }
  }

  async next(at: number) {
    return endAt(this.messages.find((message) => message.kind === 'end' && message.at >= at) ?? null)
  }

  async last() {
    return endAt(await this.lastOf('end'))
  }
}

/** What the agent's tree was, as the names of all its changes. */
type Tree = readonly string[]

const RUBBISH = { isBinary: false, part: 0, more: false, signature: null, data: Buffer.from('{') }
const FORGERIES = [
  'changeset',
  'head',
  'end',
  'rubbish',
  'no begin',
  'unknown',
  'old',
  'closing',
  'no closing',
] as const
type Forgery = (typeof FORGERIES)[number]

class World {
  readonly log = new MemoryStream()
  readonly entries = new MemoryStream()
  #newest: { text: string; signature: string } | null = null
  /** Somebody else has written into the streams, and the agent has not begun anew. */
  #isSpoiled = false
  tree: Tree = []
  term = ''
  #terms = 0
  #names = 0
  /** Position → the tree there, as the agent that made it knew. */
  readonly #trees = new Map<string, Tree>()
  #encoder: LogEncoder | null = null
  #written = 0
  readonly broker = {
    log: () => this.log,
    snapshots: () => ({ entries: this.entries, newest: async () => this.#newest }),
  } as unknown as Broker

  async begin(): Promise<void> {
    this.#terms += 1
    this.term = `t${this.#terms}`
    this.#know()
    const end = this.#isSpoiled ? null : await ownEnd(this.log, signer)
    this.#isSpoiled = false
    const known = end === null ? undefined : this.#trees.get(`${end.term}/${end.sequence}`)
    const from = known !== undefined && isBeginning(known, this.tree) ? end : null
    this.#encoder = new LogEncoder('site', signer, from)
    const start = from === null ? 'resync' : 'replay'
    this.#written = from?.sequence ?? this.tree.length
    const { messages } = this.#encoder.encode(encodeMessage({ ...welcomeOf('e', this.term, this.#written), start }))
    for (const message of messages) this.log.append(message)
    this.publish(null)
    if (from === null) this.snapshot()
  }

  /** The agent finds what somebody else has written. */
  async mend(): Promise<void> {
    if (!this.#isSpoiled) return
    await this.begin()
    this.snapshot()
  }

  /** Somebody else writes into the log, or beside it. */
  async forge(kind: Forgery): Promise<void> {
    this.#isSpoiled = true
    const end = await this.log.last()
    const { term, sequence } = end ?? { term: this.term, sequence: 0 }
    const log = new WrittenLog('site', stranger, welcomeOf('e', term, sequence), { epoch: 'e', term, sequence })
    const whole = log.changeset(sequence + 1, Buffer.from('[]'))
    const torn = whole.slice(0, 2)
    if (kind === 'changeset') for (const message of whole) this.log.append(message)
    else if (kind === 'head') for (const message of torn) this.log.append(message)
    else if (kind === 'end') for (const message of whole.slice(-1)) this.log.append(message)
    else if (kind === 'rubbish') this.log.append({ ...RUBBISH, kind: 'end' })
    else if (kind === 'no begin') this.log.append({ ...RUBBISH, kind: 'begin' })
    else if (kind === 'unknown') this.log.lastAt += 1
    else if (kind === 'old') for (const message of this.log.messages.slice(0, 8)) this.log.append(message)
    else this.#newest = { text: kind === 'closing' ? '{"root":"site"}' : '', signature: '' }
  }

  change(count: number): void {
    for (let added = 0; added < count; added += 1) {
      this.#names += 1
      this.tree = [...this.tree, `${this.#names}`]
    }
    this.#know()
  }

  restore(count: number): void {
    this.tree = this.tree.slice(0, Math.max(1, this.tree.length - count))
  }

  /** @param most messages that get into the log before the agent is killed; null: all */
  publish(most: number | null): void {
    const to = this.tree.length
    if (to === this.#written || this.#encoder === null) return
    const messages = this.#changeset(this.#encoder, this.#written, to)
    for (const message of messages.slice(0, most ?? messages.length)) this.log.append(message)
    this.#written = to
  }

  snapshot(): void {
    const to = this.tree.length
    if (to === 0 || this.#written !== to) return
    const encoder = new LogEncoder('site', signer, null)
    encoder.encode(encodeMessage({ ...welcomeOf('e', this.term, 0), head: to }))
    const first = this.entries.lastAt + 1
    for (const part of [Math.ceil(to / 2), to])
      if (part > 0)
        for (const message of this.#changeset(encoder, part === to ? Math.ceil(to / 2) : 0, part))
          this.entries.append(message)
    const closing: Closing = {
      ...{ root: 'site', epoch: 'e', term: this.term, sequence: to, first, last: this.entries.lastAt },
      ...{ logAt: this.log.lastAt, bytes: 0, madeAt: '', certificate: signer.certificate },
    }
    const text = JSON.stringify(closing)
    this.#newest = { text, signature: signer.sign('closing', text) }
  }

  #changeset(encoder: LogEncoder, base: number, to: number): LogMessage[] {
    if (base === to) return []
    const content = Buffer.from(JSON.stringify(this.tree.slice(0, to)))
    const bytes = content.byteLength
    const frames = [
      encodeMessage({ type: 'changeset', base, from: base, to, head: to, request: null, changes: 1, bytes }),
      encodeMessage({
        ...{ type: 'segment', index: 0, encoding: 'tar', bytes, tarBytes: bytes, changes: [], slice: null, to },
        ...{ users: [], groups: [] },
      }),
      content,
      encodeMessage({ type: 'commit', to }),
    ]
    return frames.flatMap((frame) => encoder.encode(frame).messages)
  }

  #know(): void {
    for (let sequence = 0; sequence <= this.tree.length; sequence += 1)
      this.#trees.set(`${this.term}/${sequence}`, this.tree.slice(0, sequence))
  }
}

function isBeginning(one: Tree, of: Tree): boolean {
  return one.every((name, at) => of[at] === name)
}

class Reader {
  tree: Tree = []
  term: string | null = null
  #notBefore = 0

  get #position(): HelloPosition {
    const sequence = this.tree.length
    const isEmpty = this.term === null
    return {
      ...{ epoch: isEmpty ? null : 'e', term: this.term, sequence, durable: sequence },
      ...{ target: isEmpty ? 'empty' : 'populated', partials: [], prepared: null },
    }
  }

  /** Reads what there is, and has the agent bring it on where that leads nowhere. @returns whether it has */
  async read(world: World): Promise<boolean> {
    this.#notBefore = 0
    for (let times = 0; ; times += 1) {
      assert.ok(times < 20, 'it comes to an end')
      const end = await this.#once(world)
      if (end === 'all') return false
      if (end === 'dial') {
        this.tree = world.tree
        this.term = world.term
        return true
      }
    }
  }

  async #once(world: World): Promise<'all' | 'dial' | 'again'> {
    const { promise, resolve } = Promise.withResolvers<'all' | 'dial' | 'again'>()
    let [term, base, content] = ['', 0, '']
    const reading = await LogReading.at(
      this.#position,
      { broker: world.broker, root: 'site', fingerprint, notBefore: this.#notBefore },
      {
        frame: ({ isBinary, data }) => {
          const text = Buffer.from(data).toString()
          if (isBinary) content = text
          else {
            const message = JSON.parse(text) as { type: string; term?: string; base?: number; to?: number }
            if (message.type === 'welcome') term = message.term ?? ''
            if (message.type === 'changeset') base = message.base ?? 0
            if (message.type === 'commit') this.#commit(base, JSON.parse(content) as Tree, term)
          }
        },
        restart: (at) => {
          this.#notBefore = at
          resolve('again')
        },
        off: (why, kind) => {
          if (kind === 'failed') assert.equal(why, 'the log is not there any more')
          resolve(kind === 'failed' ? 'all' : 'dial')
        },
      },
    ).catch((error: Error) => {
      assert.equal(error.name, 'Forged', String(error.stack))
      return null
    })
    if (reading === null) return 'dial'
    reading.start()
    return await promise
  }

  #commit(base: number, whole: Tree, term: string): void {
    assert.equal(this.tree.length, base, 'it builds on where the reader is')
    assert.ok(isBeginning(this.tree, whole), `${this.tree} is not the beginning of ${whole}`)
    this.tree = whole
    this.term = term
  }
}

const small = fc.integer({ min: 1, max: 6 })
const STEPS = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('change' as const), count: small }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('read' as const), count: fc.nat(1) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('snapshot', 'restart'), count: small }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('evict', 'lose', 'torn'), count: small }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom(...FORGERIES), count: small }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('restore', 'lose-snapshot'), count: small }) },
  ),
  { minLength: 5, maxLength: 40 },
)
type Step = typeof STEPS extends fc.Arbitrary<(infer S)[]> ? S : never

async function happens({ do: what, count }: Step, world: World, readers: readonly Reader[]): Promise<void> {
  const forgery = FORGERIES.find((kind) => kind === what)
  if (forgery !== undefined) return await world.forge(forgery)
  if (what === 'read') return void (await readers[count]?.read(world))
  if (what === 'evict') return world.log.evict(count)
  if (what === 'change' || what === 'torn') world.change(count)
  await world.mend()
  if (what === 'snapshot') return world.snapshot()
  if (what === 'change') return world.publish(null)
  if (what === 'torn') world.publish(Math.min(count, 3))
  if (what === 'lose') world.log.lose(count)
  if (what === 'lose-snapshot') world.entries.lose(count)
  if (what === 'restore') world.restore(count)
  // The connection, or the agent, is lost with all of these.
  await world.begin()
}

test('whatever a log evicts, loses, or gets from somebody else, or an agent that was killed or restored: readers have the agent’s tree', async () => {
  await fc.assert(
    fc.asyncProperty(STEPS, async (steps) => {
      const world = new World()
      const readers = [new Reader(), new Reader()]
      world.change(2)
      await world.begin()
      for (const step of steps) await happens(step, world, readers)
      await world.mend()
      world.snapshot()
      readers.push(new Reader())
      for (const reader of readers) {
        await reader.read(world)
        assert.equal(await reader.read(world), false, 'the log leads on from where the agent has brought it')
      }
      // The agent writes on, and everybody follows.
      for (let round = 0; round < 3; round += 1) {
        world.change(1)
        world.publish(null)
        for (const reader of readers) assert.equal(await reader.read(world), false, 'it reads what comes')
      }
      for (const { tree } of readers) assert.deepEqual(tree, world.tree)
    }),
    { numRuns: Number(process.env['ROOTFERRY_RUNS'] ?? 60) },
  )
})
