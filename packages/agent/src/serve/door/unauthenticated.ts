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

interface Stranger {
  network: string
  deadline: NodeJS.Timeout
  /** Ends the connection when its time is over. */
  end: () => void
}

/** The addresses that both kinds of sockets know. */
type Addressed = Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress'>

export class UnauthenticatedConnections {
  readonly #strangers = new Map<string, Stranger>()
  readonly #ofNetwork = new Map<string, number>()
  readonly #crowded: (network: string) => void

  /** @param crowded called for each connection that finds no room */
  constructor(server: Server, crowded: (network: string) => void) {
    this.#crowded = crowded
    server.on('connection', (socket) => this.#arrive(socket))
  }

  get size(): number {
    return this.#strangers.size
  }

  /** From now on, the connection is ended in this way when its time is over. */
  endWith(socket: Addressed, end: () => void): void {
    const stranger = this.#strangers.get(keyOf(socket))
    if (stranger !== undefined) stranger.end = end
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
    if (count >= DOOR.strangersOfNetwork || this.#strangers.size >= DOOR.strangers) {
      socket.resetAndDestroy()
      this.#crowded(network)
      return
    }
    const key = keyOf(socket)
    const stranger: Stranger = {
      network,
      end: () => socket.destroy(),
      deadline: setTimeout(() => stranger.end(), LIMITS.helloMs),
    }
    this.#remove(key)
    this.#strangers.set(key, stranger)
    this.#ofNetwork.set(network, (this.#ofNetwork.get(network) ?? 0) + 1)
    socket.once('close', () => {
      if (this.#strangers.get(key) === stranger) this.#remove(key)
    })
  }

  #remove(key: string): void {
    const stranger = this.#strangers.get(key)
    if (stranger === undefined) return
    this.#strangers.delete(key)
    clearTimeout(stranger.deadline)
    const left = (this.#ofNetwork.get(stranger.network) ?? 1) - 1
    if (left > 0) this.#ofNetwork.set(stranger.network, left)
    else this.#ofNetwork.delete(stranger.network)
  }
}

function keyOf({ remoteAddress, remotePort, localAddress }: Addressed): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`
}
