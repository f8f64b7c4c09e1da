/**
 * The log of one root as a stream of JetStream: appends with the expected sequence, so that a second publisher is refused
 * at once; reads in order, and as much at a time as the reader allows.
 *
 * JetStream answers a read from an evicted message with the first one that is still there, and says nothing. The
 * decoder's own check of every head finds that.
 */
import {
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  type JetStreamPublishOptions,
  jetstream,
  jetstreamManager,
  type StreamConfig,
} from '@nats-io/jetstream'
import { headers, type MsgHdrs, type NatsConnection, nanos, TimeoutError } from '@nats-io/transport-node'
import { type EndAt, type EndLookups, endAt } from './find-position.ts'
import { type LogMessage, MESSAGE_BYTES, type StoredMessage } from './log-entry.ts'
import { KINDS, type Kind, type StreamNames } from './names.ts'
import { pulledFrom } from './stream-pull.ts'

/** What the stream keeps. */
export interface Retention {
  maxBytes: number
  maxAgeMs: number
  replicas: number
}

const DUPLICATES_MS = 120_000
/** So long may what is under way take on a slow line. */
const STORED_MS = 30_000
/** With the headers. */
const LEAST_PAYLOAD = MESSAGE_BYTES + 8_192

/** Somebody else has appended to the log. */
export class SecondPublisher extends Error {
  override name = 'SecondPublisher'
}

const WRONG_SEQUENCE = 10_071
const NO_STREAM = 10_059
const NO_ROOM = 10_047

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
    this.#insistOnPayload()
    try {
      const made = await streams.add(config).catch(async (error: unknown) => {
        if (!(error instanceof JetStreamApiError)) throw error
        // There may be one with other limits; and a server refuses the present one too when it has no room for two.
        return await streams.update(stream, config).catch((another: unknown) => {
          throw isCode(another, NO_STREAM) ? error : another
        })
      })
      return made.state.last_seq
    } catch (error) {
      throw explained(error, config)
    }
  }

  /** A message that is refused for its size begins the log anew, again and again. */
  #insistOnPayload(): void {
    const most = this.#connection.info?.max_payload ?? LEAST_PAYLOAD
    if (most < LEAST_PAYLOAD)
      throw new Error(
        `the NATS server takes messages of up to ${most} bytes (max_payload), and a log has some of ${LEAST_PAYLOAD}`,
      )
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
      const ack = await this.#client.publish(subject, data, { timeout: STORED_MS, ...options })
      if (ack.seq !== after + 1) throw new SecondPublisher(`message ${after + 1} of the log became message ${ack.seq}`)
    } catch (error) {
      if (isCode(error, WRONG_SEQUENCE))
        throw new SecondPublisher(`the log has messages that are not of this agent: ${(error as Error).message}`)
      // Nothing answers there.
      if ((error as Error).name === 'JetStreamNotEnabled')
        throw new Error(`the NATS server has no stream ${this.names.stream}`)
      throw explained(error, null)
    }
  }

  /** Which messages are there, and what they take; nothing when somebody has removed the stream. */
  async extent(): Promise<{ first: number; last: number; messages: number; bytes: number }> {
    const { streams } = await this.#managed()
    const info = await streams.info(this.names.stream).catch((error: unknown) => {
      if (isCode(error, NO_STREAM)) return null
      throw error
    })
    if (info === null) return { first: 0, last: 0, messages: 0, bytes: 0 }
    const { state } = info
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

  /** The messages from there on, as they come; ends with the connection, with the signal, or when the stream is removed. */
  async *read(from: number, signal: AbortSignal): AsyncGenerator<StoredMessage> {
    const pulled = pulledFrom(this.#connection, await this.#managed(), this.names.stream, from, signal)
    for await (const { message, at } of pulled) {
      const stored = storedOf(message.subject, message.headers, message.data, at)
      if (stored !== null) yield stored
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

function isCode(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code
}

/** @param asked of the server; null: to store a message. @returns what helps an operator */
function explained(error: unknown, asked: { max_bytes?: number } | null): unknown {
  if (error instanceof TimeoutError)
    return new Error(
      'the NATS server does not answer: has it no room on its disk (restart it when it has), or no leader?',
    )
  if (!isCode(error, NO_ROOM)) return error
  const size = Math.round((asked?.max_bytes ?? 0) / 1e6)
  const why = `it keeps ${size} MB free for the log of each root (maxMegabytes), and has fewer left (max_file_store)`
  return new Error(`${(error as Error).message}: ${why}`)
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
