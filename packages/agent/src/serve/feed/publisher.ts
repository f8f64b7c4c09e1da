/**
 * Keeps the log of one root: a session of its feed that writes into the log, begun where the log ends, and begun again when
 * it ends.
 *
 *   ask who else publishes ─▶ last end of the log ─▶ session from there ─▶ lost, or spoiled ─▶ pause ─▶ from the beginning
 *                                                       └─▶ snapshots beside it
 *
 * INVARIANT: the log itself says how far it is, so that nothing has to be remembered. When its end is not a position of
 * this index (a new index, or one from a backup), or somebody else has written into it, the session begins anew: it says in
 * the log from which position that leads on. What the tree is there is in the next snapshot.
 */
import type { Logger } from '@rootferry/host/daemon'
import { type BackoffRange, backoffMs, errorMessage } from '@rootferry/host/machine'
import type { Broker, LogStream, Retention, Signer } from '@rootferry/nats'
import type { Welcome } from '@rootferry/protocol'
import { EndWatch } from './end-watch.ts'
import type { LogOutlet, LogReached } from './log-outlet.ts'
import { LOG_RECEIVER } from './log-readers.ts'
import type { LogRegions, RegionStatus } from './log-regions.ts'
import { logSession } from './log-session.ts'
import type { RootFeed } from './root-feed.ts'
import { type SnapshotStatus, SnapshotWriter } from './snapshot-writer.ts'

/** `starting`: nothing speaks against it yet. */
export type PublisherState = 'starting' | 'off' | 'refused' | 'publishing'

export interface PublisherParts {
  feed: Pick<RootFeed, 'name' | 'serve' | 'forget' | 'status'>
  broker: Broker
  retention: Retention
  regions: LogRegions
  nats(): Promise<
    Pick<typeof import('@rootferry/nats'), 'LogEncoder' | 'logNames' | 'ownEnd' | 'SecondPublisher' | 'signerOf'>
  >
  identity(): { cert: string; key: string }
  /** Who this is, for another agent that publishes the same root. */
  who: string
  software: string
  /** Resolves when the receivers of the log have staged everything up to there. */
  staged(to: number): Promise<void>
  log: Logger
}

const PAUSES: BackoffRange = { firstMs: 500, mostMs: 15_000 }

export class Publisher {
  readonly #parts: PublisherParts
  readonly #log: Logger
  #state: PublisherState = 'starting'
  #why: string | null = null
  #outlet: LogOutlet | null = null
  #snapshots: SnapshotWriter | null = null
  #isMirrored = false
  /** Somebody else has written into the log, and this agent has not begun it anew. */
  #isSpoiled = false
  #isClosed = false
  #pause = Promise.withResolvers<void>()

  constructor(parts: PublisherParts) {
    this.#parts = parts
    this.#log = parts.log.child({ root: parts.feed.name })
  }

  get status(): {
    state: PublisherState
    why: string | null
    snapshot: SnapshotStatus | null
    regions: readonly RegionStatus[]
  } {
    const snapshot = this.#snapshots?.status ?? null
    return { state: this.#state, why: this.#why, snapshot, regions: this.#parts.regions.status }
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
    this.#snapshots?.close()
    this.#parts.regions.close()
    this.#pause.resolve()
  }

  /** Resolves when the session has ended. @throws Error with one line that says why there is none */
  async #publish(stream: LogStream): Promise<void> {
    const { broker, retention, who, feed, identity, nats } = this.#parts
    const { signerOf, logNames } = await nats()
    const names = logNames(feed.name)
    const other = await broker.publisherOf(names)
    if (other !== null && other !== who) throw new Error(`another agent publishes ${feed.name} already: ${other}`)
    if (other === null) broker.claim(names, who)
    const lastAt = await stream.ensure(retention)
    const signer = signerOf(identity())
    this.#snapshots ??= this.#newSnapshots(signer)
    await this.#session(stream, signer, lastAt, this.#snapshots)
  }

  async #session(stream: LogStream, signer: Signer, lastAt: number, snapshots: SnapshotWriter): Promise<void> {
    const { feed, staged, nats, software, who } = this.#parts
    const { LogEncoder, ownEnd, SecondPublisher } = await nats()
    const from = this.#isSpoiled ? null : await ownEnd(stream, signer)
    const extent = await stream.extent()
    let word: Welcome | null = null
    let begun: Promise<void> | null = null
    const reached = (at: LogReached) => {
      if (begun !== null || word === null) return snapshots.reached(at)
      const failed = (error: unknown) => this.#log.warn({ error: errorMessage(error) }, 'snapshots cannot be stored')
      begun = snapshots.begin(word, at, extent).then(() => this.#mirrored(), failed)
    }
    const welcomed = (welcome: Welcome) => {
      word = welcome
      this.#isSpoiled = false
      this.#log.info({ sequence: welcome.sequence, start: welcome.start, reason: welcome.reason }, 'the log is written')
      this.#become('publishing', null)
    }
    const { outlet, ended } = logSession(
      { feed, receiver: LOG_RECEIVER, software, from, target: 'populated' },
      {
        encoder: new LogEncoder(feed.name, signer, from),
        append: (message, after, id) => stream.append(message, after, id),
        lastAt,
        id: `${who}/${performance.now()}`,
        welcomed,
        reached,
        staged,
        failed: (error) => {
          // Before that they can be this agent's own, of a connection that was lost.
          this.#isSpoiled ||= error instanceof SecondPublisher && outlet.hasStored
          this.#why = errorMessage(error)
          this.#log.warn({ error: this.#why }, 'the log cannot be written, trying again')
        },
      },
    )
    this.#outlet = outlet
    const watch = new EndWatch({
      end: async () => (await stream.extent()).last,
      restsAt: () => outlet.restsAt,
      moved: () => outlet.lost(new SecondPublisher('the log has messages that are not of this agent')),
    })
    await ended
    watch.close()
    this.#outlet = null
    this.#become('off', this.#why)
  }

  /** Both streams are there. */
  #mirrored(): void {
    if (!this.#isMirrored) this.#parts.regions.start()
    this.#isMirrored = true
  }

  #newSnapshots(signer: Signer): SnapshotWriter {
    const { feed, broker, retention, nats, software, who } = this.#parts
    return new SnapshotWriter({
      ...{ feed, signer, nats, software, log: this.#log },
      snapshots: broker.snapshots(feed.name),
      id: who,
      replicas: retention.replicas,
      limits: retention,
    })
  }

  #become(state: PublisherState, why: string | null): void {
    if (state === 'refused' && this.#why !== why) this.#log.error({ error: why }, 'the log is not written')
    this.#state = state
    this.#why = why
  }
}
