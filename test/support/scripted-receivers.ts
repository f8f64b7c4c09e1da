/**
 * Any number of receivers that have no disk: they confirm whatever comes. To a real agent they are a fleet, at the price
 * of a socket each.
 */
import { once } from 'node:events'
import WebSocket from 'ws'
import { decodeToReceiver, LIMITS, SUBPROTOCOLS, type ToAgent } from '../../packages/protocol/src/index.ts'

export interface ScriptedOptions {
  url: string
  token: string
  root: string
  /** Whether it confirms what it gets. */
  confirms?: boolean
}

export class ScriptedReceiver implements Disposable {
  readonly #socket: WebSocket
  readonly #confirms: boolean

  private constructor({ url, token, confirms = true }: ScriptedOptions) {
    this.#confirms = confirms
    const headers = { Authorization: `Bearer ${token}` }
    this.#socket = new WebSocket(`${url}/v1/stream`, [...SUBPROTOCOLS], { headers, perMessageDeflate: false })
    this.#socket.on('error', () => this.#socket.terminate())
    this.#socket.on('message', (data: Buffer, isBinary) => this.#heard(data, isBinary))
  }

  /** Connects, and says hello; with an empty target, so that everything comes. */
  static async connect(options: ScriptedOptions): Promise<ScriptedReceiver> {
    const receiver = new ScriptedReceiver(options)
    await once(receiver.#socket, 'open')
    receiver.say({
      type: 'hello',
      software: 'scripted',
      root: options.root,
      epoch: null,
      term: null,
      sequence: 0,
      durable: 0,
      target: 'empty',
      partials: [],
      encodings: ['tar'],
      prepared: null,
      credit: LIMITS.creditBytes,
    })
    return receiver
  }

  say(message: ToAgent): void {
    this.#socket.send(JSON.stringify(message))
  }

  #heard(data: Buffer, isBinary: boolean): void {
    if (isBinary) return this.say({ type: 'credit', bytes: data.byteLength })
    const message = decodeToReceiver(data)
    if (message.type !== 'commit' || !this.#confirms) return
    this.say({ type: 'committed', sequence: message.to, burstMicros: 1_000 })
    this.say({ type: 'durable', sequence: message.to })
  }

  [Symbol.dispose](): void {
    this.#socket.terminate()
  }
}
