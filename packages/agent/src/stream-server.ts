/**
 * The door for receivers: authenticates at the HTTP upgrade, reads the hello, and hands the connection to its root.
 *
 * Nobody gets a WebSocket without a token (401), a common protocol version (426) and the right path (404). Between
 * upgrade and hello there is a deadline. Pings go out on a clock of their own; a connection that stays silent is dead.
 */
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { isLoopback, type Logger } from '@rootferry/host'
import {
  chooseSubprotocol,
  closeText,
  decodeToAgent,
  type Hello,
  LIMITS,
  ProtocolError,
  STREAM_PATH,
  SUBPROTOCOLS,
} from '@rootferry/protocol'
import Fastify, { type FastifyInstance } from 'fastify'
import { type WebSocket, WebSocketServer } from 'ws'
import type { AgentConfig } from './config.ts'
import { bearerOf, type StoredToken } from './tokens.ts'

export interface Peer {
  socket: WebSocket
  receiver: string
  /** Whether the line to it is worth compressing for. */
  compress: boolean
  now: Date
}

export interface StreamServerParts {
  config: AgentConfig
  log: Logger
  /** The token that was presented, or null. */
  authenticate(token: string): StoredToken | null
  /** Takes a connection with its hello. @throws ProtocolError when there is no such root for it */
  serve(peer: Peer, hello: Hello): void
}

export class StreamServer {
  readonly #parts: StreamServerParts
  readonly #http: FastifyInstance
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: LIMITS.messageBytes,
    perMessageDeflate: false,
    handleProtocols: (offered) => chooseSubprotocol(offered) ?? false,
  })
  #pings: NodeJS.Timeout | null = null

  constructor(parts: StreamServerParts) {
    this.#parts = parts
    const { tls } = parts.config
    const options = { logger: false, forceCloseConnections: true } as const
    this.#http =
      tls === null
        ? Fastify(options)
        : (Fastify({
            ...options,
            https: { cert: readFileSync(tls.cert), key: readFileSync(tls.key), minVersion: 'TLSv1.3' },
          }) as unknown as FastifyInstance)
    this.#http.get('/livez', () => ({ status: 'alive' }))
    this.#http.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#upgrade(request, socket, head)
    })
  }

  /** @returns the address it listens on. @throws the system error (EADDRINUSE…) */
  async listen(): Promise<string> {
    const { host, port } = this.#parts.config.listen
    this.#pings = setInterval(() => this.#ping(), LIMITS.pingMs)
    return await this.#http.listen({ host, port })
  }

  async close(): Promise<void> {
    if (this.#pings !== null) clearInterval(this.#pings)
    for (const socket of this.#sockets.clients) socket.terminate()
    await this.#http.close()
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const path = (request.url ?? '').split('?', 1)[0]
    if (path !== STREAM_PATH) return refuse(socket, '404 Not Found', {})
    const token = bearerOf(request.headers.authorization)
    const known = token === null ? null : this.#parts.authenticate(token)
    if (known === null) {
      this.#parts.log.warn({ address: request.socket.remoteAddress }, 'a connection without a valid token was refused')
      return refuse(socket, '401 Unauthorized', { 'WWW-Authenticate': 'Bearer' })
    }
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
    if (chooseSubprotocol(offered) === null) {
      this.#parts.log.warn({ receiver: known.name, offered }, 'a receiver of another protocol version was refused')
      return refuse(socket, '426 Upgrade Required', { 'Sec-WebSocket-Protocol': SUBPROTOCOLS.join(', ') })
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => this.#welcome(webSocket, request, known))
  }

  #welcome(socket: WebSocket, request: IncomingMessage, token: StoredToken): void {
    const refuseWith = (error: ProtocolError) => socket.close(error.closeCode, closeText(error.message))
    const deadline = setTimeout(() => refuseWith(new ProtocolError('hello-timeout', 'no hello came')), LIMITS.helloMs)
    socket.on('error', (error) =>
      this.#parts.log.info({ receiver: token.name, error: error.message }, 'connection failed'),
    )
    socket.on('pong', () => heard.set(socket, Date.now()))
    socket.on('message', () => heard.set(socket, Date.now()))
    heard.set(socket, Date.now())
    socket.once('close', () => clearTimeout(deadline))
    socket.once('message', (data: Buffer, isBinary: boolean) => {
      clearTimeout(deadline)
      try {
        const message = isBinary ? null : decodeToAgent(data)
        if (message?.type !== 'hello') throw new ProtocolError('unexpected-message', 'a hello was expected')
        const compress = this.#compressesFor(request.socket.remoteAddress ?? '')
        this.#parts.serve({ socket, receiver: token.name, compress, now: new Date() }, message)
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error
        this.#parts.log.warn(
          { receiver: token.name, code: error.code, error: error.message },
          'a connection was refused',
        )
        refuseWith(error)
      }
    })
  }

  #compressesFor(address: string): boolean {
    const { compression } = this.#parts.config
    return compression === 'auto' ? !isLoopback(address.replace(/^::ffff:/, '')) : compression === 'always'
  }

  #ping(): void {
    for (const socket of this.#sockets.clients) {
      const silentMs = Date.now() - (heard.get(socket) ?? 0)
      if (silentMs > LIMITS.deadMs) socket.terminate()
      else if (socket.readyState === socket.OPEN) socket.ping()
    }
  }
}

/** When something last came from each connection. */
const heard = new WeakMap<WebSocket, number>()

function refuse(socket: Duplex, status: string, headers: Record<string, string>): void {
  const lines = Object.entries({ ...headers, Connection: 'close', 'Content-Length': '0' }).map(
    ([name, value]) => `${name}: ${value}`,
  )
  socket.end(`HTTP/1.1 ${status}\r\n${lines.join('\r\n')}\r\n\r\n`)
}
