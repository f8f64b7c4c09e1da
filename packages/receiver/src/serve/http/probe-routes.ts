/** The answers to probes: alive, and ready. Shared by the health listener and the listener that has probes alone. */
import { ConnectionBound, HttpProblem, installProblems, type Logger, refuseConnection } from '@rootferry/host/daemon'
import Fastify, { type FastifyInstance } from 'fastify'

export interface ProbeParts {
  log: Logger
  /** Why it is not ready, one reason for each root. */
  reasons(): string[]
  /** Since when a root has been without its agent. */
  staleSince(): Date | null
}

/** No route has a schema. Named when fastify is made, so that it does not load its own compilers. */
const NO_COMPILERS = { compilersFactory: { buildValidator: noSchema, buildSerializer: noSchema } }

/** @param setting the name of its address in the configuration */
export function probeServer(parts: ProbeParts, setting: string, mostConnections: number, isOpen: boolean) {
  const http: FastifyInstance = Fastify({
    logger: false,
    forceCloseConnections: true,
    schemaController: NO_COMPILERS,
    clientErrorHandler: refuseConnection,
  })
  installProblems(http, parts.log)
  new ConnectionBound(http.server, setting, mostConnections, parts.log)
  http.get('/livez', () => ({ status: 'alive' }))
  http.get('/readyz', () => {
    const reasons = parts.reasons()
    if (reasons.length > 0) throw new HttpProblem('not-ready', isOpen ? reasons.join('; ') : 'not ready')
    const since = parts.staleSince()
    return since === null ? { status: 'ready', stale: false } : { status: 'ready', stale: true, since }
  })
  return http
}

function noSchema(): never {
  throw new Error('a route of the health listener has a schema, and nothing compiles it')
}
