/**
 * Snapshots of a root: first syncs that are stored, so that an empty target needs neither the beginning of the log nor the
 * agent. A snapshot is the entries of a session to an empty target, from position 0 to a position of the log, and a closing
 * message behind them that is signed.
 *
 *   first ── entries of a session ── last, closing        in the stream of snapshots
 *                                      └ logAt ── entries that build on the snapshot ──▶        in the log
 *
 * INVARIANT: a snapshot without a closing message is none. What it says was true at its position, and what the log says
 * from there on makes it true now: it is never changed.
 */
import { JetStreamApiError, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { headers, type NatsConnection } from '@nats-io/transport-node'
import type { LogPosition } from './log-entry.ts'
import { LogStream } from './log-stream.ts'
import type { LogNames } from './names.ts'
import { Forged, type Signer, type Verifier } from './signature.ts'

export interface Closing extends LogPosition {
  root: string
  /** The first and the last of its messages, in the stream of snapshots. */
  first: number
  last: number
  /** What the log says behind this message builds on the snapshot. */
  logAt: number
  bytes: number
  /** ISO 8601. */
  madeAt: string
  /** DER, as base64. */
  certificate: string
}

const NO_STREAM = 10_059

export class Snapshots {
  readonly entries: LogStream
  readonly #connection: NatsConnection
  readonly #names: LogNames

  constructor(connection: NatsConnection, names: LogNames) {
    this.#connection = connection
    this.#names = names
    this.entries = new LogStream(connection, names.snapshots)
  }

  /** @returns the sequence of the last message in the stream */
  async ensure(replicas: number): Promise<number> {
    return await this.entries.ensureWith({ num_replicas: replicas, max_age: 0, max_bytes: -1, deny_purge: false })
  }

  /** @param after the sequence of the message before it */
  async close(closing: Closing, signer: Signer, after: number): Promise<void> {
    const text = JSON.stringify(closing)
    const signed = headers()
    signed.set('Rf-Sign', signer.sign('closing', text))
    await this.entries.publish(this.#names.closing, Buffer.from(text), {
      headers: signed,
      expect: { lastSequence: after },
    })
  }

  /** The newest snapshot, whoever says so; null: there is none. */
  async newest(): Promise<{ text: string; signature: string } | null> {
    try {
      const { direct } = await this.#managed()
      const query = { last_by_subj: this.#names.closing }
      const message = await direct.getMessage(this.#names.snapshots.stream, query as never)
      if (message === null) return null
      return { text: Buffer.from(message.data).toString(), signature: message.header?.get('Rf-Sign') ?? '' }
    } catch (error) {
      // An agent that makes no snapshots, or none yet.
      if (error instanceof JetStreamApiError && error.code === NO_STREAM) return null
      throw error
    }
  }

  /** Removes what comes before that message. */
  async keepFrom(first: number): Promise<void> {
    // To a server a purge up to the first message is one of everything.
    if (first <= 1) return
    await (await this.#managed()).streams.purge(this.#names.snapshots.stream, { seq: first })
  }

  async #managed(): Promise<JetStreamManager> {
    return await jetstreamManager(this.#connection, { checkAPI: false })
  }
}

/** @returns the newest snapshot, when it is the agent's; null: there is none. @throws Forged */
export async function verifiedNewest(
  snapshots: Pick<Snapshots, 'newest'>,
  root: string,
  verifier: Verifier,
): Promise<Closing | null> {
  const newest = await snapshots.newest()
  if (newest === null) return null
  const closing = closingOf(newest.text)
  verifier.closing(newest.text, String(closing.certificate), newest.signature)
  return closing.root === root ? closing : null
}

/** @throws Forged when it is no closing message at all */
function closingOf(text: string): Closing {
  try {
    return { ...(JSON.parse(text) as Closing) }
  } catch (error) {
    throw new Forged('the newest snapshot is not one', { cause: error })
  }
}
