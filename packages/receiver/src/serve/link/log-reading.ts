/**
 * One reading of a log, from a position of the target: a welcome, then the frames of the agent's session as they come,
 * each verified. Reads no faster than the disk takes it.
 *
 * INVARIANT: it ends, and says so, when the log does not go on from where the reader stands, when a message is not the
 * agent's, and when the agent speaks with another filter or term, which takes a new welcome.
 */
import { errorMessage } from '@rootferry/host/machine'
import type { Broker, LogDecoder, LogPosition, LogStream, Step } from '@rootferry/nats'
import { encodeMessage, type Welcome } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { Frame, HelloPosition } from '../../root-messages.ts'

export interface LogReadingParts {
  broker: Broker
  root: string
  /** Of the agent's certificate. */
  fingerprint: string
  /** The message at which an earlier reading was told to begin anew. */
  notBefore: number
}

export interface LogReadingEvents {
  frame(frame: Frame): void
  /** The log goes on at that message, but what was staged is void, or another welcome is due. */
  restart(at: number): void
  /** The log cannot be followed: it does not go on from here, has messages that are not the agent's, or cannot be read. */
  off(why: string, kind: 'gap' | 'forged' | 'failed'): void
}

export class LogReading {
  readonly #decoder: LogDecoder
  readonly #stream: LogStream
  readonly #from: number
  readonly #welcome: Welcome
  readonly #parts: LogReadingParts
  readonly #events: LogReadingEvents
  readonly #stopped = new AbortController()
  /** The message with which the last head began. */
  #headAt = 0
  /** Segment bytes that the disk thread may still be given. */
  #credit: number = BOUNDS.creditBytes
  #wake = Promise.withResolvers<void>()

  private constructor(
    parts: LogReadingParts,
    events: LogReadingEvents,
    at: { decoder: LogDecoder; stream: LogStream; from: number; welcome: Welcome },
  ) {
    this.#parts = parts
    this.#events = events
    this.#decoder = at.decoder
    this.#stream = at.stream
    this.#from = at.from
    this.#welcome = at.welcome
  }

  /** @returns null when the log does not have that position. @throws Forged */
  static async at(
    position: HelloPosition,
    parts: LogReadingParts,
    events: LogReadingEvents,
  ): Promise<LogReading | null> {
    const { LogDecoder, Verifier, verifiedHead } = await import('@rootferry/nats')
    const { broker, root } = parts
    const stream = broker.log(root)
    const cursor = cursorOf(position)
    if (cursor === null && position.target !== 'empty') return null
    // What is staged goes on over a connection with the agent.
    if (position.prepared !== null || position.partials.length > 0) return null
    const found = cursor === null ? 0 : await foundIn(stream, cursor)
    if (found === null) return null
    const from = Math.max(found + 1, parts.notBefore)
    const next = await stream.headFrom(from)
    const shown = next ?? (await stream.lastHead())
    if (shown === null || (cursor === null && next === null)) return null
    const verifier = new Verifier(parts.fingerprint)
    const { head, changeset } = verifiedHead(shown.data, shown.signature, root, verifier)
    const begins = cursor === null && head.after === null && changeset.base === 0
    if (cursor === null ? !begins : head.welcome.epoch !== cursor.epoch) return null
    const last = await stream.last()
    // The log of another index, which the present one follows.
    if (cursor === null && last?.epoch !== head.welcome.epoch) return null
    const start = cursor ?? { epoch: head.welcome.epoch, term: head.welcome.term, sequence: 0 }
    const welcome: Welcome = {
      ...head.welcome,
      head: Math.max(start.sequence, last?.sequence ?? 0),
      start: 'replay',
      sequence: start.sequence,
      reason: 'read from the log',
      prepared: null,
      othersCurrent: false,
      clash: null,
    }
    const decoder = new LogDecoder(root, verifier, cursor)
    return new LogReading(parts, events, { decoder, stream, from, welcome })
  }

  static async isThere(position: LogPosition, broker: Broker, root: string): Promise<boolean> {
    return (await foundIn(broker.log(root), position)) !== null
  }

  get epoch(): string {
    return this.#welcome.epoch
  }

  start(): void {
    this.#pass(false, Buffer.from(encodeMessage(this.#welcome)))
    void this.#read()
  }

  consumed(bytes: number): void {
    this.#credit += bytes
    this.#wake.resolve()
  }

  tellAgent(name: string, ack: object): void {
    this.#parts.broker.tell(this.#stream.names.ackOf(name), ack)
  }

  stop(): void {
    this.#stopped.abort()
    this.#wake.resolve()
  }

  async #read(): Promise<void> {
    const { Forged, OffTheLog } = await import('@rootferry/nats')
    try {
      for await (const message of this.#stream.read(this.#from, this.#stopped.signal)) {
        if (this.#stopped.signal.aborted) return
        if (message.kind === 'head' && message.part === 0) this.#headAt = message.at
        const step = this.#decoder.take(message)
        if (step !== null && !this.#take(step)) return
        while (this.#credit <= 0 && !this.#stopped.signal.aborted) {
          await this.#wake.promise
          this.#wake = Promise.withResolvers()
        }
      }
      if (!this.#stopped.signal.aborted) this.#events.off('the log is not there any more', 'failed')
    } catch (error) {
      if (this.#stopped.signal.aborted) return
      const why = error instanceof OffTheLog ? 'gap' : error instanceof Forged ? 'forged' : 'failed'
      this.#events.off(errorMessage(error), why)
    }
  }

  /** @returns whether the reading goes on */
  #take(step: Step): boolean {
    if (step.type === 'head') {
      const isOther = !isSameWord(step.welcome, this.#welcome)
      if (step.restarts || isOther) {
        this.#events.restart(this.#headAt)
        return false
      }
      this.#pass(false, Buffer.from(step.frame))
    } else if (step.type === 'frame') this.#pass(step.isBinary, step.data)
    else this.#pass(false, Buffer.from(step.frame))
    return true
  }

  #pass(isBinary: boolean, data: Uint8Array): void {
    if (isBinary) this.#credit -= data.byteLength
    // A copy: what is read lies in the memory of a larger piece, which the disk thread would be given.
    this.#events.frame({ isBinary, data: new Uint8Array(data) })
  }
}

function cursorOf({ epoch, term, sequence }: HelloPosition): LogPosition | null {
  // At 0 nothing is committed, whatever has begun.
  return epoch === null || term === null || sequence === 0 ? null : { epoch, term, sequence }
}

async function foundIn(stream: LogStream, position: LogPosition): Promise<number | null> {
  const { findPosition } = await import('@rootferry/nats')
  return await findPosition(position, stream)
}

/** Whether what the agent says of its index is the same: another filter, term or epoch takes a new welcome. */
function isSameWord(one: Welcome, other: Welcome): boolean {
  const words = ({ epoch, term, filter }: Welcome) => JSON.stringify([epoch, term, filter])
  return words(one) === words(other)
}
