/**
 * The door for receivers: authenticates at the HTTP upgrade, reads the hello, and hands the connection to its root.
 *
 * A client gets a WebSocket only with a receiver's token (else 401, 403, 429), a protocol version in common (else 426)
 * and the right path (else 404). `unauthenticated.ts` bounds the cost of clients before that. Pings go out on a clock
 * of their own; a connection that stays silent is dead.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex, Writable } from 'node:stream'
import { ConnectionBound, isLoopback, type ListenAddress, type Logger } from '@rootferry/host/daemon'
import { errorMessage } from '@rootferry/host/machine'
import {
  chooseSubprotocol,
  closeText,
  decodeToAgent,
  EXCHANGE_PATH,
  GRANTS_PATH,
  type Hello,
  LIMITS,
  NODE_HEADER,
  ProtocolError,
  STREAM_PATH,
  SUBPROTOCOLS,
} from '@rootferry/protocol'
import { type WebSocket, WebSocketServer } from 'ws'
import type { AgentConfig } from '../../config/agent-yaml.ts'
import { DOOR } from './door-limits.ts'
import { FailedAttempts } from './failed-attempts.ts'
import { type Identity, secureContextOptions } from './identity.ts'
import { networkOf } from './network-of.ts'
import type { NodeSigns } from './nodes.ts'
import { bearerOf, findToken, grants, type StoredToken } from './tokens.ts'
import { UnauthenticatedConnections } from './unauthenticated.ts'

export interface Peer {
  socket: WebSocket
  /** The stream that the socket writes to. */
  line: Pick<Writable, 'cork' | 'uncork'>
  receiver: string
  address: string
  /** What the receiver says of its node; null: nothing. */
  node: string | null
  /** Whether compression pays on the line to this receiver. */
  compress: boolean
  now: Date
}

export interface StreamServerParts {
  log: Logger
  /** Null: plain text. */
  identity: Identity | null
  maxConnections: number
  compression(): AgentConfig['compression']
  tokens(): readonly StoredToken[]
  /** Only to say so to a client that presents one. */
  expiredTokens(): readonly StoredToken[]
  rootNames(): string[]
  /** The name of a receiver that connects with that token. @throws ProtocolError when it gets none */
  nameOf(token: StoredToken, signs: NodeSigns): string
  /** Replaces a token that expires. @returns the new one; null: there is nothing to replace */
  exchange(token: StoredToken): string | null
  /** Takes a connection with its hello. @throws ProtocolError when the receiver has no such root */
  serve(peer: Peer, hello: Hello): void
}

/** The answer to a client that is not admitted. */
interface HttpRefusal {
  status: 401 | 403 | 404 | 426 | 429
  headers: Record<string, string>
}

/** RFC 6750 */
const EXPIRED = 'Bearer error="invalid_token", error_description="the token has expired"'

const REASONS: Record<HttpRefusal['status'], string> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
}

export class StreamServer {
  readonly #parts: StreamServerParts
  readonly #http: Server | SecureServer
  readonly #unauthenticated: UnauthenticatedConnections
  readonly #failures = new FailedAttempts()
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: LIMITS.messageBytes,
    perMessageDeflate: false,
    handleProtocols: (offered) => chooseSubprotocol(offered) ?? false,
  })
  readonly #bound: ConnectionBound
  #pings: NodeJS.Timeout | null = null

  constructor(parts: StreamServerParts) {
    this.#parts = parts
    this.#http = serverFor(parts.identity)
    this.#bound = new ConnectionBound(this.#http, 'listen', parts.maxConnections, parts.log)
    this.#http.on('request', (request, response) => this.#answer(request, response))
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    this.#http.on('tlsClientError', (error: Error, socket: { remoteAddress?: string }) => {
      this.#noteFailure(socket.remoteAddress, `no TLS connection came about: ${errorMessage(error)}`)
    })
    this.#unauthenticated = new UnauthenticatedConnections(this.#http, (network) =>
      this.#noteFailure(network, 'there are too many connections that have not said hello'),
    )
  }

  /** @returns the address it listens on. @throws the system error (EADDRINUSE…) */
  async listen({ host, port }: ListenAddress): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#http.once('error', reject)
    this.#http.listen({ host, port }, resolve)
    await promise
    this.#http.off('error', reject)
    this.#pings = setInterval(() => this.#ping(), LIMITS.pingMs)
    const bound = this.#http.address() as AddressInfo
    const name = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address
    return `${this.#parts.identity === null ? 'http' : 'https'}://${name}:${bound.port}`
  }

  /** Connections that were refused because there were too many. */
  get dropped(): number {
    return this.#bound.dropped
  }

  /** New connections get this certificate; open connections stay as they are. */
  renew(identity: Identity): void {
    if ('setSecureContext' in this.#http) this.#http.setSecureContext(secureContextOptions(identity))
  }

  async close(): Promise<void> {
    if (this.#pings !== null) clearInterval(this.#pings)
    for (const socket of this.#sockets.clients) socket.terminate()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#http.close(() => resolve())
    this.#http.closeAllConnections()
    await promise
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = pathOf(request)
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    if (isRead && path === '/livez') return say(response, 200, { status: 'alive' })
    if (isRead && path === STREAM_PATH) return say(response, 426, { error: REASONS[426] }, { Upgrade: 'websocket' })
    const isExchange = request.method === 'POST' && path === EXCHANGE_PATH
    if (!isExchange && (!isRead || path !== GRANTS_PATH)) return say(response, 404, { error: REASONS[404] })
    const token = this.#authenticate(request)
    if ('status' in token) return say(response, token.status, { error: REASONS[token.status] }, token.headers)
    if (isExchange) return this.#exchange(token, response)
    const roots = this.#parts.rootNames().filter((root) => grants(token, root))
    say(response, 200, { name: token.name, roots, protocols: SUBPROTOCOLS, ...kindOf(token) })
  }

  /** The token that came with an invitation is good for one join; of many nodes it is good for all of them. */
  #exchange(token: StoredToken, response: ServerResponse): void {
    const lasting = this.#parts.exchange(token)
    if (lasting === null) return say(response, 409, { error: 'the token does not expire, or is one of many nodes' })
    this.#parts.log.info({ receiver: token.name }, 'an invitation was taken up: its token was replaced')
    say(response, 200, { name: token.name, token: lasting })
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // A connection may break before it has any other listener.
    socket.on('error', () => socket.destroy())
    if (pathOf(request) !== STREAM_PATH) return refuse(socket, { status: 404, headers: {} })
    const token = this.#authenticate(request)
    if ('status' in token) return refuse(socket, token)
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
    if (chooseSubprotocol(offered) === null) {
      this.#parts.log.warn({ receiver: token.name, offered }, 'a receiver of another protocol version was refused')
      return refuse(socket, { status: 426, headers: { 'Sec-WebSocket-Protocol': SUBPROTOCOLS.join(', ') } })
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => this.#welcome(webSocket, request, token))
  }

  /** An admin token opens the admin listener and nothing else. */
  #authenticate(request: IncomingMessage): StoredToken | HttpRefusal {
    const presented = bearerOf(request.headers.authorization)
    const token = presented === null ? null : findToken(this.#parts.tokens(), presented)
    if (token?.admin === false) return token
    const why = token === null ? 'a connection without a valid token' : 'a connection with an admin token'
    const isTooMany = this.#noteFailure(request.socket.remoteAddress, `${why} was refused`)
    if (isTooMany) return { status: 429, headers: { 'Retry-After': String(DOOR.attemptMs / 1000) } }
    if (token !== null) return { status: 403, headers: {} }
    const hasExpired = presented !== null && findToken(this.#parts.expiredTokens(), presented) !== null
    return { status: 401, headers: { 'WWW-Authenticate': hasExpired ? EXPIRED : 'Bearer' } }
  }

  /** Counts the failure, and logs it unless there are too many. @returns whether there are too many */
  #noteFailure(address: string | undefined, message: string): boolean {
    const network = networkOf(address ?? 'unknown')
    const { isTooMany, report } = this.#failures.failed(network, performance.now())
    if (report !== null) this.#parts.log.warn({ network, attempts: report }, message)
    return isTooMany
  }

  #welcome(socket: WebSocket, request: IncomingMessage, token: StoredToken): void {
    const { log } = this.#parts
    const refuseWith = (error: ProtocolError) => {
      stopCounting()
      this.#unauthenticated.leave(request.socket)
      log.warn({ receiver: token.name, code: error.code, error: error.message }, 'a connection was refused')
      socket.close(error.closeCode, closeText(error.message))
      const patience = setTimeout(() => socket.terminate(), DOOR.closeMs)
      socket.once('close', () => clearTimeout(patience))
    }
    const stopCounting = countBytes(request.socket, LIMITS.helloBytes, () =>
      refuseWith(new ProtocolError('limit-exceeded', `more than ${LIMITS.helloBytes} bytes and no hello`)),
    )
    this.#unauthenticated.endWith(request.socket, () => refuseWith(new ProtocolError('hello-timeout', 'no hello came')))
    socket.on('error', (error) => log.info({ receiver: token.name, error: error.message }, 'connection failed'))
    for (const sign of ['ping', 'pong', 'message'] as const) socket.on(sign, () => unanswered.delete(socket))
    socket.once('message', (data: Buffer, isBinary: boolean) => {
      // The connection was refused, and is not closed yet.
      if (socket.readyState !== socket.OPEN) return
      try {
        const hello = this.#helloOf(data, isBinary, token)
        const address = request.socket.remoteAddress ?? ''
        const compress = this.#compressesFor(address)
        const node = headerOf(request, NODE_HEADER)
        const receiver = this.#parts.nameOf(token, { header: node, address })
        const peer = { socket, line: request.socket, receiver, address, node, compress, now: new Date() }
        this.#parts.serve(peer, hello)
        stopCounting()
        this.#unauthenticated.leave(request.socket)
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error
        refuseWith(error)
      }
    })
  }

  /** @throws ProtocolError when the frame is not a hello, or asks for a root that the token does not grant */
  #helloOf(data: Buffer, isBinary: boolean, token: StoredToken): Hello {
    const message = isBinary ? null : decodeToAgent(data)
    if (message?.type !== 'hello') throw new ProtocolError('unexpected-message', 'a hello was expected')
    // The token may have been revoked since the upgrade.
    if (!this.#parts.tokens().some(({ sha256 }) => sha256 === token.sha256)) {
      throw new ProtocolError('revoked', 'the token was revoked')
    }
    if (!grants(token, message.root)) {
      throw new ProtocolError('root-not-granted', `the token does not grant ${message.root}`)
    }
    return message
  }

  #compressesFor(address: string): boolean {
    const compression = this.#parts.compression()
    return compression === 'auto' ? !isLoopback(address) : compression === 'always'
  }

  /** A silent receiver is told so, in case it still listens, and its answer is not awaited. */
  #ping(): void {
    for (const socket of this.#sockets.clients) {
      const pings = unanswered.get(socket) ?? 0
      const silentMs = pings * LIMITS.pingMs
      if (silentMs >= LIMITS.deadMs) {
        const { closeCode, message } = new ProtocolError('heartbeat-lost', `nothing was heard for ${silentMs} ms`)
        socket.close(closeCode, message)
        socket.terminate()
      } else if (socket.readyState === socket.OPEN) {
        unanswered.set(socket, pings + 1)
        socket.ping()
      }
    }
  }
}

/**
 * The pings to each connection since it was last heard. Counted instead of timed: neither a clock that is set nor a
 * pause of the whole process makes a receiver silent.
 */
const unanswered = new WeakMap<WebSocket, number>()

function serverFor(identity: Identity | null): Server | SecureServer {
  // The deadline of unauthenticated.ts covers everything; Node's own would begin anew with each request.
  const bounds = { maxHeaderSize: DOOR.headerBytes, headersTimeout: LIMITS.helloMs, requestTimeout: LIMITS.helloMs }
  if (identity === null) return createServer(bounds)
  return createSecureServer({
    ...bounds,
    ...secureContextOptions(identity),
    handshakeTimeout: LIMITS.helloMs,
    requestCert: identity.clientCa !== null,
  })
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? ''
}

function kindOf({ expiresAt, many }: StoredToken) {
  return { ...(expiresAt === undefined ? {} : { expiresAt }), ...(many === undefined ? {} : { many: true }) }
}

function headerOf(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name.toLowerCase()]
  return typeof value === 'string' ? value : null
}

/** Calls `exceeded` once when more than `most` bytes come. @returns a function that stops the counting */
function countBytes(socket: Duplex, most: number, exceeded: () => void): () => void {
  let bytes = 0
  const count = (data: Buffer) => {
    bytes += data.byteLength
    if (bytes > most) exceeded()
  }
  // Before the WebSocket, which may have a whole message when it reads the last of these bytes.
  socket.prependListener('data', count)
  return () => socket.off('data', count)
}

function say(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  response.writeHead(status, { ...headers, 'Content-Type': 'application/json', Connection: 'close' })
  response.end(`${JSON.stringify(body)}\n`)
}

function refuse(socket: Duplex, { status, headers }: HttpRefusal): void {
  const lines = Object.entries({ ...headers, Connection: 'close', 'Content-Length': '0' }).map(
    ([name, value]) => `${name}: ${value}`,
  )
  socket.end(`HTTP/1.1 ${status} ${REASONS[status]}\r\n${lines.join('\r\n')}\r\n\r\n`)
}
