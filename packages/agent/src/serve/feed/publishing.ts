/**
 * The logs of all roots on NATS: one connection, a publisher for each root, and what the readers of the logs report.
 * Connects again when the connection is lost. Loads the package only here, where it is configured.
 */
import { hostname } from 'node:os'
import type { Logger } from '@rootferry/host/daemon'
import { backoffMs, errorMessage } from '@rootferry/host/machine'
import type { Broker, LogNames } from '@rootferry/nats'
import type { NatsConfig } from '../../config/nats-settings.ts'
import { ackOf, LOG_RECEIVER } from './log-readers.ts'
import { LogRegions, type RegionStatus } from './log-regions.ts'
import { Publisher, type PublisherState } from './publisher.ts'
import type { FeedEvents, RootFeed } from './root-feed.ts'
import type { SnapshotStatus } from './snapshot-writer.ts'

export interface PublishingParts {
  config: NatsConfig
  /** PEM of the certificate that receivers pin, and of its key. */
  identity(): { cert: string; key: string }
  feeds: ReadonlyMap<string, RootFeed>
  /** The hash of the token of a receiver of that name, which may have that root; null: there is none. */
  secretOf(receiver: string, root: string): string | null
  eventsOf(root: string): Pick<FeedEvents, 'receiver' | 'committed'>
  software: string
  /** Other than that of any other agent. */
  id: string
  log: Logger
}

const PAUSES = { firstMs: 500, mostMs: 15_000 }
/** How often it is looked whether there are more readers, or fewer. */
const PACING_MS = 2_000

interface Opened {
  broker: Broker
  logNames(root: string): LogNames
  openedReport(value: unknown, subject: string, hash: string): unknown
  sealedReport(report: object, subject: string, hash: string): object
}

export interface LogStatus {
  state: PublisherState
  why: string | null
  /** The newest; null: there is none, or it is not known yet. */
  snapshot: SnapshotStatus | null
  /** How far the log is. */
  sequence: number
  regions: (RegionStatus & { readers: number })[]
  /** Receivers that read it. */
  readers: number
}

export class Publishing {
  readonly #parts: PublishingParts
  readonly #publishers = new Map<RootFeed, Publisher>()
  #opened: Opened | null = null
  #why: string | null = null
  #isClosed = false
  #pause: () => void = () => undefined

  constructor(parts: PublishingParts) {
    this.#parts = parts
  }

  /** Until it is closed; never rejects. */
  async run(): Promise<void> {
    for (let attempt = 0; !this.#isClosed; attempt += 1) {
      try {
        await this.#connected(() => {
          attempt = 0
        })
      } catch (error) {
        this.#why = errorMessage(error)
        this.#parts.log.warn(
          { servers: this.#parts.config.servers, error: this.#why },
          'no connection to NATS, trying again',
        )
      }
      if (this.#isClosed) return
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#pause = resolve
      const timer = setTimeout(resolve, backoffMs(attempt, PAUSES))
      await promise
      clearTimeout(timer)
    }
  }

  /** Roots have come or gone. */
  look(): void {
    for (const [feed, publisher] of this.#publishers) {
      if (this.#parts.feeds.get(feed.name) === feed) continue
      publisher.close()
      this.#publishers.delete(feed)
    }
    const opened = this.#opened
    if (opened === null || this.#isClosed) return
    for (const feed of this.#parts.feeds.values()) if (!this.#publishers.has(feed)) this.#begin(feed, opened)
  }

  statusOf(feed: RootFeed): LogStatus {
    const { watermarks, readers } = feed.fleet
    const status = this.#publishers.get(feed)?.status ?? {
      state: this.#why === null ? ('starting' as const) : ('off' as const),
      why: this.#why,
      snapshot: null,
      regions: [],
    }
    const here = readers.regions(performance.now())
    const sequence = watermarks.of(LOG_RECEIVER)?.committed ?? 0
    return {
      ...status,
      sequence,
      readers: readers.count(performance.now()),
      regions: status.regions.map((region) => ({ ...region, readers: here.get(region.name) ?? 0 })),
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#pause()
    for (const publisher of this.#publishers.values()) publisher.close()
    await this.#opened?.broker.close()
  }

  /** Resolves when the connection is over. */
  async #connected(came: () => void): Promise<void> {
    const { config, log } = this.#parts
    const { Broker, ...words } = await import('@rootferry/nats')
    const broker = await Broker.connect({ ...config, name: `rootferry-agent on ${hostname()}`, inbox: null })
    if (this.#isClosed) return await broker.close()
    came()
    this.#opened = { broker, ...words }
    this.#why = null
    log.info({ servers: config.servers }, 'connected to NATS')
    this.look()
    const why = await broker.ended()
    this.#opened = null
    this.#publishers.clear()
    this.#why = why
    if (!this.#isClosed) log.warn({ error: why }, 'the connection to NATS is over')
  }

  #begin(feed: RootFeed, opened: Opened): void {
    this.#listen(feed, opened)
    void this.#newPublisher(feed, opened.broker).run()
  }

  #newPublisher(feed: RootFeed, broker: Broker): Publisher {
    const { config, identity, software, id, log } = this.#parts
    const { regions, retention } = config
    const publisher = new Publisher({
      feed,
      broker,
      retention,
      regions: new LogRegions({
        regions,
        mirrorsOf: (region) => broker.mirrors(feed.name, region),
        hub: broker.domain,
        retention,
        log: log.child({ root: feed.name }),
      }),
      nats: () => import('@rootferry/nats'),
      identity,
      who: `${hostname()} (${id})`,
      software,
      staged: (to) => feed.fleet.readers.staged(to),
      log,
    })
    this.#publishers.set(feed, publisher)
    return publisher
  }

  #listen(feed: RootFeed, { broker, logNames, openedReport, sealedReport }: Opened): void {
    const names = logNames(feed.name)
    const { secretOf, eventsOf, feeds, log } = this.#parts
    broker.listen(names.acks, (value, receiver) => {
      const secret = secretOf(receiver, feed.name)
      if (secret === null || feeds.get(feed.name) !== feed) return
      const ack = ackOf(openedReport(value, names.ackOf(receiver), secret))
      if (ack === null) return
      const { watermarks, readers } = feed.fleet
      readers.heard(receiver, ack, new Date(), performance.now())
      const events = eventsOf(feed.name)
      // What it says over a connection of its own counts more, and comes later.
      if (ack.epoch === feed.status?.epoch && !feed.fleet.sessions.has(receiver)) {
        // The name may be that of a receiver whose token was revoked, and now there is another token for it.
        watermarks.connected(receiver)
        const before = watermarks.of(receiver)?.committed ?? 0
        const { committed, durable } = ack
        watermarks.confirmed(receiver, { committed, durable, whole: { committed: 0 }, hasCaughtUp: false }, new Date())
        const seconds = before > 0 ? watermarks.agesBetween(before, committed, new Date()) : []
        if (committed > before) events.committed({ receiver, sequence: committed, seconds })
      }
      events.receiver(receiver)
    })
    const { readers } = feed.fleet
    readers.dials = (receiver) => broker.tell(names.callOf(receiver), {})
    readers.leaves = (receiver, to) => {
      const secret = secretOf(receiver, feed.name)
      log.warn(
        { root: feed.name, receiver, to },
        'a reader of the log is left behind: it has not staged a round in time',
      )
      const subject = names.callOf(receiver)
      if (secret !== null) broker.tell(subject, sealedReport({ leave: to }, subject, secret))
    }
    broker.tell(names.who, {})
    const pacing = setInterval(() => {
      if (feeds.get(feed.name) !== feed) return clearInterval(pacing)
      const paceMs = readers.newPaceMs(performance.now())
      if (paceMs !== null) broker.tell(names.who, { paceMs })
    }, PACING_MS)
    void broker.ended().then(() => clearInterval(pacing))
  }
}
