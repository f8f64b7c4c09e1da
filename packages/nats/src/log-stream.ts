/**
 * The log of one root as a stream of JetStream: appends with the expected sequence, so that a second publisher is refused
 * at once; reads in order, and as much at a time as the reader allows.
 *
 * JetStream answers a read from an evicted message with the first one that is still there, and says nothing. The
 * decoder's own check of every head finds that.
 */
import {
  type Consumer,
  type ConsumerMessages,
  DeliverPolicy,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  type JetStreamPublishOptions,
  jetstream,
  jetstreamManager,
  type StreamConfig,
} from '@nats-io/jetstream'
import { headers, type MsgHdrs, type NatsConnection, nanos } from '@nats-io/transport-node'
import { type EndAt, type EndLookups, endAt } from './find-position.ts'
import type { LogMessage, StoredMessage } from './log-entry.ts'
import { KINDS, type Kind, type StreamNames } from './names.ts'

/** What the stream keeps. */
export interface Retention {
  maxBytes: number
  maxAgeMs: number
  replicas: number
}

/** Of a reader that is under way: see `max_bytes` of a pull. */
const READ_AHEAD_BYTES = 8 << 20
const DUPLICATES_MS = 120_000
const IDLE_MS = 60_000

/** Somebody else has appended to the log. */
export class SecondPublisher extends Error {
  override name = 'SecondPublisher'
}

const WRONG_SEQUENCE = 10_071

export class LogStream implements EndLookups {
  readonly names: StreamNames
  readonly #connection: NatsConnection
  readonly #client: JetStreamClient
  #manager: JetStreamManager | null = null

  constructor(connection: NatsConnection, names: StreamNames) {
    this.#connection = connection
    this.names = names
    this.#client = jetstream(connection)
  }

  /** Makes the stream, or gives it these limits. @returns the sequence of its last message */
  async ensure({ maxBytes, maxAgeMs, replicas }: Retention): Promise<number> {
    return await this.ensureWith({ max_bytes: maxBytes, max_age: nanos(maxAgeMs), num_replicas: replicas })
  }

  async ensureWith(limits: Partial<StreamConfig>): Promise<number> {
    const { stream, subjects } = this.names
    const config: Partial<StreamConfig> & { name: string } = {
      name: stream,
      subjects: [subjects],
      retention: 'limits',
      discard: 'old',
      storage: 'file',
      duplicate_window: nanos(DUPLICATES_MS),
      allow_direct: true,
      deny_delete: true,
      deny_purge: true,
      ...limits,
    }
    const { streams } = await this.#managed()
    const made = await streams.add(config).catch(async (error: unknown) => {
      // There is one with other limits.
      if (!(error instanceof JetStreamApiError)) throw error
      return await streams.update(stream, config)
    })
    return made.state.last_seq
  }

  /** @param after the sequence of the message before. @throws SecondPublisher when that is another one */
  async append(message: LogMessage, after: number, id: string): Promise<void> {
    const expect = { lastSequence: after }
    await this.publish(this.names.subjectOf(message.kind), message.data, {
      headers: headersOf(message),
      msgID: id,
      expect,
    })
  }

  /** @throws SecondPublisher */
  async publish(
    subject: string,
    data: Uint8Array,
    options: Partial<JetStreamPublishOptions> & { expect: { lastSequence: number } },
  ): Promise<void> {
    const after = options.expect.lastSequence
    try {
      const ack = await this.#client.publish(subject, data, options)
      if (ack.seq !== after + 1) throw new SecondPublisher(`message ${after + 1} of the log became message ${ack.seq}`)
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === WRONG_SEQUENCE)
        throw new SecondPublisher(`the log has messages that are not of this agent: ${error.message}`)
      throw error
    }
  }

  /** Which messages are there, and what they take. */
  async extent(): Promise<{ first: number; last: number; messages: number; bytes: number }> {
    const { streams } = await this.#managed()
    const { state } = await streams.info(this.names.stream)
    return { first: state.first_seq, last: state.last_seq, messages: state.messages, bytes: state.bytes }
  }

  async next(at: number): Promise<EndAt | null> {
    return endAt(await this.#get({ seq: at, next_by_subj: this.names.subjectOf('end') }))
  }

  async last(): Promise<EndAt | null> {
    return endAt(await this.lastOf('end'))
  }

  /** The first head at or after that message; null: there is none. */
  async headFrom(at: number): Promise<StoredMessage | null> {
    return await this.#get({ seq: at, next_by_subj: this.names.subjectOf('head') })
  }

  async lastOf(kind: Kind): Promise<StoredMessage | null> {
    return await this.#get({ last_by_subj: this.names.subjectOf(kind) })
  }

  /**
   * The messages from there on, as they come; ends with the connection, with the signal, or when the stream is removed: the
   * client would wait for what comes next in another one of that name, and never have what is in there already.
   */
  async *read(from: number, signal: AbortSignal): AsyncGenerator<StoredMessage> {
    const consumer: Consumer = await this.#client.consumers.get(this.names.stream, {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: from,
      inactive_threshold: nanos(IDLE_MS),
    })
    const messages = await consumer.consume({ max_bytes: READ_AHEAD_BYTES })
    const end = () => void messages.close()
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
    void whenRemoved(messages, end)
    try {
      for await (const message of messages) {
        const stored = storedOf(message.subject, message.headers, message.data, message.seq)
        if (stored !== null) yield stored
      }
    } finally {
      await messages.close()
    }
  }

  async #get(query: { seq: number; next_by_subj: string } | { last_by_subj: string }): Promise<StoredMessage | null> {
    const { direct } = await this.#managed()
    const message = await direct.getMessage(this.names.stream, query as never)
    return message === null ? null : storedOf(message.subject, message.header, message.data, message.seq)
  }

  async #managed(): Promise<JetStreamManager> {
    this.#manager ??= await jetstreamManager(this.#connection, { checkAPI: false })
    return this.#manager
  }
}

async function whenRemoved(messages: ConsumerMessages, end: () => void): Promise<void> {
  for await (const { type } of messages.status()) if (type === 'consumer_deleted') end()
}

function headersOf({ isBinary, part, more, signature }: LogMessage): MsgHdrs {
  const made = headers()
  made.set('Rf-Part', String(part))
  if (isBinary) made.set('Rf-Binary', '1')
  if (more) made.set('Rf-More', '1')
  if (signature !== null) made.set('Rf-Sign', signature)
  return made
}

/** @returns null for a message that is not of a log */
function storedOf(subject: string, has: MsgHdrs | undefined, data: Uint8Array, at: number): StoredMessage | null {
  const kind = KINDS.find((known): known is Kind => subject.endsWith(`.${known}`))
  if (kind === undefined) return null
  const signature = has?.get('Rf-Sign') ?? ''
  return {
    kind,
    isBinary: has?.get('Rf-Binary') === '1',
    part: Number(has?.get('Rf-Part') ?? 0),
    more: has?.get('Rf-More') === '1',
    signature: signature === '' ? null : signature,
    data,
    at,
  }
}
