/**
 * The connection of one root: dials, says hello, passes frames between socket and disk thread, dials again.
 *
 *   waiting ──timer──▶ dialling ──open──▶ greeting ──first frame──▶ connected ──close──▶ waiting
 *                          └──────refused────────────────────────────────────────────────▲
 *
 * Knows nothing of changesets: frames go to the disk thread as they come. What the disk thread wants sent before it
 * has answered this connection's request for its position belongs to the connection before, and is dropped.
 */
import {
  CLOSE_REASONS,
  type CloseReason,
  closeReasonOf,
  closeText,
  encodeMessage,
  LIMITS,
  STREAM_PATH,
  SUBPROTOCOLS,
} from '@rootferry/protocol'
import WebSocket from 'ws'
import type { Position, ToApplier } from '../root-messages.ts'
import { backoffMs } from './backoff.ts'

export interface LinkOptions {
  root: string
  /** ws: or wss: address of the agent, without a path. */
  agent: string
  token: string
  ca: string | null
  software: string
}

export interface LinkEvents {
  /** For the disk thread. */
  tell(message: ToApplier): void
  connected(): void
  /** `error` says why in one line; null when it was asked for. */
  disconnected(error: string | null): void
}

/** Segment bytes the agent may send ahead of what is staged. */
const CREDIT_BYTES = 24 * 1024 * 1024
/** Credit is given back in portions, not for every small change. */
const CREDIT_PORTION_BYTES = 2 * 1024 * 1024
const DIAL_TIMEOUT_MS = 10_000

export class Link {
  readonly #options: LinkOptions
  readonly #events: LinkEvents
  #socket: WebSocket | null = null
  #greeted = false
  #isAnnounced = false
  #attempts = 0
  #consumed = 0
  #timer: NodeJS.Timeout | null = null
  #silence: NodeJS.Timeout | null = null
  #stopped = false

  constructor(options: LinkOptions, events: LinkEvents) {
    this.#options = options
    this.#events = events
  }

  start(): void {
    this.#dial()
  }

  /** The disk thread's answer to `hello`: from here on its messages are for this connection. */
  greet(position: Position): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return
    this.#greeted = true
    this.#consumed = 0
    const { root, software } = this.#options
    this.send(
      encodeMessage({ type: 'hello', software, root, ...position, encodings: ['tar', 'zstd'], credit: CREDIT_BYTES }),
    )
  }

  send(message: string): void {
    if (this.#greeted && this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(message)
  }

  /** Segment bytes were staged: the agent may send as many more. */
  consumed(bytes: number): void {
    this.#consumed += bytes
    if (this.#consumed < CREDIT_PORTION_BYTES) return
    this.send(encodeMessage({ type: 'credit', bytes: this.#consumed }))
    this.#consumed = 0
  }

  /** Ends the connection because of what came over it; dials again later. */
  abort(reason: CloseReason, message: string): void {
    this.#socket?.close(CLOSE_REASONS[reason].closeCode, closeText(message))
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#socket === null) return
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.close(1001, 'the receiver is stopping')
    else this.#socket.terminate()
  }

  #dial(): void {
    const { agent, token, ca } = this.#options
    const socket = new WebSocket(new URL(STREAM_PATH, agent), [...SUBPROTOCOLS], {
      headers: { Authorization: `Bearer ${token}` },
      handshakeTimeout: DIAL_TIMEOUT_MS,
      maxPayload: LIMITS.messageBytes,
      perMessageDeflate: false,
      followRedirects: false,
      ...(ca === null ? {} : { ca }),
    })
    this.#socket = socket
    let error: string | null = null
    socket.on('unexpected-response', (_request, response) => {
      error = refusal(response.statusCode ?? 0, response.statusMessage ?? '')
      response.destroy()
      socket.terminate()
      this.#ended(socket, error, response.statusCode === 401)
    })
    socket.on('error', (cause) => {
      error ??= cause.message
    })
    socket.on('open', () => {
      this.#heard(socket)
      this.#events.tell({ type: 'hello' })
    })
    socket.on('ping', () => this.#heard(socket))
    socket.on('message', (data: Buffer, isBinary: boolean) => this.#receive(socket, data, isBinary))
    socket.on('close', (code, reason) => {
      const known = closeReasonOf(code)
      const text = reason.length > 0 ? reason.toString() : (error ?? 'the connection was lost')
      this.#ended(
        socket,
        known === null ? text : `${known}: ${text}`,
        known !== null && !CLOSE_REASONS[known].retryable,
      )
    })
  }

  #receive(socket: WebSocket, data: Buffer, isBinary: boolean): void {
    this.#heard(socket)
    this.#attempts = 0
    this.#events.tell({ type: isBinary ? 'bytes' : 'text', frame: data })
    if (!this.#isAnnounced) {
      this.#isAnnounced = true
      this.#events.connected()
    }
  }

  #ended(socket: WebSocket, error: string | null, isHopeless: boolean): void {
    if (this.#socket !== socket) return
    this.#socket = null
    this.#greeted = false
    this.#isAnnounced = false
    if (this.#silence !== null) clearTimeout(this.#silence)
    this.#events.tell({ type: 'disconnected' })
    this.#events.disconnected(this.#stopped ? null : error)
    if (this.#stopped) return
    this.#timer = setTimeout(() => this.#dial(), backoffMs(this.#attempts, Math.random(), isHopeless))
    this.#attempts += 1
  }

  /** The agent pings: silence for longer than the heartbeat allows means that nobody is there. */
  #heard(socket: WebSocket): void {
    if (this.#silence === null) this.#silence = setTimeout(() => socket.terminate(), LIMITS.deadMs)
    else this.#silence.refresh()
  }
}

function refusal(status: number, text: string): string {
  if (status === 401) return 'unauthorized: the agent does not know this token'
  if (status === 426) return `the agent speaks none of ${SUBPROTOCOLS.join(', ')}`
  return `the agent answered ${status} ${text}`
}
