/**
 * The receivers of a root that read its log, as they say of themselves.
 *
 * A broker carries what they say, sealed with their tokens; nothing is done for a reader that could harm another one.
 * A reader that says nothing for as long as a dead connection may is away.
 */
import { LIMITS } from '@rootferry/protocol'
import Type, { type Static } from 'typebox'
import { Check } from 'typebox/value'

/** The name under which the log is among the receivers of a root; no token can have it. */
export const LOG_RECEIVER = '@nats'
/** The same of a session that makes a snapshot. */
export const SNAPSHOT_RECEIVER = '@snapshot'

/** Whether that is none of the receivers that operators know. */
export function isLog(receiver: string): boolean {
  return receiver.startsWith('@')
}

const Sequence = Type.Integer({ minimum: 0, maximum: LIMITS.integer })
const Ack = Type.Object({
  epoch: Type.String({ maxLength: 64 }),
  committed: Sequence,
  durable: Sequence,
  /** The end of what is staged in a round. */
  staged: Sequence,
  /** It knows that others go on to there without it, and is not ready before it has that; -1: it does not. */
  left: Type.Integer({ minimum: -1, maximum: LIMITS.integer }),
  live: Type.Boolean(),
  ready: Type.Union([Type.Boolean(), Type.Null()]),
  error: Type.Union([Type.String({ maxLength: 1_000 }), Type.Null()]),
  /** The JetStream domain of the server from which it reads. */
  region: Type.Union([Type.String({ pattern: '^[A-Za-z0-9_-]{1,32}$' }), Type.Null()]),
  /** An address of its own under which that server sees it. */
  address: Type.Union([Type.String({ pattern: '^[0-9a-fA-F.:]{2,45}$' }), Type.Null()]),
})
export type Ack = Static<typeof Ack>
/** @returns null when it is not one */
export function ackOf(value: unknown): Ack | null {
  return Check(Ack, value) ? value : null
}

/** Of a pace: at most so many reports of commits come in a second. */
const MOST_A_SECOND = 1_000
/** By themselves readers do not report more often. */
const UNPACED_MS = 250

interface Reader {
  ack: Ack
  since: Date
  heardAt: Date
  heardMs: number
}

/** For so long a round waits for the readers of a log. Less than the patience of a round, which would leave all of them behind. */
const STAGED_MS = 3_000
/** And for so long until those that have not staged by then say that they are not ready. */
const FENCE_MS = 1_500

export class LogReaders {
  readonly #readers = new Map<string, Reader>()
  readonly #waiting = new Set<() => void>()
  /** As all were told that were here then. */
  #paceMs = 0
  /** One has come since. */
  #hasNew = false
  /** Of the last round. */
  #late: { to: number; names: readonly string[] } = { to: 0, names: [] }

  /** A reader has reported; set by its owner. */
  changed: (name: string) => void = () => undefined
  /** Asks a reader to dial the agent; set by the connection to the broker. */
  dials: (name: string) => void = () => undefined
  /** Tells a reader that others go on to there without it. */
  leaves: (name: string, to: number) => void = () => undefined

  call(name: string, nowMs: number): void {
    if (this.of(name, nowMs) !== null) this.dials(name)
  }

  heard(name: string, ack: Ack, now: Date, nowMs: number): void {
    const before = this.of(name, nowMs)
    if (before === null) this.#hasNew = true
    this.#readers.set(name, { ack, since: before?.since ?? now, heardAt: now, heardMs: nowMs })
    for (const look of [...this.#waiting]) look()
    this.changed(name)
  }

  /** null: it does not read the log, or is away. */
  of(name: string, nowMs: number): Reader | null {
    const reader = this.#readers.get(name)
    return reader === undefined || nowMs - reader.heardMs > LIMITS.deadMs ? null : reader
  }

  forget(name: string): void {
    this.#readers.delete(name)
  }

  /** Readers that are here and can commit. */
  count(nowMs: number): number {
    return this.#working(nowMs).length
  }

  /**
   * How long each may take to say what it has committed, so that not more than MOST_A_SECOND do in a second. To be asked now
   * and then. @returns null when all know that
   */
  newPaceMs(nowMs: number): number | null {
    const paceMs = Math.round((1_000 * this.count(nowMs)) / MOST_A_SECOND)
    const isSame = paceMs <= UNPACED_MS ? this.#paceMs <= UNPACED_MS : Math.abs(paceMs - this.#paceMs) < paceMs / 4
    if (isSame && (!this.#hasNew || paceMs <= UNPACED_MS)) return null
    this.#paceMs = paceMs
    this.#hasNew = false
    return paceMs
  }

  /** What was told last: how old a report of a commit may be. */
  get paceMs(): number {
    return Math.min(this.#paceMs, LIMITS.pingMs)
  }

  /** How many of them there are in each region that has a name. */
  regions(nowMs: number): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { region } of this.#working(nowMs))
      if (region !== null) counts.set(region, (counts.get(region) ?? 0) + 1)
    return counts
  }

  /** Readers that say that visitors may come, where they can be reached. */
  ready(nowMs: number): { name: string; address: string }[] {
    return [...this.#readers.keys()].flatMap((name) => {
      const { ready, address } = this.of(name, nowMs)?.ack ?? { ready: null, address: null }
      return ready === true && address !== null ? [{ name, address }] : []
    })
  }

  /** Whether all that are here, and can commit, have committed that. */
  haveCommitted(sequence: number, nowMs: number): boolean {
    return this.#working(nowMs).every(({ committed }) => committed >= sequence)
  }

  /**
   * Resolves when all that follow have staged everything up to there, or are known not to be ready before they have it, or
   * the time for both is over.
   */
  async staged(to: number): Promise<void> {
    const isIn = ({ live, staged, committed }: Ack) => !live || staged >= to || committed >= to
    await this.#all(isIn, STAGED_MS)
    const nowMs = performance.now()
    const late = [...this.#readers.keys()].filter((name) => {
      const reader = this.of(name, nowMs)
      return reader !== null && reader.ack.error === null && !isIn(reader.ack)
    })
    this.#late = { to, names: late }
    if (late.length === 0) return
    for (const name of late) this.leaves(name, to)
    await this.#all((ack) => isIn(ack) || ack.left >= to, FENCE_MS)
  }

  /** Those that the round that ends there went without. */
  lateAt(to: number): readonly string[] {
    return this.#late.to === to ? this.#late.names : []
  }

  /** Resolves when that is true of all that are here and can commit, or after that time. */
  async #all(isTrue: (ack: Ack) => boolean, mostMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = () => {
      if (this.#working(performance.now()).every(isTrue)) resolve()
    }
    this.#waiting.add(look)
    const timer = setTimeout(resolve, mostMs)
    look()
    await promise
    clearTimeout(timer)
    this.#waiting.delete(look)
  }

  #working(nowMs: number): Ack[] {
    return [...this.#readers.keys()].flatMap((name) => {
      const reader = this.of(name, nowMs)
      return reader === null || reader.ack.error !== null ? [] : [reader.ack]
    })
  }
}
