/**
 * Messages of a stream from one of them on, in order, as much at a time as is asked for: two requests under way, each for so
 * many bytes and messages.
 *
 *   request ─▶ messages … ─▶ full, or expired, or the next message does not fit ─▶ the next request
 *
 * The client's own consumption by bytes (@nats-io/jetstream 3.4.0) loses count: a request that ends because it has got its
 * hundred messages still counts with the bytes that it has not used, so that later ones ask for less and less, and a large
 * message behind a thousand small ones comes when heartbeats have been missed, after 43 s. Here each request has an inbox of
 * its own, and what is said there ends that request alone.
 *
 * INVARIANT: what is under way to a reader is at most two requests: a server cuts off whom it cannot write to for 10 s.
 */
import { AckPolicy, DeliverPolicy, JetStreamApiError, type JetStreamManager, ReplayPolicy } from '@nats-io/jetstream'
import { createInbox, delay, type Msg, type NatsConnection, nanos, type Subscription } from '@nats-io/transport-node'

export interface PulledMessage {
  message: Msg
  /** Its number in the stream. */
  at: number
}

/** Of one request: two of the largest messages. */
const PULL_BYTES = 1.5 * 1024 * 1024
const PULL_MESSAGES = 500
const EXPIRES_MS = 30_000
const HEARTBEAT_MS = 8_000
/**
 * A consumer that says nothing for so long is lost, as with the server of a cluster that had it. The largest message must
 * come meanwhile: a line of 40 kB/s does.
 */
const SILENT_MS = 20_000
/** A reader whose disk is in trouble asks for nothing, and keeps its place for so long. */
const IDLE_MS = 300_000

/** After a consumer that brought nothing, or a question that nobody answered. */
const AGAIN_MS = 1_000
const NO_STREAM = 10_059

interface Pull {
  subscription: Subscription
  inbox: string
  /** Messages that it may still bring. */
  left: number
}

/**
 * Ends with the connection, with the signal, or when the stream is removed: a later one of that name is another stream.
 * @throws JetStreamApiError when there is no such stream
 */
export async function* pulledFrom(
  connection: NatsConnection,
  manager: JetStreamManager,
  stream: string,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<PulledMessage> {
  const isOver = () => signal.aborted || connection.isClosed()
  const { created } = await manager.streams.info(stream)
  let next = from
  let consumer: string | null = await newConsumer(manager, stream, from)
  while (consumer !== null) {
    const before: number = next
    const pulls = new Pulls(connection, `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, signal)
    try {
      for await (const pulled of pulls.messages()) {
        next = pulled.at + 1
        yield pulled
      }
    } finally {
      pulls.end()
      if (!connection.isClosed()) void manager.consumers.delete(stream, consumer).catch(() => undefined)
    }
    if (next === before && !isOver()) await delay(AGAIN_MS)
    const again = async (): Promise<string | null> => {
      const isSame = (await manager.streams.info(stream)).created === created
      return isSame ? await newConsumer(manager, stream, next) : null
    }
    consumer = await answered(again, isOver)
  }
}

async function newConsumer(manager: JetStreamManager, stream: string, from: number): Promise<string> {
  const { name } = await manager.consumers.add(stream, {
    ...{ ack_policy: AckPolicy.None, replay_policy: ReplayPolicy.Instant, mem_storage: true, num_replicas: 1 },
    ...{ deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: from, inactive_threshold: nanos(IDLE_MS) },
  })
  return name
}

/** Asks until there is an answer, as of a cluster that has no leader now. @returns null when there is no such stream any more */
async function answered<T>(ask: () => Promise<T | null>, isOver: () => boolean): Promise<T | null> {
  while (!isOver()) {
    try {
      return await ask()
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === NO_STREAM) return null
      await delay(AGAIN_MS)
    }
  }
  return null
}

class Pulls {
  readonly #connection: NatsConnection
  readonly #subject: string
  readonly #signal: AbortSignal
  readonly #open = new Set<Pull>()
  #queue: PulledMessage[] = []
  #queuedBytes = 0
  /** The next message does not fit into a whole request: one asks for it alone, whatever it has. */
  #isNextLarge = false
  #wake = Promise.withResolvers<void>()
  #silence: NodeJS.Timeout | null = null
  #isOver = false

  constructor(connection: NatsConnection, subject: string, signal: AbortSignal) {
    this.#connection = connection
    this.#subject = subject
    this.#signal = signal
  }

  async *messages(): AsyncGenerator<PulledMessage> {
    const end = () => this.end()
    this.#signal.addEventListener('abort', end, { once: true })
    if (this.#signal.aborted) end()
    void this.#connection.closed().then(end)
    while (!this.#isOver || this.#queue.length > 0) {
      const ready = this.#queue
      this.#queue = []
      this.#queuedBytes = 0
      this.#ask(ready.length === 0 ? 1 : 2)
      if (ready.length === 0) await this.#wake.promise
      this.#wake = Promise.withResolvers()
      for (const pulled of ready) {
        if (this.#signal.aborted) return
        yield pulled
      }
    }
  }

  /** This consumer brings nothing more. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#silence !== null) clearTimeout(this.#silence)
    for (const { subscription } of this.#open) if (!this.#connection.isClosed()) subscription.unsubscribe()
    this.#open.clear()
    this.#wake.resolve()
  }

  /** @param most requests that may be under way */
  #ask(most: number): void {
    if (this.#isOver || this.#open.size >= most || this.#queuedBytes > PULL_BYTES) return
    const isLarge = this.#isNextLarge
    this.#isNextLarge = false
    const { options } = this.#connection as { options?: { inboxPrefix?: string } }
    const inbox = createInbox(options?.inboxPrefix)
    const left = isLarge ? 1 : PULL_MESSAGES
    const subscription = this.#connection.subscribe(inbox, {
      callback: (error, message) => (error === null ? this.#heard(pull, message) : this.end()),
    })
    const pull: Pull = { subscription, inbox, left }
    this.#open.add(pull)
    const order = { batch: left, ...(isLarge ? {} : { max_bytes: PULL_BYTES }) }
    const times = { expires: nanos(EXPIRES_MS), idle_heartbeat: nanos(HEARTBEAT_MS) }
    this.#connection.publish(this.#subject, JSON.stringify({ ...order, ...times }), { reply: inbox })
    this.#listen()
  }

  #listen(): void {
    if (this.#silence !== null) this.#silence.refresh()
    else this.#silence = setTimeout(() => void (this.#open.size > 0 && this.end()), SILENT_MS)
  }

  #heard(pull: Pull, message: Msg): void {
    if (this.#isOver) return
    this.#listen()
    if (message.subject === pull.inbox) return this.#told(pull, message.headers?.code ?? 0, message)
    const at = sequenceIn(message.reply ?? '')
    if (at === null) return this.end()
    this.#queue.push({ message, at })
    this.#queuedBytes += message.data.byteLength
    pull.left -= 1
    if (pull.left === 0) this.#done(pull)
    // There is something to be read: while that is under way the next request is.
    this.#ask(2)
    this.#wake.resolve()
  }

  #told(pull: Pull, code: number, { headers }: Msg): void {
    const said = headers?.description.toLowerCase() ?? ''
    if (code === 100) return
    const isFull = code === 409 && said.includes('exceeds maxbytes')
    // 404 and 408: it has expired.
    if (!isFull && code !== 404 && code !== 408) return this.end()
    this.#isNextLarge ||= isFull && pull.left === PULL_MESSAGES
    this.#done(pull)
    this.#ask(this.#queue.length > 0 ? 2 : 1)
  }

  #done(pull: Pull): void {
    this.#open.delete(pull)
    pull.subscription.unsubscribe()
  }
}

/** In the subject to which a message would be acknowledged. @returns null when it has none */
function sequenceIn(reply: string): number | null {
  const words = reply.split('.')
  // $JS.ACK.[domain.account.]stream.consumer.delivered.SEQUENCE.…
  const at = Number(words[words.length > 9 ? 7 : 5])
  return reply.startsWith('$JS.ACK.') && Number.isSafeInteger(at) && at > 0 ? at : null
}
