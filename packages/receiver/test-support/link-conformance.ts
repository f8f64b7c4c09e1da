/** What every link keeps, whatever carries it: see `Link`. Each kind brings an agent that can speak, and be cut off. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Frame, HelloPosition } from '../src/root-messages.ts'
import type { Address } from '../src/serve/link/dial.ts'
import type { Link, LinkEvents, LinkOptions } from '../src/serve/link/link.ts'
import { openLink } from '../src/serve/link/open-link.ts'

export interface LinkTrial extends AsyncDisposable {
  address: Address
  /** Another way to an agent of the same root; a connection there shows that the link has dialled it. */
  other: Address
  /** Where the target is, for the first greeting. */
  position: HelloPosition
  /** Sends changesets that end at these sequences, one after the other, each with one text of content. */
  say(...sequences: number[]): Promise<void>
  /** Every way to the agent breaks. */
  cut(): Promise<void>
  /** It can be reached again. */
  mend(): Promise<void>
}

/** What a disk thread, and the owner of the link, get. */
class Owner {
  readonly link: Link
  readonly heard: string[] = []
  readonly #position: () => HelloPosition
  #isGreeting = true
  #wake = Promise.withResolvers<void>()

  constructor(options: LinkOptions, position: () => HelloPosition) {
    this.#position = position
    const events: LinkEvents = {
      tell: ({ type }) => {
        this.#hear(type === 'hello' ? 'asked' : type)
        if (type === 'hello' && this.#isGreeting) this.link.greet(this.#position())
      },
      frame: (frame) => this.#hear(shown(frame)),
      connected: () => undefined,
      disconnected: (error) => this.#hear(error === null ? 'left' : 'lost'),
      log: () => undefined,
    }
    this.link = openLink(options, events)
  }

  /** From now on the position is asked for in vain. */
  silence(): void {
    this.#isGreeting = false
  }

  /** Resolves when that was heard so often. */
  async hears(what: string, times = 1): Promise<void> {
    while (this.heard.filter((one) => one === what).length < times) {
      await this.#wake.promise
      this.#wake = Promise.withResolvers()
    }
  }

  #hear(what: string): void {
    this.heard.push(what)
    this.#wake.resolve()
  }
}

/** Messages by their type, with the end of a changeset; bytes as text in brackets. */
function shown({ isBinary, data }: Frame): string {
  const text = Buffer.from(data).toString()
  if (isBinary) return `[${text}]`
  const { type, to } = JSON.parse(text) as { type: string; to?: number }
  return type === 'commit' ? `commit ${to}` : type
}

const changeset = (to: number) => ['changeset', 'segment', `[${to}]`, `commit ${to}`]

export function linkConformance(kind: string, begin: () => Promise<LinkTrial>, skip: string | false = false): void {
  const owned = (trial: LinkTrial, at = () => trial.position) =>
    new Owner({ root: 'site', software: 'test', address: trial.address }, at)

  test(`${kind}: it asks for the position, then brings a welcome, and then everything in order`, { skip }, async () => {
    await using trial = await begin()
    const owner = owned(trial)
    const { link, heard } = owner
    link.start()
    await owner.hears('welcome')
    await trial.say(12, 13)
    await owner.hears('commit 13')
    assert.deepEqual(heard, ['asked', 'welcome', ...changeset(12), ...changeset(13)])
    link.stop()
  })

  test(`${kind}: nothing comes before the position is said, and what is sent until then goes nowhere`, {
    skip,
  }, async () => {
    await using trial = await begin()
    const owner = owned(trial)
    owner.silence()
    owner.link.start()
    await owner.hears('asked')
    owner.link.send(JSON.stringify({ type: 'want', paths: [] }))
    await trial.say(12)
    assert.deepEqual(owner.heard, ['asked'])
    owner.link.greet(trial.position)
    await owner.hears('commit 12')
    assert.deepEqual(owner.heard, ['asked', 'welcome', ...changeset(12)])
    owner.link.stop()
  })

  test(`${kind}: a line that broke is said, and mends by itself, from the position that is true then`, {
    skip,
  }, async () => {
    await using trial = await begin()
    let sequence = 11
    const owner = owned(trial, () => ({ ...trial.position, sequence, durable: sequence }))
    owner.link.start()
    await owner.hears('welcome')
    await trial.say(12)
    await owner.hears('commit 12')
    sequence = 12
    await trial.cut()
    await owner.hears('lost')
    const before = owner.heard.length
    assert.deepEqual(owner.heard.slice(-2), ['disconnected', 'lost'])
    await trial.mend()
    await owner.hears('welcome', 2)
    await trial.say(13)
    await owner.hears('commit 13')
    const since = owner.heard.slice(before).filter((one) => one !== 'lost')
    assert.deepEqual(since, ['asked', 'welcome', ...changeset(13)])
    owner.link.stop()
  })

  test(`${kind}: stopped, it is silent: it says that it left, and nothing comes any more`, { skip }, async () => {
    await using trial = await begin()
    const owner = owned(trial)
    owner.link.start()
    await owner.hears('welcome')
    owner.link.stop()
    await trial.say(12)
    assert.deepEqual(owner.heard, ['asked', 'welcome', 'disconnected', 'left'])
  })

  test(`${kind}: with another address it leaves the one it has, and asks for the position again`, {
    skip,
  }, async () => {
    await using trial = await begin()
    const owner = owned(trial)
    owner.link.start()
    await owner.hears('welcome')
    owner.link.renew(trial.other)
    await owner.hears('welcome', 2)
    assert.deepEqual(owner.heard, ['asked', 'welcome', 'disconnected', 'left', 'asked', 'welcome'])
    owner.link.stop()
  })
}
