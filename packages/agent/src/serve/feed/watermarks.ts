/**
 * How far each receiver of a root is, and since when there are newer changes: the part of a receiver that outlives its
 * session and, through the root's index, the agent.
 *
 * INVARIANT: a confirmed sequence is in the index within SAVE_MS. Knows nothing of connections, except which receivers
 * have one: a connected receiver counts as seen, though it may have nothing to confirm for weeks.
 */
import type { RootRequests } from '../../root-messages.ts'
import type { RootThread } from '../root-thread.ts'
import { decodeHeadTimes, encodeHeadTimes, HeadTimes } from './head-times.ts'

interface Watermark extends Confirmed {
  seenAt: Date | null
  lastError: string | null
}

/** What a receiver has; `whole` as of SessionState. */
interface Confirmed {
  committed: number
  durable: number
  whole: number
}

/** The part of SessionState that outlives the session. */
interface ConfirmedState extends Omit<Confirmed, 'whole'> {
  whole: Pick<Confirmed, 'committed'>
  hasCaughtUp: boolean
}

export interface WatermarksParts {
  tell: RootThread['tell']
  /** Names of the receivers that have a connection. */
  connected(): Iterable<string>
}

const SAVE_MS = 500
/**
 * How often the index records that a receiver is connected: after a kill, the time it was last seen is wrong by that
 * much.
 */
const SEEN_MS = 60_000
/** How often the times of heads are saved: a killed agent forgets that much of a lag's age. */
const SAVE_HEADS_MS = 10_000

export class Watermarks {
  readonly #parts: WatermarksParts
  readonly #byReceiver = new Map<string, Watermark>()
  readonly #unsaved = new Set<string>()
  readonly #headTimes = new HeadTimes()
  readonly #intervals: readonly NodeJS.Timeout[]
  /** Receivers that will not come back. */
  readonly #forgotten = new Set<string>()
  #head = 0
  #savedHead = 0
  #saveTimer: NodeJS.Timeout | null = null
  /** How far the receiver has got that is furthest of those that follow. */
  #shown = 0

  constructor(parts: WatermarksParts) {
    this.#parts = parts
    this.#intervals = [
      setInterval(() => [...parts.connected()].forEach((receiver) => this.#saveSoon(receiver)), SEEN_MS),
      setInterval(() => this.#saveHeads(), SAVE_HEADS_MS),
    ]
  }

  /** Takes over the knowledge of an earlier life of the agent. */
  restore({ watermarks, headTimes }: RootRequests['memory']['answers']): void {
    this.#headTimes.restore(decodeHeadTimes(headTimes))
    for (const { name, committed, durable, whole, seen } of watermarks) {
      const seenAt = new Date(seen)
      this.#byReceiver.set(name, { committed, durable, whole, seenAt, lastError: null })
    }
  }

  /** The sequence that the index has reached. */
  get head(): number {
    return this.#head
  }

  headReached(head: number, seenMs: number): void {
    this.#head = head
    this.#headTimes.reached(head, seenMs)
  }

  /** Of receivers that have been connected. */
  get names(): string[] {
    return [...this.#byReceiver.keys()]
  }

  /** Receivers that were seen at most so long before the one that was seen last. */
  seenLast(ms: number): string[] {
    const times = [...this.#byReceiver].map(([name, { seenAt }]) => ({ name, seenMs: seenAt?.getTime() ?? 0 }))
    const lastMs = Math.max(...times.map(({ seenMs }) => seenMs))
    return times.filter(({ seenMs }) => lastMs - seenMs <= ms).map(({ name }) => name)
  }

  of(receiver: string): Readonly<Watermark> | null {
    return this.#byReceiver.get(receiver) ?? null
  }

  /** How much the receiver has not committed, and the age of the oldest of these changes. */
  lagOf(receiver: string, now: Date): { sequences: number; seconds: number } {
    const committed = this.of(receiver)?.committed ?? 0
    const sequences = Math.max(0, this.#head - committed)
    const firstMissedMs = sequences === 0 ? null : this.#headTimes.firstAfter(committed)
    return { sequences, seconds: firstMissedMs === null ? 0 : secondsBetween(firstMissedMs, now) }
  }

  /** When the change of that sequence was first hinted at, or released; null where that is not known any more. */
  timeOf(sequence: number): Date | null {
    const seenMs = this.#headTimes.firstAfter(sequence - 1)
    return seenMs === null ? null : new Date(seenMs)
  }

  /** Seconds since each of the changes between two sequences was first hinted at. */
  agesBetween(after: number, to: number, now: Date): number[] {
    return this.#headTimes.between(after, to).map((seenMs) => secondsBetween(seenMs, now))
  }

  /** A receiver of that name connects. */
  connected(receiver: string): void {
    this.#forgotten.delete(receiver)
  }

  /** The receiver works on this connection: its last error is over. */
  recovered(receiver: string): void {
    if (this.#forgotten.has(receiver)) return
    this.#known(receiver).lastError = null
  }

  confirmed(receiver: string, state: ConfirmedState, seenAt: Date): void {
    if (this.#forgotten.has(receiver)) return
    const { committed, durable } = state
    const whole = state.whole.committed
    const watermark = this.#known(receiver)
    const isSame = watermark.committed === committed && watermark.durable === durable
    if (isSame && watermark.whole === whole) return
    Object.assign(watermark, { committed, durable, whole, seenAt })
    this.#saveSoon(receiver)
    if (state.hasCaughtUp && committed > this.#shown) this.#tellShown(committed)
  }

  disconnected(receiver: string, lastError: string | null): void {
    // It may have been the furthest.
    this.#tellShown(null)
    if (this.#forgotten.has(receiver)) return
    Object.assign(this.#known(receiver), { lastError, seenAt: new Date() })
    this.#saveSoon(receiver)
  }

  /** The end of its connection, which comes later, makes it known to nobody. */
  forget(receiver: string): void {
    this.#forgotten.add(receiver)
    this.#byReceiver.delete(receiver)
    this.#unsaved.delete(receiver)
  }

  /** Saves everything; call it while the connections still count. */
  close(): void {
    for (const receiver of this.#parts.connected()) this.#unsaved.add(receiver)
    if (this.#saveTimer !== null) clearTimeout(this.#saveTimer)
    for (const interval of this.#intervals) clearInterval(interval)
    this.#save()
    this.#saveHeads()
  }

  #tellShown(sequence: number | null): void {
    this.#shown = sequence ?? 0
    this.#parts.tell({ type: 'shown', sequence })
  }

  #known(receiver: string): Watermark {
    let watermark = this.#byReceiver.get(receiver)
    if (watermark === undefined) {
      watermark = { committed: 0, durable: 0, whole: 0, seenAt: null, lastError: null }
      this.#byReceiver.set(receiver, watermark)
    }
    return watermark
  }

  #saveSoon(receiver: string): void {
    this.#unsaved.add(receiver)
    this.#saveTimer ??= setTimeout(() => {
      this.#saveTimer = null
      this.#save()
    }, SAVE_MS)
  }

  #save(): void {
    for (const receiver of this.#unsaved) {
      const { committed, durable, whole } = this.#known(receiver)
      this.#parts.tell({ type: 'watermark', receiver, committed, durable, whole })
    }
    this.#unsaved.clear()
  }

  #saveHeads(): void {
    if (this.#savedHead === this.#head) return
    this.#savedHead = this.#head
    this.#parts.tell({ type: 'remember', key: 'head-times', text: encodeHeadTimes(this.#headTimes.all) })
  }
}

function secondsBetween(seenMs: number, now: Date): number {
  return Math.max(0, (now.getTime() - seenMs) / 1000)
}
