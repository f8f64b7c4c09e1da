/**
 * What a reader of a log tells the agent of itself: when it changes, but not more than four times a second, and now and
 * then when nothing does. Collected from the messages that an agent would be sent.
 *
 * An agent with very many readers names a pace: within that time, and at any moment of it, a reader says how far it is, so
 * that not all of them say so at once. What a round or a load balancer waits for is said as soon as ever.
 */
import { LIMITS, type ToAgent } from '@rootferry/protocol'
import type { HelloPosition } from '../../root-messages.ts'

const LEAST_MS = 250

export class AckTimer {
  readonly #tell: (ack: object) => void
  #paceMs = LEAST_MS
  /** Of the log that is read; null: none is. */
  #epoch: string | null = null
  #ack = {
    committed: 0,
    durable: 0,
    staged: 0,
    left: -1,
    live: false,
    ready: null as boolean | null,
    error: null as string | null,
    region: null as string | null,
    address: null as string | null,
  }
  #timer: NodeJS.Timeout | null = null
  /** The timer is for something new. */
  #isDue = false
  #toldMs = Number.NEGATIVE_INFINITY

  constructor(tell: (ack: object) => void) {
    this.#tell = tell
  }

  at({ sequence, durable, prepared }: HelloPosition): void {
    this.#ack = { ...this.#ack, committed: sequence, durable, staged: prepared?.sequence ?? 0, left: -1, error: null }
  }

  /** From which server the log is read, and how that sees this host. */
  from(place: { region: string | null; address: string | null }): void {
    this.#ack = { ...this.#ack, ...place }
  }

  /** @param epoch null: no log is read any more, and nothing is told */
  reads(epoch: string | null): void {
    this.#epoch = epoch
    this.#ack.live = epoch !== null
    if (epoch !== null) return this.#soon()
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#isDue = false
  }

  /** The agent has asked. */
  tellAgain(): void {
    if (this.#epoch !== null) this.#sometime()
  }

  /** The agent wants to hear of a commit no sooner than within that time. */
  pace(ms: number): void {
    this.#paceMs = Math.min(Math.max(ms, LEAST_MS), LIMITS.pingMs)
  }

  /** @returns the message */
  said(text: string): ToAgent {
    const message = JSON.parse(text) as ToAgent
    if (message.type === 'committed' || message.type === 'durable') {
      this.#ack[message.type] = message.sequence
      if (this.#epoch !== null) this.#sometime()
      return message
    }
    if (message.type === 'staged') this.#ack.staged = message.sequence
    else if (message.type === 'left') this.#ack.left = message.sequence
    else if (message.type === 'ready') this.#ack.ready = message.ready
    else if (message.type === 'failing') {
      this.#ack.error = message.error === null ? null : `${message.error.code}: ${message.error.message}`
    } else return message
    if (this.#epoch !== null) this.#soon()
    return message
  }

  #sometime(): void {
    if (this.#paceMs === LEAST_MS) return this.#soon()
    // It is said already within the pace.
    if (this.#isDue) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#isDue = true
    this.#timer = setTimeout(() => this.#now(), Math.random() * this.#paceMs)
  }

  #soon(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    const waitMs = Math.max(0, this.#toldMs + LEAST_MS - performance.now())
    this.#isDue = true
    this.#timer = setTimeout(() => this.#now(), waitMs)
  }

  #now(): void {
    this.#toldMs = performance.now()
    this.#isDue = false
    this.#timer = setTimeout(() => this.#now(), LIMITS.pingMs)
    this.#tell({ ...this.#ack, durable: Math.min(this.#ack.durable, this.#ack.committed), epoch: this.#epoch })
  }
}
