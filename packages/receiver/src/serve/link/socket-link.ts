/**
 * The WebSocket of one root: dials, says hello, passes frames between socket and disk thread, dials again.
 *
 *   waiting ──timer──▶ dialling ──open──▶ greeting ──first frame──▶ connected ──close──▶ waiting
 *      ▲                  └──────refused────────────────────────────────────────────────▲
 *      └──────────────── renewed: with another address at once ◀── any of them
 *
 * Attempts are counted until a connection was useful: something that came was committed or kept, or the connection lived
 * for a while.
 * An agent that ends every connection in the same way is dialled less and less often, however far each connection came.
 * Knows nothing of changesets: frames go to the disk thread as they come. A message that the disk thread sends before
 * it has answered this connection's request for its position belongs to the former connection, and is dropped.
 */
import { BufferGarbage } from '@rootferry/host/machine'
import {
  CLOSE_REASONS,
  type CloseReason,
  closeReasonOf,
  closeText,
  encodeMessage,
  LIMITS,
  ProtocolError,
} from '@rootferry/protocol'
import WebSocket from 'ws'
import { BOUNDS } from '../../bounds.ts'
import type { HelloPosition } from '../../root-messages.ts'
import { Credit } from './credit.ts'
import { type Address, DialFailure, dial } from './dial.ts'
import type { Link, LinkEvents, LinkOptions } from './link.ts'
import { redialMs } from './redial.ts'

/** A connection that lived for this long has worked, even when there was nothing to commit. */
const STEADY_MS = 5_000

interface Connection {
  readonly socket: WebSocket
  readonly openedAtMs: number
  credit: Credit
  /** The disk thread has answered, and hello was sent. */
  isGreeted: boolean
  /** A frame has come. */
  isAnnounced: boolean
}

export class SocketLink implements Link {
  readonly #options: LinkOptions
  readonly #events: LinkEvents
  #address: Address
  /** The attempt that is running. */
  #dialling: AbortController | null = null
  #connection: Connection | null = null
  /** Attempts since a connection was useful. */
  #attempts = 0
  #timer: NodeJS.Timeout | null = null
  #silence: NodeJS.Timeout | null = null
  #stopped = false
  /** A frame is read in chunks and then put together. */
  readonly #garbage = new BufferGarbage()

  constructor(options: LinkOptions, events: LinkEvents) {
    this.#options = options
    this.#address = options.address
    this.#events = events
  }

  start(): void {
    void this.#dial()
  }

  renew(address: Address): void {
    this.#address = address
    this.#attempts = 0
    const isStarted = this.#connection !== null || this.#dialling !== null || this.#timer !== null
    if (this.#stopped || !isStarted) return
    this.#leave('the receiver has a new configuration')
    void this.#dial()
  }

  greet(position: HelloPosition): void {
    const connection = this.#connection
    if (connection?.socket.readyState !== WebSocket.OPEN) return
    connection.isGreeted = true
    connection.credit = new Credit()
    const { root, software } = this.#options
    this.send(
      encodeMessage({
        type: 'hello',
        software,
        root,
        ...position,
        encodings: ['tar', 'zstd'],
        credit: BOUNDS.creditBytes,
      }),
    )
  }

  send(message: string): void {
    if (this.#connection === null) return
    const { socket, isGreeted } = this.#connection
    if (isGreeted && socket.readyState === WebSocket.OPEN) socket.send(message)
  }

  worked(): void {
    this.#attempts = 0
  }

  consumed(bytes: number): void {
    const given = this.#connection?.credit.consumed(bytes) ?? 0
    if (given > 0) this.send(encodeMessage({ type: 'credit', bytes: given }))
  }

  abort(reason: CloseReason, message: string): void {
    this.#connection?.socket.close(CLOSE_REASONS[reason].closeCode, closeText(message))
  }

  stop(): void {
    this.#stopped = true
    this.#leave('the receiver is stopping')
  }

  /** Ends the present connection, attempt or pause. */
  #leave(why: string): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#dialling?.abort()
    this.#dialling = null
    if (this.#connection === null) return
    this.#connection.socket.close(1001, why)
    this.#forget()
    this.#events.disconnected(null)
  }

  async #dial(): Promise<void> {
    this.#timer = null
    const attempt = new AbortController()
    this.#dialling = attempt
    try {
      const socket = await dial(this.#address, attempt.signal)
      if (attempt.signal.aborted || socket.readyState !== WebSocket.OPEN) socket.terminate()
      if (attempt.signal.aborted) return
      this.#dialling = null
      if (socket.readyState === WebSocket.OPEN) this.#opened(socket)
      else this.#failed('the connection was lost', false)
    } catch (error) {
      if (attempt.signal.aborted) return
      if (!(error instanceof DialFailure)) throw error
      this.#dialling = null
      this.#failed(error.message, error.isHopeless)
    }
  }

  #opened(socket: WebSocket): void {
    const openedAtMs = performance.now()
    this.#connection = { socket, openedAtMs, credit: new Credit(), isGreeted: false, isAnnounced: false }
    let error: string | null = null
    socket.on('error', (cause) => {
      error ??= cause.message
    })
    socket.on('ping', () => this.#heard(socket))
    socket.on('message', (data: Buffer, isBinary: boolean) => this.#receive(socket, data, isBinary))
    socket.on('close', (code, reason) => {
      if (this.#connection?.socket !== socket) return
      this.#forget()
      const known = closeReasonOf(code)
      const text = reason.length > 0 ? reason.toString() : (error ?? 'the connection was lost')
      this.#failed(
        known === null ? text : `${known}: ${text}`,
        known !== null && !CLOSE_REASONS[known].retryable,
        known === 'superseded',
      )
    })
    this.#heard(socket)
    this.#events.tell({ type: 'hello' })
  }

  #receive(socket: WebSocket, data: Buffer, isBinary: boolean): void {
    const connection = this.#connection
    if (connection?.socket !== socket) return
    this.#heard(socket)
    if (isBinary && !connection.credit.came(data.byteLength)) {
      return this.#breakOff(
        socket,
        new ProtocolError('credit-exceeded', 'more segment bytes than there was credit for'),
      )
    }
    this.#garbage.passed(2 * data.byteLength)
    this.#events.frame({ isBinary, data })
    if (connection.isAnnounced) return
    connection.isAnnounced = true
    this.#events.connected()
  }

  /** Ends a connection without waiting for the other side to agree. */
  #breakOff(socket: WebSocket, error: ProtocolError): void {
    if (this.#connection?.socket !== socket) return
    socket.close(error.closeCode, closeText(error.message))
    socket.terminate()
    this.#forget()
    this.#failed(`${error.code}: ${error.message}`, !error.retryable)
  }

  #forget(): void {
    if (this.#connection !== null && performance.now() - this.#connection.openedAtMs >= STEADY_MS) this.worked()
    this.#connection = null
    if (this.#silence !== null) clearTimeout(this.#silence)
    this.#silence = null
    this.#events.tell({ type: 'disconnected' })
  }

  #failed(error: string, isHopeless: boolean, isClash = false): void {
    const outlook = isClash ? 'clash' : isHopeless ? 'hopeless' : 'usual'
    this.#events.disconnected(error)
    this.#timer = setTimeout(() => void this.#dial(), redialMs(this.#attempts, Math.random(), outlook))
    this.#attempts += 1
  }

  /** The agent pings: silence for longer than the heartbeat allows means that the connection is dead. */
  #heard(socket: WebSocket): void {
    if (this.#connection?.socket !== socket) return
    if (this.#silence === null) {
      const error = new ProtocolError('heartbeat-lost', `nothing was heard for ${LIMITS.deadMs / 1000} s`)
      this.#silence = setTimeout(() => this.#breakOff(socket, error), LIMITS.deadMs)
    } else this.#silence.refresh()
  }
}
