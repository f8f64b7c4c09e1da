/**
 * The way from a session into the log of a root. To the session it is a receiver: what the broker has acknowledged is
 * committed and durable, credit comes back as bytes are stored, and a round's changeset is staged when the receivers that
 * read the log have staged it.
 *
 * INVARIANT: messages are appended in order, each after the one before; the first that is refused ends the outlet, and
 * no later one can be stored. `committed` is said when the end of the changeset is stored.
 */

import type { LogEncoder, LogMessage } from '@rootferry/nats'
import { LIMITS, type ProtocolError, type ToAgent, type Welcome } from '@rootferry/protocol'
import type { Outlet, OutletEvents } from './outlet.ts'
import { SendPace } from './send-pace.ts'

export interface LogReached {
  sequence: number
  /** The last message of that, in the stream. */
  at: number
  /** What this outlet has stored so far. */
  bytes: number
}

export interface LogOutletParts {
  encoder: Pick<LogEncoder, 'encode'>
  /** @param after the sequence of the message before it. Rejects when the message is not stored */
  append(message: LogMessage, after: number, id: string): Promise<void>
  /** The sequence of the last message in the log. */
  lastAt: number
  /** Other than that of any earlier outlet. */
  id: string
  welcomed(welcome: Welcome): void
  /** All changesets up to there are stored. */
  reached(at: LogReached): void
  /** Resolves when the receivers of the log have staged everything up to there, or need not be awaited any more. */
  staged(to: number): Promise<void>
  /** The log cannot be written; not called for a close that was asked for. */
  failed(error: unknown): void
}

/** The code of a connection that ended without a word. */
const BROKEN = 1006

export class LogOutlet implements Outlet {
  lastHeardAt = new Date()
  readonly #parts: LogOutletParts
  readonly #events: OutletEvents
  #lastAt: number
  /** Bytes that are not acknowledged yet. */
  #underWay = 0
  #storedBytes = 0
  /** Acknowledgements count in the order of the messages. */
  #acknowledged: Promise<void> = Promise.resolve()
  readonly #pace = new SendPace()

  constructor(parts: LogOutletParts, events: OutletEvents) {
    this.#parts = parts
    this.#events = events
    this.#lastAt = parts.lastAt
  }

  get isClosed(): boolean {
    return this.#pace.isOver
  }

  async send(data: string | Uint8Array, left: (() => void) | null = null): Promise<void> {
    if (this.isClosed) return
    const { encoder, welcomed } = this.#parts
    const { message, messages } = encoder.encode(data)
    if (message?.type === 'welcome') welcomed(message)
    const bytes = messages.reduce((sum, part) => sum + part.data.byteLength, 0)
    this.#underWay += bytes
    // The memory of bytes goes back when they have left.
    const size = data.length
    const stored = messages.map((part) => this.#append(part))
    const at = this.#lastAt
    const before = this.#acknowledged
    this.#acknowledged = Promise.all([before, ...stored]).then(
      () => {
        this.#underWay -= bytes
        this.#storedBytes += bytes
        left?.()
        this.#stored(message, data, size)
        if (message?.type === 'commit') this.#reached(message.to, at)
        else if (message?.type === 'welcome') this.#reached(message.sequence, at)
        this.wakeUp()
      },
      (error: unknown) => {
        left?.()
        this.lost(error)
      },
    )
    await this.#pace.keep(() => this.#underWay, this.#events.sent(data.length))
  }

  get hasStored(): boolean {
    return this.#storedBytes > 0
  }

  /** The sequence of the last message in the stream; null: some are under way, or it is closed. */
  get restsAt(): number | null {
    return this.#underWay > 0 || this.isClosed ? null : this.#lastAt
  }

  sleep(): Promise<void> {
    return this.#pace.sleep()
  }

  wakeUp(): void {
    this.#pace.wakeUp()
  }

  close(error: ProtocolError): void {
    this.#end(error.closeCode, error.message)
  }

  /** The stream is not as this outlet has left it. */
  lost(error: unknown): void {
    if (this.isClosed) return
    this.#parts.failed(error)
    this.broke()
  }

  /** The connection to the broker is over. */
  broke(): void {
    this.#end(BROKEN, '')
  }

  /** Resolves when nothing is under way any more. @returns the sequence of the last message in the stream */
  async settled(): Promise<number> {
    await this.#acknowledged
    return this.#lastAt
  }

  #reached(sequence: number, at: number): void {
    if (!this.isClosed) this.#parts.reached({ sequence, at, bytes: this.#storedBytes })
  }

  #append(message: LogMessage): Promise<void> {
    const after = this.#lastAt
    this.#lastAt += 1
    return this.#parts.append(message, after, `${this.#parts.id}/${this.#lastAt}`)
  }

  #stored(message: ReturnType<LogEncoder['encode']>['message'], data: string | Uint8Array, size: number): void {
    this.lastHeardAt = new Date()
    if (typeof data !== 'string') return this.#say({ type: 'credit', bytes: size })
    if (message?.type === 'commit') {
      this.#say({ type: 'committed', sequence: message.to, burstMicros: 0 })
      this.#say({ type: 'durable', sequence: message.to })
    } else if (message?.type === 'prepare') {
      void this.#parts.staged(message.to).then(() => this.#say({ type: 'staged', sequence: message.to }))
    } else if (message?.type === 'leave') {
      this.#say({ type: 'left', sequence: JSON.parse(data).to })
    } else if (message?.type === 'welcome') {
      // No visitor comes to a log: it takes its turn of a rolling release at once.
      this.#say({ type: 'ready', ready: true })
      // The log goes on from here: there is nothing to be compared.
      if (message.start === 'resync') this.#say({ type: 'resynced', sequence: message.sequence })
    }
  }

  #say(message: ToAgent): void {
    if (!this.isClosed) this.#events.message(Buffer.from(JSON.stringify(message)), false)
  }

  #end(code: number, reason: string): void {
    if (this.isClosed) return
    this.#pace.end()
    this.#events.closed(code, reason)
  }
}

/** The credit of a session that writes into a log: it comes back as bytes are stored. */
export const LOG_CREDIT_BYTES = LIMITS.creditBytes
