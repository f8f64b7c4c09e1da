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
  /** How much it lets come before `goOn`, and then it confirms nothing before it either; undefined: everything. */
  credit?: number
  /** Host and number, for a token of many nodes. */
  node?: string
}

export class ScriptedReceiver implements Disposable {
  readonly #socket: WebSocket
  #isWaiting: boolean
  readonly #held: ToAgent[] = []

  private constructor({ url, token, credit, node }: ScriptedOptions) {
    this.#isWaiting = credit !== undefined
    const headers = { Authorization: `Bearer ${token}`, ...(node === undefined ? {} : { 'Rootferry-Node': node }) }
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
      credit: options.credit ?? LIMITS.creditBytes,
    })
    return receiver
  }

  say(message: ToAgent): void {
    this.#socket.send(JSON.stringify(message))
  }

  /** What came before is confirmed, and everything else may come. */
  goOn(): void {
    this.#isWaiting = false
    for (const message of this.#held.splice(0)) this.say(message)
  }

  #heard(data: Buffer, isBinary: boolean): void {
    if (isBinary) return this.#answer({ type: 'credit', bytes: data.byteLength })
    const message = decodeToReceiver(data)
    if (message.type === 'commit') {
      this.#answer({ type: 'committed', sequence: message.to, burstMicros: 1_000 })
      this.#answer({ type: 'durable', sequence: message.to })
    }
    if (message.type === 'prepare') this.#answer({ type: 'staged', sequence: message.to })
  }

  #answer(message: ToAgent): void {
    if (this.#isWaiting) this.#held.push(message)
    else this.say(message)
  }

  [Symbol.dispose](): void {
    this.#socket.terminate()
  }
}
