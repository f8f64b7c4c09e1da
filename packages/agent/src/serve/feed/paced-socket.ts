/**
 * A receiver's WebSocket as its session writes to it: never faster than the receiver reads, or than a limit allows, and
 * with the small writes of one turn sent together.
 *
 * INVARIANT: above BOUNDS.bufferedBytes of unsent data a `send` waits, so that a receiver that does not read costs a
 * few frames of memory. Knows nothing of messages.
 */
import type { Writable } from 'node:stream'
import { closeText, type ProtocolError } from '@rootferry/protocol'
import type { WebSocket } from 'ws'
import { BOUNDS } from '../../bounds.ts'
import type { Outlet, OutletEvents } from './outlet.ts'
import { SendPace } from './send-pace.ts'

export class PacedSocket implements Outlet {
  lastHeardAt: Date
  readonly #socket: WebSocket
  /** The stream that the socket writes to. */
  readonly #line: Pick<Writable, 'cork' | 'uncork'>
  readonly #events: OutletEvents
  #isGathering = false
  readonly #pace = new SendPace()

  constructor(peer: { socket: WebSocket; line: Pick<Writable, 'cork' | 'uncork'>; now: Date }, events: OutletEvents) {
    this.#socket = peer.socket
    this.#line = peer.line
    this.lastHeardAt = peer.now
    this.#events = events
    this.#socket.on('message', (data: Buffer, isBinary: boolean) => {
      this.lastHeardAt = new Date()
      if (!this.isClosed) events.message(data, isBinary)
    })
    this.#socket.on('pong', () => {
      this.lastHeardAt = new Date()
    })
    this.#socket.on('close', (code: number, reason: Buffer) => this.#end(code, reason.toString()))
  }

  get isClosed(): boolean {
    return this.#pace.isOver
  }

  async send(data: string | Uint8Array, left: (() => void) | null = null): Promise<void> {
    if (this.isClosed) return
    this.#gather(data.length)
    this.#socket.send(data, () => {
      left?.()
      this.wakeUp()
    })
    await this.#pace.keep(() => this.#socket.bufferedAmount, this.#events.sent(data.length))
  }

  sleep(): Promise<void> {
    return this.#pace.sleep()
  }

  wakeUp(): void {
    this.#pace.wakeUp()
  }

  close(error: ProtocolError): void {
    this.#pace.end()
    this.#socket.close(error.closeCode, closeText(error.message))
  }

  #end(code: number, reason: string): void {
    this.#pace.end()
    this.#events.closed(code, reason)
  }

  /**
   * Every write costs a system call here and wakes the receiver there, so small writes of one turn leave as one. Large
   * data leaves by itself, because TLS copies a write that has several parts.
   */
  #gather(bytes: number): void {
    if (bytes > BOUNDS.gatheredBytes) return this.#letGo()
    if (this.#isGathering) return
    this.#isGathering = true
    this.#line.cork()
    setImmediate(() => this.#letGo())
  }

  #letGo(): void {
    if (!this.#isGathering) return
    this.#isGathering = false
    this.#line.uncork()
  }
}
