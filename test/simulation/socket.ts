/**
 * ws for code under simulation: one end of a line, with the interface that a receiver's link and an agent's session
 * use.
 *
 * Events come in turns of the socket's owner. `bufferedAmount` is what was sent and has not arrived.
 */
import { EventEmitter } from 'node:events'
import { farm, presentProcess } from './farm.ts'
import type { Line } from './network.ts'
import type { Process } from './scheduler.ts'

export type Frame = { kind: 'text' | 'binary'; data: Buffer } | { kind: 'close'; code: number; reason: string }

const MOST_TEXT = 600

/** For people. */
export function frameText(frame: Frame): string {
  if (frame.kind === 'close') return `close ${frame.code} ${frame.reason}`
  return frame.kind === 'binary' ? `${frame.data.byteLength} bytes` : frame.data.toString().slice(0, MOST_TEXT)
}

const ABNORMAL = 1006
const CONNECTING = 0
const OPEN = 1
const CLOSING = 2
const CLOSED = 3

export class SimulatedSocket extends EventEmitter {
  readonly owner: Process | null
  readyState = CONNECTING
  readonly protocol: string
  bufferedAmount = 0
  #line: Line | null = null
  /** Called when the frame that they sent is out of the sender's hands. */
  readonly #leaving = new Set<() => void>()

  constructor(owner: Process | null, protocol: string) {
    super()
    this.owner = owner
    this.protocol = protocol
  }

  get isClosed(): boolean {
    return this.readyState === CLOSED
  }

  opened(line: Line): void {
    this.#line = line
    this.readyState = OPEN
    this.#later(() => {
      if (this.readyState === OPEN) this.emit('open')
    })
  }

  send(data: string | Uint8Array, done: (error?: Error) => void = () => undefined): void {
    if (this.readyState !== OPEN || this.#line === null) {
      this.#later(() => done(new Error('not open, simulated')))
      return
    }
    // A copy: the sender may reuse its memory once the callback was called, and the frame belongs to its taker.
    const bytes = Buffer.from(new Uint8Array(Buffer.from(data)).buffer)
    this.bufferedAmount += bytes.byteLength
    const leave = () => {
      if (!this.#leaving.delete(leave)) return
      this.bufferedAmount -= bytes.byteLength
      this.#later(() => done())
    }
    this.#leaving.add(leave)
    this.#line.carry(this, { kind: typeof data === 'string' ? 'text' : 'binary', data: bytes }, leave)
  }

  close(code: number, reason: string): void {
    if (this.readyState === CLOSED || this.readyState === CLOSING) return
    if (this.readyState === CONNECTING) {
      this.fail(new Error('closed before it was open, simulated'))
      return
    }
    this.readyState = CLOSING
    this.#line?.carry(this, { kind: 'close', code, reason }, () => undefined)
  }

  terminate(): void {
    if (this.readyState === CLOSED) return
    this.#line?.abandon(this)
    this.#later(() => this.end(ABNORMAL, ''))
  }

  ping(): void {
    // The line has heartbeats of its own.
  }

  /** A frame has arrived. */
  take(frame: Frame): void {
    if (this.readyState === CLOSED) return
    if (frame.kind !== 'close') {
      this.emit('message', Buffer.from(new Uint8Array(frame.data).buffer), frame.kind === 'binary')
      return
    }
    const { code, reason } = frame
    if (this.readyState === CLOSING) this.#line?.closed()
    else {
      this.readyState = CLOSING
      this.#line?.carry(this, { kind: 'close', code, reason: '' }, () => undefined)
    }
    this.end(code, reason)
  }

  /** It is over. */
  end(code: number, reason: string): void {
    if (this.readyState === CLOSED) return
    this.readyState = CLOSED
    this.drop()
    this.emit('close', code, Buffer.from(reason))
  }

  fail(error: Error): void {
    this.#later(() => {
      if (this.readyState === CLOSED) return
      this.emit('error', error)
      this.end(ABNORMAL, '')
    })
  }

  /** Frames on their way will not arrive any more. */
  drop(): void {
    for (const leave of [...this.#leaving]) leave()
  }

  /** The process has died: no handler is called. */
  vanish(): void {
    this.readyState = CLOSED
    this.removeAllListeners()
  }

  #later(act: () => void): void {
    farm().scheduler.after(0, this.owner, act)
  }
}

/** The `ws` module for code under simulation: it dials by itself, and the token says which receiver it is. */
export default class WebSocket extends SimulatedSocket {
  static readonly OPEN = OPEN
  static readonly CONNECTING = CONNECTING
  readonly OPEN = OPEN

  /** The agent chooses the first subprotocol. */
  constructor(_url: URL, [protocol = '']: string[], options: { headers: { Authorization: string } }) {
    super(presentProcess(), protocol)
    const receiver = options.headers.Authorization.replace('Bearer ', '')
    const { network } = farm()
    const caller = network.callers.get(receiver)
    if (caller === undefined) throw new Error(`${receiver} has no line`)
    network.dial(caller, this)
  }
}

export { WebSocket }
