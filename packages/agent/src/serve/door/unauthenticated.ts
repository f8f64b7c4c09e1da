/**
 * Pre-authentication limits: connections without a hello are bounded in number, for each network and in all, and in
 * time.
 *
 * The clock of a connection starts when it is accepted and stops at its hello: a handshake, a header or a hello that
 * comes byte by byte gains nothing. The limits lie below TLS on purpose, so that a flood costs no handshakes. Here a
 * connection is known by its addresses and ports, because the secure socket and the plain one below it are two objects.
 */
import type { Server, Socket } from 'node:net'
import { LIMITS } from '@rootferry/protocol'
import { DOOR } from './door-limits.ts'
import { networkOf } from './network-of.ts'

interface Unauthenticated {
  network: string
  deadline: NodeJS.Timeout
  /** Ends the connection when its time is over. */
  end: () => void
}

/** The addresses that both kinds of sockets know. */
type Addressed = Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress'>

export class UnauthenticatedConnections {
  readonly #connections = new Map<string, Unauthenticated>()
  readonly #ofNetwork = new Map<string, number>()
  readonly #crowded: (network: string) => void

  /** @param crowded called for each connection that finds no room */
  constructor(server: Server, crowded: (network: string) => void) {
    this.#crowded = crowded
    server.on('connection', (socket) => this.#arrive(socket))
  }

  /** From now on, the connection is ended in this way when its time is over. */
  endWith(socket: Addressed, end: () => void): void {
    const connection = this.#connections.get(keyOf(socket))
    if (connection !== undefined) connection.end = end
  }

  /** The connection has said hello, or is closed. */
  leave(socket: Addressed): void {
    this.#remove(keyOf(socket))
  }

  #arrive(socket: Socket): void {
    // Closed before it was looked at.
    if (socket.remoteAddress === undefined) return void socket.destroy()
    const network = networkOf(socket.remoteAddress)
    const count = this.#ofNetwork.get(network) ?? 0
    if (count >= DOOR.unauthenticatedOfNetwork || this.#connections.size >= DOOR.unauthenticated) {
      socket.resetAndDestroy()
      this.#crowded(network)
      return
    }
    const key = keyOf(socket)
    const connection: Unauthenticated = {
      network,
      end: () => socket.destroy(),
      deadline: setTimeout(() => connection.end(), LIMITS.helloMs),
    }
    this.#remove(key)
    this.#connections.set(key, connection)
    this.#ofNetwork.set(network, (this.#ofNetwork.get(network) ?? 0) + 1)
    socket.once('close', () => {
      if (this.#connections.get(key) === connection) this.#remove(key)
    })
  }

  #remove(key: string): void {
    const connection = this.#connections.get(key)
    if (connection === undefined) return
    this.#connections.delete(key)
    clearTimeout(connection.deadline)
    const left = (this.#ofNetwork.get(connection.network) ?? 1) - 1
    if (left > 0) this.#ofNetwork.set(connection.network, left)
    else this.#ofNetwork.delete(connection.network)
  }
}

function keyOf({ remoteAddress, remotePort, localAddress }: Addressed): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`
}
