/**
 * The receiver's health listener: for load balancers, probes and scrapers. Tells what is true on this host, asks no
 * other, and needs no token: it belongs on loopback or a private network. What changes something needs the secret that
 * the receiver leaves in its stateDir.
 */
import { HttpProblem, type ListenAddress, type Logger, listenOn } from '@rootferry/host/daemon'
import type { FastifyInstance } from 'fastify'
import type { RootState } from '../root-state.ts'
import type { ControlSecret } from './control-secret.ts'
import { probeServer } from './probe-routes.ts'
import { notReadyReason, staleSince } from './readiness.ts'
import { rootAnswer } from './root-answer.ts'
import type { ReceiverStatus } from './status-schema.ts'

export interface HealthServerParts {
  version: string
  name: string | null
  log: Logger
  staleAfterSeconds(): number | null
  roots(): RootState[]
  secret: ControlSecret
  /** @returns false when its first join does not wait; undefined: there is no such root */
  accept(root: string): boolean | undefined
  metrics(): Promise<{ contentType: string; text: string }>
}

/** Probes, scrapers and people. */
const MOST_CONNECTIONS = 500

export class HealthServer {
  readonly #http: FastifyInstance
  /** Answers probes alone; null: no address is configured for it. */
  #probe: FastifyInstance | null = null
  readonly #parts: HealthServerParts

  constructor(parts: HealthServerParts) {
    this.#parts = parts
    this.#http = this.#probeServer('health.listen', true)
    this.#http.get('/v1/status', () => this.#status())
    this.#http.post<{ Params: { root: string } }>('/v1/roots/:root/accept', ({ headers, params }) => {
      if (!parts.secret.isShownBy(headers.authorization))
        throw new HttpProblem('unauthorized', 'the token in control.json of the stateDir is needed')
      const accepted = parts.accept(params.root)
      if (accepted === undefined) throw new HttpProblem('unknown-root', `there is no root '${params.root}'`)
      if (!accepted) throw new HttpProblem('not-awaiting-accept', `the first join of ${params.root} does not wait`)
      return { accepted: params.root }
    })
    this.#http.get('/metrics', async (_request, reply) => {
      const { contentType, text } = await parts.metrics()
      return reply.type(contentType).send(text)
    })
  }

  /** @returns the address it listens on. @throws the system error (EADDRINUSE…) */
  async listen(address: ListenAddress): Promise<string> {
    return await listenOn(this.#http, address)
  }

  /** The same for the listener of probes. */
  async listenForProbes(address: ListenAddress): Promise<string> {
    this.#probe = this.#probeServer('health.probe.listen', false)
    return await listenOn(this.#probe, address)
  }

  async close(): Promise<void> {
    await Promise.all([this.#http.close(), this.#probe?.close()])
  }

  /** Why it is not ready. */
  reasons(): string[] {
    const { roots, staleAfterSeconds } = this.#parts
    return roots().flatMap((root) => notReadyReason(root, staleAfterSeconds(), performance.now()) ?? [])
  }

  #probeServer(setting: string, isOpen: boolean): FastifyInstance {
    const { log, roots } = this.#parts
    const probes = { log, reasons: () => this.reasons(), staleSince: () => staleSince(roots()) }
    return probeServer(probes, setting, MOST_CONNECTIONS, isOpen)
  }

  #status(): ReceiverStatus {
    const { version, name, roots } = this.#parts
    const reasons = this.reasons()
    const answers = roots().map((root) => rootAnswer(root, performance.now()))
    return { version, name, ready: reasons.length === 0, reasons, roots: answers }
  }
}
