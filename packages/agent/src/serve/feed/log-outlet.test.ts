/** The way into a log is an outlet; and what it tells its session on behalf of the readers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogMessage } from '@rootferry/nats'
import { encodeMessage, type ToAgent } from '@rootferry/protocol'
import { type OutletTrial, outletConformance } from '../../../test-support/outlet-conformance.ts'
import { LogOutlet } from './log-outlet.ts'
import type { OutletEvents } from './outlet.ts'

/** Stores what is appended while it is not paused, as a broker does. */
class Store {
  readonly stored: string[] = []
  readonly #held: (() => void)[] = []
  #isPaused = false
  #wake = Promise.withResolvers<void>()
  fails = false
  lastAt = 0

  async append({ isBinary, data }: LogMessage, after: number): Promise<void> {
    if (this.#isPaused) await new Promise<void>((resolve) => this.#held.push(resolve))
    if (this.fails || after !== this.lastAt) throw new Error(`expected ${this.lastAt}, and not ${after}`)
    this.lastAt += 1
    const text = Buffer.from(data).toString()
    this.stored.push(isBinary ? `[${text}]` : text)
    this.#wake.resolve()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    for (const go of this.#held.splice(0)) go()
  }

  async next(): Promise<string> {
    while (this.stored.length === 0) {
      await this.#wake.promise
      this.#wake = Promise.withResolvers()
    }
    return this.stored.shift() ?? ''
  }
}

/** Every frame is one message, and its own text. */
const PLAIN = {
  encode: (frame: string | Uint8Array) => {
    const isBinary = typeof frame !== 'string'
    const data = Buffer.from(frame as string)
    const message = isBinary || !frame.startsWith('{') ? null : JSON.parse(frame)
    return { message, messages: [{ kind: 'part' as const, isBinary, part: 0, more: false, signature: null, data }] }
  },
}

function opened(
  events: OutletEvents,
  store = new Store(),
  staged: (to: number) => Promise<void> = async () => undefined,
) {
  const failures: unknown[] = []
  const outlet = new LogOutlet(
    {
      encoder: PLAIN,
      append: (message, after) => store.append(message, after),
      lastAt: 0,
      id: 'test',
      welcomed: () => undefined,
      reached: () => undefined,
      staged,
      failed: (error) => failures.push(error),
    },
    events,
  )
  return { outlet, store, failures }
}

outletConformance('log', async (events): Promise<OutletTrial> => {
  const { outlet, store } = opened(events)
  return {
    outlet,
    next: () => store.next(),
    pause: () => store.pause(),
    resume: () => store.resume(),
    break: () => outlet.broke(),
    [Symbol.asyncDispose]: async () => store.resume(),
  }
})

function hearing(): { said: ToAgent[]; events: OutletEvents; ended: Promise<number> } {
  const said: ToAgent[] = []
  const ended = Promise.withResolvers<number>()
  const message = (data: Buffer) => said.push(JSON.parse(String(data)) as ToAgent)
  return { said, events: { message, sent: () => 0, closed: ended.resolve }, ended: ended.promise }
}

test('a changeset counts as committed when its end is stored, and not before', async () => {
  const { said, events } = hearing()
  const { outlet, store } = opened(events)
  store.pause()
  const commit = outlet.send(encodeMessage({ type: 'commit', to: 7 }))
  await commit
  assert.equal(said.length, 0)
  store.resume()
  while (said.length < 2) await outlet.sleep()
  assert.deepEqual(
    said.map((message) => [message.type, 'sequence' in message ? message.sequence : null]),
    [
      ['committed', 7],
      ['durable', 7],
    ],
  )
})

test('what a round has prepared is staged when the readers say so', async () => {
  const { said, events } = hearing()
  const readers = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<number>()
  const { outlet } = opened(events, new Store(), (to) => {
    asked.resolve(to)
    return readers.promise
  })
  await outlet.send(encodeMessage({ type: 'prepare', to: 9, doubtMs: 1_000 }))
  assert.equal(await asked.promise, 9)
  assert.equal(said.length, 0)
  readers.resolve()
  await readers.promise
  assert.deepEqual(said, [{ type: 'staged', sequence: 9 }])
})

test('a message that is not stored ends the outlet: no later one is stored', async () => {
  const { said, events, ended } = hearing()
  const { outlet, store, failures } = opened(events)
  store.fails = true
  await outlet.send(encodeMessage({ type: 'commit', to: 7 }))
  assert.equal(await ended, 1006)
  store.fails = false
  await outlet.send(encodeMessage({ type: 'commit', to: 8 }))
  assert.deepEqual([said, failures.length, store.stored], [[], 1, []])
})
