/** A TLS server that may or may not be the agent, and reports which bytes it received inside TLS. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'

export class Impostor implements AsyncDisposable {
  readonly #server
  readonly #sockets = new Set<TLSSocket>()
  /** The bytes that were sent to it, decrypted. */
  seen = ''
  connections = 0

  private constructor(pem: string) {
    this.#server = createServer({ cert: pem, key: pem })
    this.#server.on('connection', () => {
      this.connections += 1
    })
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy())
    this.#server.on('secureConnection', (socket) => {
      this.#sockets.add(socket)
      socket.on('data', (data: Buffer) => {
        this.seen += data.toString('latin1')
      })
      socket.on('error', () => socket.destroy())
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  /** @param pem certificate and key */
  static async start(pem: string, port = 0): Promise<Impostor> {
    const impostor = new Impostor(pem)
    impostor.#server.listen(port, '127.0.0.1')
    await once(impostor.#server, 'listening')
    return impostor
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
