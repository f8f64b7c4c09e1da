/**
 * One reading of a log, from a position of the target: a welcome, then the frames of the agent's session as they come,
 * each verified; those of a snapshot first, where it begins with one. Reads no faster than the disk takes it.
 *
 * INVARIANT: it ends, and says so, when the log does not go on from where the reader stands, when a message is not the
 * agent's, and when the agent speaks with another filter or term, which takes a new welcome.
 */
import { errorMessage } from '@rootferry/host/machine'
import type { Broker, LogDecoder, Step, StoredMessage } from '@rootferry/nats'
import { encodeMessage, type Segment, type Welcome } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { Frame, HelloPosition } from '../../root-messages.ts'
import { type LogStart, logStart } from './log-start.ts'

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
  readonly #start: LogStart
  readonly #parts: LogReadingParts
  readonly #events: LogReadingEvents
  readonly #stopped = new AbortController()
  /** The message of the log with which the last head began; 0: that was in a snapshot. */
  #headAt = 0
  /** Segment bytes that the disk thread may still be given. */
  #credit: number = BOUNDS.creditBytes
  /** Of the segment that has begun. */
  #bytesToCome = 0
  /** That others go on to there without this reader, which is not said yet. */
  #leave: number | null = null
  #wake = Promise.withResolvers<void>()

  private constructor(parts: LogReadingParts, events: LogReadingEvents, decoder: LogDecoder, start: LogStart) {
    this.#parts = parts
    this.#events = events
    this.#decoder = decoder
    this.#start = start
  }

  /** @returns null when neither the log nor its snapshot has that position. @throws Forged */
  static async at(
    position: HelloPosition,
    parts: LogReadingParts,
    events: LogReadingEvents,
  ): Promise<LogReading | null> {
    const { LogDecoder, Verifier } = await import('@rootferry/nats')
    const verifier = new Verifier(parts.fingerprint)
    const start = await logStart(position, { ...parts, verifier })
    if (start === null) return null
    return new LogReading(parts, events, new LogDecoder(parts.root, verifier, start.cursor), start)
  }

  get epoch(): string {
    return this.#start.welcome.epoch
  }

  start(): void {
    this.#pass(false, Buffer.from(encodeMessage(this.#start.welcome)))
    void this.#read()
  }

  /** The agent says that others go on to there without this reader: a message of its own, that is in no log. */
  leaves(to: number): void {
    this.#leave = Math.max(this.#leave ?? to, to)
    this.#passLeave()
  }

  consumed(bytes: number): void {
    this.#credit += bytes
    this.#wake.resolve()
  }

  stop(): void {
    this.#stopped.abort()
    this.#wake.resolve()
  }

  async #read(): Promise<void> {
    const { Forged, OffTheLog } = await import('@rootferry/nats')
    try {
      for await (const message of this.#messages()) {
        if (this.#stopped.signal.aborted) return
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

  async *#messages(): AsyncGenerator<StoredMessage> {
    const { broker, root } = this.#parts
    const { snapshot, from } = this.#start
    const { signal } = this.#stopped
    if (snapshot !== null) {
      for await (const message of broker.snapshots(root).entries.read(snapshot.from, signal)) {
        if (message.at > snapshot.last) break
        yield message
        if (message.at === snapshot.last) break
      }
      if (signal.aborted) return
    }
    for await (const message of broker.log(root).read(from, signal)) {
      if (message.kind === 'head' && message.part === 0) this.#headAt = message.at
      yield message
    }
  }

  /** @returns whether the reading goes on */
  #take(step: Step): boolean {
    if (step.type === 'head') {
      const isOther = !isSameWord(step.welcome, this.#start.welcome)
      if (step.restarts || isOther) {
        // A beginning that was tried before leads to itself: in a snapshot that lacks its end, for example.
        if (this.#headAt === this.#parts.notBefore) this.#events.off('the log leads nowhere from there', 'gap')
        else this.#events.restart(this.#headAt)
        return false
      }
      this.#pass(false, Buffer.from(step.frame))
    } else if (step.type === 'frame') {
      // Messages amid a changeset are those of its segments.
      if (!step.isBinary) this.#bytesToCome = (JSON.parse(Buffer.from(step.data).toString()) as Segment).bytes
      this.#pass(step.isBinary, step.data)
    } else this.#pass(false, Buffer.from(step.frame))
    return true
  }

  /** Not between a segment and its bytes. */
  #passLeave(): void {
    if (this.#leave === null || this.#bytesToCome > 0) return
    const message = { type: 'leave' as const, to: this.#leave }
    this.#leave = null
    this.#events.frame({ isBinary: false, data: new Uint8Array(Buffer.from(encodeMessage(message))) })
  }

  #pass(isBinary: boolean, data: Uint8Array): void {
    if (isBinary) this.#credit -= data.byteLength
    // A copy: what is read lies in the memory of a larger piece, which the disk thread would be given.
    this.#events.frame({ isBinary, data: new Uint8Array(data) })
    if (isBinary) this.#bytesToCome -= data.byteLength
    this.#passLeave()
  }
}

/** Whether what the agent says of its index is the same: another filter, term or epoch takes a new welcome. */
function isSameWord(one: Welcome, other: Welcome): boolean {
  const words = ({ epoch, term, filter }: Welcome) => JSON.stringify([epoch, term, filter])
  return words(one) === words(other)
}
