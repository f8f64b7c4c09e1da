/**
 * The mirrors of a root's streams in a region: on a leaf node with a JetStream domain of its own, reached through the server
 * that the agent writes to. A mirror keeps the numbers of the messages, and gets each of them once.
 *
 * INVARIANT: a mirror has the limits of what it mirrors, as it does not follow what is removed there. It goes on at the
 * number behind its last message, whatever that is there now: one of a log that was begun anew, or of a server that has lost
 * what it had acknowledged, would keep back what comes until there is more of it. So a mirror whose last messages are not
 * those of its origin is made anew.
 */
import {
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream'
import { type NatsConnection, nanos } from '@nats-io/transport-node'
import type { Retention } from './log-stream.ts'
import type { LogNames } from './names.ts'

const NO_STREAM = 10_059
const NO_MESSAGE = 10_037

export class Mirrors {
  readonly #connection: NatsConnection
  readonly #names: LogNames
  readonly #domain: string

  constructor(connection: NatsConnection, names: LogNames, domain: string) {
    this.#connection = connection
    this.#names = names
    this.#domain = domain
  }

  /** Makes the mirrors, or gives them these limits. @returns how many messages of the log the region lacks. @throws Error with one line */
  async keep(
    hub: string,
    { maxBytes, maxAgeMs }: Pick<Retention, 'maxBytes' | 'maxAgeMs'>,
  ): Promise<{ behind: number }> {
    const [here, there] = await Promise.all(
      [{}, { domain: this.#domain }].map((at) => jetstreamManager(this.#connection, { checkAPI: false, ...at })),
    )
    if (here === undefined || there === undefined) throw new Error('unreachable')
    const { log, snapshots, closing } = this.#names
    await this.#removeOther(here, there, log.stream, log.subjectOf('end'))
    await this.#removeOther(here, there, snapshots.stream, closing)
    const limits = { max_bytes: maxBytes, max_age: nanos(maxAgeMs) }
    const mirrored = await this.#kept(there, hub, log.stream, limits)
    const origin = (await here.streams.info(log.stream)).state
    const stored = await this.#kept(there, hub, snapshots.stream, { max_bytes: -1, max_age: 0 })
    const { first_seq: first } = (await here.streams.info(snapshots.stream)).state
    if (stored.state.messages > 0 && stored.state.first_seq < first && first > 1)
      await there.streams.purge(snapshots.stream, { seq: first })
    return { behind: Math.max(0, origin.last_seq - mirrored.state.last_seq) }
  }

  /** Removes the mirror of another stream of that name. @throws Error when it has, which says so to the operator */
  async #removeOther(here: JetStreamManager, there: JetStreamManager, stream: string, subject: string): Promise<void> {
    const mirror = await infoOf(there, stream)
    if (mirror === null || mirror.config.mirror?.name !== stream) return
    const last = await there.streams.getMessage(stream, { last_by_subj: subject }).catch(none)
    const { first_seq: first, last_seq: end } = (await here.streams.info(stream)).state
    let isOther = mirror.state.last_seq > end
    if (!isOther && last !== null && last.seq >= first) {
      const origin = await here.streams.getMessage(stream, { seq: last.seq }).catch(none)
      isOther = origin !== null && origin.timestamp !== last.timestamp
    }
    if (!isOther) return
    await there.streams.delete(stream)
    throw new Error(`its mirror ${stream} was not that of the present one: it is removed, and made anew`)
  }

  async #kept(
    there: JetStreamManager,
    hub: string,
    stream: string,
    limits: Pick<StreamConfig, 'max_bytes' | 'max_age'>,
  ) {
    const config: Partial<StreamConfig> & { name: string } = {
      name: stream,
      storage: 'file',
      mirror: { name: stream, external: { api: `$JS.${hub}.API` } },
      allow_direct: true,
      mirror_direct: true,
      ...limits,
    }
    try {
      const info = await there.streams.info(stream)
      if (info.config.mirror?.name !== stream) throw new Error(`it has a stream ${stream} that mirrors nothing`)
      const { max_bytes: bytes, max_age: age } = info.config
      if (bytes === limits.max_bytes && age === limits.max_age) return info
      return await there.streams.update(stream, { ...info.config, ...limits })
    } catch (error) {
      if (!(error instanceof JetStreamApiError) || error.code !== NO_STREAM) throw error
      return await there.streams.add(config)
    }
  }
}

async function infoOf(manager: JetStreamManager, stream: string): Promise<StreamInfo | null> {
  return await manager.streams.info(stream).catch(none)
}

/** There is no such stream, or no such message. */
function none(error: unknown): null {
  if (error instanceof JetStreamApiError && (error.code === NO_STREAM || error.code === NO_MESSAGE)) return null
  throw error
}
