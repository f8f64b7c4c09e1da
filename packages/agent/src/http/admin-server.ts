/**
 * The admin listener: health without a token, everything else with an admin token.
 * Errors are RFC 9457 problem documents with a stable `code`.
 */

import type { ListenAddress } from '@rootferry/host'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { CertificateStatus } from '../door/identity.ts'
import type { ReceiverStatus } from '../feed/root-feed.ts'
import type { RootStatus } from '../root-messages.ts'
import { bearerOf, type StoredToken } from '../tokens.ts'

export interface AdminServerParts {
  version: string
  authenticate(token: string): StoredToken | null
  /** Of the stream listener; null where that speaks plain text. */
  certificate(): CertificateStatus | null
  roots(): RootStatus[]
  receivers(): ReceiverStatus[]
}

const BODY_BYTES = 64 * 1024

export class AdminServer {
  readonly #parts: AdminServerParts
  readonly #http: FastifyInstance

  constructor(parts: AdminServerParts) {
    this.#parts = parts
    this.#http = Fastify({ logger: false, bodyLimit: BODY_BYTES, forceCloseConnections: true })
    this.#http.setNotFoundHandler((_request, reply) => problem(reply, 404, 'not-found', 'There is nothing here.'))
    this.#http.get('/livez', () => ({ status: 'alive' }))
    this.#http.get('/readyz', (_request, reply) => this.#ready(reply))
    this.#http.get('/v1/status', { onRequest: (request, reply) => this.#authorize(request, reply) }, () =>
      this.#status(),
    )
  }

  /** @returns the address it listens on. @throws the system error (EADDRINUSE…) */
  async listen({ host, port }: ListenAddress): Promise<string> {
    return await this.#http.listen({ host, port })
  }

  async close(): Promise<void> {
    await this.#http.close()
  }

  async #authorize(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const presented = bearerOf(request.headers.authorization)
    const token = presented === null ? null : this.#parts.authenticate(presented)
    if (token === null)
      await problem(reply.header('WWW-Authenticate', 'Bearer'), 401, 'unauthorized', 'An admin token is needed.')
    else if (!token.admin) await problem(reply, 403, 'forbidden', 'This token is not an admin token.')
  }

  #ready(reply: FastifyReply): unknown {
    const notReady = this.#parts.roots().filter(({ state }) => state !== 'ready')
    if (notReady.length === 0) return { status: 'ready' }
    const reasons = notReady.map(({ name, state, reason }) => `${name}: ${reason ?? state}`)
    return problem(reply, 503, 'not-ready', reasons.join('; '))
  }

  #status(): unknown {
    return {
      version: this.#parts.version,
      certificate: this.#parts.certificate(),
      roots: this.#parts.roots().map((root) => ({
        name: root.name,
        epoch: root.epoch,
        sequence: root.sequence,
        state: root.state,
        reason: root.reason,
        entries: root.totals,
        watch: root.watch,
        problems: root.problems,
        problemCount: root.problemCount,
      })),
      receivers: this.#parts.receivers(),
    }
  }
}

function problem(reply: FastifyReply, status: number, code: string, detail: string): FastifyReply {
  return reply
    .code(status)
    .type('application/problem+json')
    .send({ type: 'about:blank', title: code, status, code, detail })
}
