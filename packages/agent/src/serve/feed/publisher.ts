/**
 * Keeps the log of one root: a session of its feed that writes into the log, begun where the log ends, and begun again when
 * it ends.
 *
 *   ask who else publishes ─▶ last end of the log ─▶ session from there ─▶ lost ─▶ pause ─▶ from the beginning
 *
 * INVARIANT: the log itself says how far it is, so that nothing has to be remembered. When its end is not a position of
 * this index (a new index, or one from a backup), or somebody else has signed it, the session begins anew: with the whole tree where the log has room for
 * it, so that empty targets can begin with the log alone, and else with what changes from now on.
 */
import type { Logger } from '@rootferry/host/daemon'
import { type BackoffRange, backoffMs, errorMessage } from '@rootferry/host/machine'
import type { Broker, LogPosition, LogStream, Retention, Signer } from '@rootferry/nats'
import { type Hello, ProtocolError, type Welcome } from '@rootferry/protocol'
import { LOG_CREDIT_BYTES, LogOutlet } from './log-outlet.ts'
import { LOG_RECEIVER } from './log-readers.ts'
import type { RootFeed } from './root-feed.ts'

export type PublisherState = 'off' | 'refused' | 'publishing'

export interface PublisherParts {
  feed: Pick<RootFeed, 'name' | 'serve' | 'disconnect'>
  broker: Broker
  retention: Retention
  nats(): Promise<Pick<typeof import('@rootferry/nats'), 'LogEncoder' | 'signerOf'>>
  identity(): { cert: string; key: string }
  /** Who this is, for another agent that publishes the same root. */
  who: string
  software: string
  /** Resolves when the receivers of the log have staged everything up to there. */
  staged(to: number): Promise<void>
  log: Logger
}

/** Where a session begins. */
interface Beginning {
  /** The sequence of the last message in the log. */
  lastAt: number
  /** The end of the log; null: there is none. */
  from: LogPosition | null
  target: Hello['target']
}

const PAUSES: BackoffRange = { firstMs: 500, mostMs: 15_000 }

export class Publisher {
  readonly #parts: PublisherParts
  readonly #log: Logger
  #state: PublisherState = 'off'
  #why: string | null = null
  #outlet: LogOutlet | null = null
  #isClosed = false
  #pause = Promise.withResolvers<void>()

  constructor(parts: PublisherParts) {
    this.#parts = parts
    this.#log = parts.log.child({ root: parts.feed.name })
  }

  get status(): { state: PublisherState; why: string | null } {
    return { state: this.#state, why: this.#why }
  }

  /** Until it is closed, or the connection to the broker is over. Never rejects. */
  async run(): Promise<void> {
    const { broker } = this.#parts
    const stream = broker.log(this.#parts.feed.name)
    void broker.ended().then(() => this.close())
    for (let attempt = 0; !this.#isClosed; attempt += 1) {
      try {
        const began = performance.now()
        await this.#publish(stream)
        if (performance.now() - began > PAUSES.mostMs) attempt = 0
      } catch (error) {
        this.#become('refused', errorMessage(error))
      }
      const pause = Promise.withResolvers<void>()
      this.#pause = pause
      if (this.#isClosed) break
      const timer = setTimeout(() => pause.resolve(), backoffMs(attempt, PAUSES))
      await pause.promise
      clearTimeout(timer)
    }
    this.#become('off', this.#why)
  }

  close(): void {
    this.#isClosed = true
    this.#outlet?.broke()
    this.#pause.resolve()
  }

  /** Resolves when the session has ended. @throws Error with one line that says why there is none */
  async #publish(stream: LogStream): Promise<void> {
    const { broker, retention, who, feed } = this.#parts
    const other = await broker.publisherOf(stream.names)
    if (other !== null && other !== who) throw new Error(`another agent publishes ${feed.name} already: ${other}`)
    if (other === null) broker.claim(stream.names, who)
    const lastAt = await stream.ensure(retention)
    const signer = (await this.#parts.nats()).signerOf(this.#parts.identity())
    const end = await stream.lastOf(signer)
    const how = await this.#session(stream, signer, { lastAt, from: end, target: 'populated' })
    if (how !== 'begin-anew') return
    await this.#session(stream, signer, { lastAt: await stream.ensure(retention), from: null, target: 'empty' })
  }

  /** @returns how it ended */
  async #session(
    stream: LogStream,
    signer: Signer,
    { lastAt, from, target }: Beginning,
  ): Promise<'over' | 'begin-anew'> {
    const { feed, retention, staged, nats } = this.#parts
    const { LogEncoder } = await nats()
    let beginsAnew = false
    const encoder = new LogEncoder(feed.name, signer, from)
    const ended = Promise.withResolvers<void>()
    const welcomed = (welcome: Welcome) => {
      const isTooLarge = welcome.total.bytes > retention.maxBytes / 2
      if (welcome.start === 'resync' && !isTooLarge) {
        beginsAnew = true
        queueMicrotask(() => outlet.close(new ProtocolError('shutting-down', 'the log begins anew')))
        return
      }
      this.#log.info({ sequence: welcome.sequence, start: welcome.start, reason: welcome.reason }, 'the log is written')
      this.#become('publishing', null)
    }
    let outlet!: LogOutlet
    const hello = helloOf(feed.name, this.#parts.software, from, target)
    const peer = {
      open: (events: ConstructorParameters<typeof LogOutlet>[1]) => {
        outlet = new LogOutlet(
          {
            encoder,
            append: (message, after, id) => stream.append(message, after, id),
            lastAt,
            id: `${this.#parts.who}/${performance.now()}`,
            welcomed,
            staged,
            failed: (error) => {
              this.#why = errorMessage(error)
              this.#log.warn({ error: this.#why }, 'the log cannot be written, trying again')
            },
          },
          {
            ...events,
            closed: (code, reason) => {
              events.closed(code, reason)
              ended.resolve()
            },
          },
        )
        this.#outlet = outlet
        return outlet
      },
      receiver: LOG_RECEIVER,
      address: '',
      node: null,
      compress: true,
      // Readers of the log take its entries in their order.
      overtakes: false,
      now: new Date(),
    }
    void feed.serve(peer, hello)
    await ended.promise
    this.#outlet = null
    if (!beginsAnew) this.#become('off', this.#why)
    return beginsAnew ? 'begin-anew' : 'over'
  }

  #become(state: PublisherState, why: string | null): void {
    if (state === 'refused' && this.#why !== why) this.#log.error({ error: why }, 'the log is not written')
    this.#state = state
    this.#why = why
  }
}

function helloOf(root: string, software: string, from: LogPosition | null, target: Hello['target']): Hello {
  const position = from ?? { epoch: null, term: null, sequence: 0 }
  return {
    type: 'hello',
    software,
    root,
    epoch: position.epoch,
    term: position.term,
    sequence: position.sequence,
    durable: position.sequence,
    target,
    encodings: ['tar', 'zstd'],
    prepared: null,
    credit: LOG_CREDIT_BYTES,
    partials: [],
  }
}
