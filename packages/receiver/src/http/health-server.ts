/** The receiver's health listener: for load balancers and probes. Tells what is true here, asks nobody. */
import type { ListenAddress } from '@rootferry/host'
import Fastify, { type FastifyInstance } from 'fastify'
import type { RootState } from '../root-thread.ts'
import { notReadyReason } from './readiness.ts'

export interface HealthServerParts {
  version: string
  name: string | null
  staleAfterSeconds(): number
  roots(): RootState[]
}

export class HealthServer {
  readonly #http: FastifyInstance

  constructor({ version, name, staleAfterSeconds, roots }: HealthServerParts) {
    this.#http = Fastify({ logger: false, forceCloseConnections: true })
    this.#http.get('/livez', () => ({ status: 'alive' }))
    this.#http.get('/readyz', (_request, reply) => {
      const reasons = roots().flatMap((root) => notReadyReason(root, staleAfterSeconds(), new Date()) ?? [])
      if (reasons.length === 0) return { status: 'ready' }
      return reply.code(503).send({ status: 'not ready', reasons })
    })
    this.#http.get('/v1/status', () => ({ version, name, roots: roots() }))
  }

  /** @returns the address it listens on. @throws the system error (EADDRINUSE…) */
  async listen({ host, port }: ListenAddress): Promise<string> {
    return await this.#http.listen({ host, port })
  }

  async close(): Promise<void> {
    await this.#http.close()
  }
}
