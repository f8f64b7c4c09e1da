/**
 * Makes the snapshots of a root beside its log: one at a time, when the next is due, by a session to an empty target that
 * ends where the log has an end too.
 *
 *   due ─▶ entries of the session ─▶ both at one position ─▶ closing message ─▶ all but the last two are removed
 *
 * INVARIANT: the closing message is written when everything before it is stored, and names a position that the log has
 * reached. While the session lasts it holds back nobody: no round, no hook and no tombstone waits for it afterwards.
 */
import type { Logger } from '@rootferry/host/daemon'
import { errorMessage } from '@rootferry/host/machine'
import type { Closing, Signer, Snapshots } from '@rootferry/nats'
import { ProtocolError, type Welcome } from '@rootferry/protocol'
import { EndWatch } from './end-watch.ts'
import type { LogReached } from './log-outlet.ts'
import { SNAPSHOT_RECEIVER } from './log-readers.ts'
import { type LogSession, logSession } from './log-session.ts'
import type { RootFeed } from './root-feed.ts'
import { type DueLimits, isSnapshotDue } from './snapshot-due.ts'

export interface SnapshotWriterParts {
  feed: Pick<RootFeed, 'name' | 'serve' | 'forget' | 'status'>
  snapshots: Snapshots
  signer: Signer
  nats(): Promise<Pick<typeof import('@rootferry/nats'), 'LogEncoder'>>
  software: string
  id: string
  replicas: number
  limits: Pick<DueLimits, 'maxBytes' | 'maxAgeMs'>
  log: Logger
}

interface Making {
  session: LogSession
  welcome: Welcome | null
  reached: LogReached | null
  /** Where the log was when both were at one position. */
  logAt: LogReached | null
}

export interface SnapshotStatus {
  sequence: number
  bytes: number
  madeAt: string
}

/** After one that failed. */
const REST_MS = 60_000

export class SnapshotWriter {
  readonly #parts: SnapshotWriterParts
  /** The newest of the present index, and where the log was, in bytes of this life, when it was made. */
  #newest: { closing: Closing; isReachable: boolean; bytesAt: number } | null = null
  #before: Closing | null = null
  #log: LogReached | null = null
  #epoch: string | null = null
  #making: Making | null = null
  /** What the stream has is known. */
  #isKnown = false
  #isBusy = false
  #isClosed = false
  #rest: NodeJS.Timeout | null = null
  /** The last message in the stream, as this left it. */
  #endsAt: number | null = null
  readonly #watch: EndWatch

  constructor(parts: SnapshotWriterParts) {
    this.#parts = parts
    this.#watch = new EndWatch({
      end: async () => (await parts.snapshots.entries.extent()).last,
      restsAt: () => (this.#isBusy || this.#isClosed ? null : this.#endsAt),
      moved: () => this.#spoiled(),
    })
  }

  get status(): SnapshotStatus | null {
    if (this.#newest === null) return null
    const { sequence, bytes, madeAt } = this.#newest.closing
    return { sequence, bytes, madeAt }
  }

  /** The log of an index is written from there on. @param extent of the log */
  async begin(
    { epoch, start }: Pick<Welcome, 'epoch' | 'start'>,
    at: LogReached,
    extent: { first: number; messages: number; bytes: number },
  ): Promise<void> {
    this.#epoch = epoch
    this.#log = at
    this.#isKnown = false
    this.#newest = null
    const { snapshots, signer, replicas } = this.#parts
    const last = await snapshots.ensure(replicas)
    if (!this.#isBusy) this.#endsAt = last
    const found = await snapshots.newest()
    if (found !== null && signer.hasSigned('closing', found.text, found.signature)) {
      const closing = JSON.parse(found.text) as Closing
      // A log that begins anew leads on from nothing before.
      const isReachable = start === 'replay' && closing.logAt <= at.at && closing.logAt + 1 >= extent.first
      const share = (at.at - closing.logAt) / Math.max(1, extent.messages)
      const bytesAt = at.bytes - Math.min(1, share) * extent.bytes
      if (closing.epoch === epoch) this.#newest = { closing, isReachable, bytesAt }
    }
    this.#isKnown = true
    this.#look()
  }

  /** The log has got further. */
  reached(at: LogReached): void {
    if (this.#epoch === null) return
    this.#log = at
    this.#meet()
    this.#look()
  }

  close(): void {
    this.#isClosed = true
    this.#watch.close()
    this.#making?.session.outlet.broke()
    if (this.#rest !== null) clearTimeout(this.#rest)
  }

  /** What readers find is that of somebody else, or nothing. */
  #spoiled(): void {
    this.#parts.log.warn('the snapshots have messages that are not of this agent: the next one is made')
    this.#endsAt = null
    if (this.#newest !== null) this.#newest.isReachable = false
    this.#look()
  }

  #look(): void {
    if (!this.#isKnown || this.#isBusy || this.#isClosed || this.#rest !== null || this.#log === null) return
    const { limits, feed, log } = this.#parts
    const newest = this.#newest
    const age =
      newest === null
        ? null
        : {
            isReachable: newest.isReachable,
            bytesSince: this.#log.at === newest.closing.logAt ? 0 : Math.max(1, this.#log.bytes - newest.bytesAt),
            ageMs: Date.now() - Date.parse(newest.closing.madeAt),
          }
    if (!isSnapshotDue(age, { ...limits, tree: feed.status?.totals.bytes ?? 0 })) return
    this.#isBusy = true
    this.#endsAt = null
    this.#make()
      .catch((error: unknown) => {
        if (this.#isClosed) return
        this.#rest = setTimeout(() => {
          this.#rest = null
          this.#look()
        }, REST_MS)
        log.warn({ error: errorMessage(error) }, 'no snapshot could be stored, trying again later')
      })
      .finally(() => {
        this.#isBusy = false
        this.#making = null
        feed.forget(SNAPSHOT_RECEIVER)
        this.#look()
      })
  }

  /** Resolves when it is stored. */
  async #make(): Promise<void> {
    const { feed, snapshots, signer, nats, software, id, replicas, log } = this.#parts
    const { LogEncoder } = await nats()
    const lastAt = await snapshots.ensure(replicas)
    if (this.#isClosed) return
    let failure: unknown = null
    const session = logSession(
      { feed, receiver: SNAPSHOT_RECEIVER, software, from: null, target: 'empty' },
      {
        encoder: new LogEncoder(feed.name, signer, null),
        append: (message, after, messageId) => snapshots.entries.append(message, after, messageId),
        lastAt,
        id: `${id}/snapshot/${performance.now()}`,
        welcomed: (welcome) => {
          if (this.#making !== null) this.#making.welcome = welcome
        },
        // Nobody waits for what is stored here.
        staged: async () => undefined,
        reached: (at) => {
          if (this.#making === null) return
          this.#making.reached = at
          this.#meet()
        },
        failed: (error) => {
          failure = error
        },
      },
    )
    const making: Making = { session, welcome: null, reached: null, logAt: null }
    this.#making = making
    await session.ended
    const { welcome, reached, logAt: at } = making
    if (welcome === null || reached === null || at === null)
      throw failure ?? new Error('its session ended before it was whole')
    const { epoch, term } = welcome
    const closing: Closing = {
      ...{ root: feed.name, epoch, term, sequence: reached.sequence },
      ...{ first: lastAt + 1, last: reached.at, logAt: at.at, bytes: reached.bytes },
      ...{ madeAt: new Date().toISOString(), certificate: signer.certificate },
    }
    // The session may have begun another changeset, which is none of the snapshot.
    const settledAt = await session.outlet.settled()
    await snapshots.close(closing, signer, settledAt)
    this.#endsAt = settledAt + 1
    this.#before = this.#newest?.closing ?? null
    this.#newest = { closing, isReachable: true, bytesAt: at.bytes }
    await snapshots.keepFrom(this.#before?.first ?? closing.first)
    log.info({ sequence: closing.sequence, bytes: closing.bytes }, 'a snapshot is stored')
  }

  /** The session ends where the log is. */
  #meet(): void {
    const [making, at] = [this.#making, this.#log]
    if (making === null || making.logAt !== null || at === null || making.reached === null) return
    const { welcome, reached, session } = making
    if (welcome?.epoch !== this.#epoch || reached.sequence !== at.sequence || reached.sequence === 0) return
    making.logAt = at
    session.outlet.close(new ProtocolError('shutting-down', 'the snapshot is whole'))
  }
}
