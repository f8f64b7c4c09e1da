/**
 * The admin API put together: admission, then the routes, and their description as OpenAPI.
 *
 * Every refusal is a problem document. Probes have a limit of their own, so that a flood on the API does not blind the
 * monitoring.
 */

import cookie from '@fastify/cookie'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import { HttpProblem, installProblems, refuseConnection, sendProblem } from '@rootferry/host/daemon'
import Fastify from 'fastify'
import type { AdminParts } from './admin-parts.ts'
import { refusalOf } from './admission.ts'
import { changeRoutes } from './change-routes.ts'
import { fleetRoutes } from './fleet-routes.ts'
import { historyRoutes } from './history-routes.ts'
import { holdRoutes } from './hold-routes.ts'
import { checkRequest, type Http } from './http-types.ts'
import { servePage } from './page-files.ts'
import { probeRoutes } from './probe-routes.ts'
import { resyncRoutes } from './resync-routes.ts'
import { roundRoutes } from './round-routes.ts'
import { SESSION_COOKIE, sessionRoutes } from './session-routes.ts'
import { tokenRoutes } from './token-routes.ts'

const BODY_BYTES = 64 * 1024
/** Requests of one address in each second. */
const MOST_REQUESTS = 200
const WINDOW_MS = 1_000
const PROBES = new Set(['/livez', '/readyz', '/metrics', '/v1/ready'])

/** Named when fastify is made, so that it does not load its own. Its types know compilers of JSON Schema only. */
const OWN_COMPILERS = {
  compilersFactory: {
    buildValidator: (() => checkRequest) as never,
    buildSerializer: (() => () => (value: unknown) => JSON.stringify(value)) as never,
  },
}

/** @returns a server that does not listen yet */
export async function buildAdminApi(parts: AdminParts): Promise<Http> {
  const http: Http = Fastify({
    logger: false,
    bodyLimit: BODY_BYTES,
    forceCloseConnections: true,
    schemaController: OWN_COMPILERS,
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error, _request, reply) => {
      void sendProblem(reply, new HttpProblem('malformed-request', error.message))
    },
  })
  installProblems(http, parts.log)
  acceptBodies(http)
  await http.register(cookie)
  await admit(http, parts)
  await http.register(swagger, { openapi: description(parts.version) })
  await http.register(async (routes: Http) => {
    probeRoutes(routes, parts)
    changeRoutes(routes, parts)
    fleetRoutes(routes, parts)
    historyRoutes(routes, parts)
    holdRoutes(routes, parts)
    roundRoutes(routes, parts)
    resyncRoutes(routes, parts)
    sessionRoutes(routes, parts)
    tokenRoutes(routes, parts)
    routes.get('/openapi.json', { schema: { hide: true } }, () => http.swagger())
  })
  await servePage(http)
  return http
}

/**
 * Accepts JSON and nothing else. Some clients always send a Content-Type, also with an empty body, which counts as no
 * body.
 */
function acceptBodies(http: Http): void {
  const parseJson = http.getDefaultJsonParser('error', 'error')
  http.removeAllContentTypeParsers()
  http.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined)
    else parseJson(request, body, done)
  })
}

async function admit(http: Http, { ownHost }: AdminParts): Promise<void> {
  await http.register(rateLimit, {
    global: false,
    max: MOST_REQUESTS,
    timeWindow: WINDOW_MS,
    keyGenerator: ({ ip, url }) => `${PROBES.has(url.split('?', 1)[0] ?? '') ? 'probe' : 'api'} ${ip}`,
    errorResponseBuilder: () =>
      new HttpProblem('too-many-requests', `At most ${MOST_REQUESTS} requests a second are answered.`),
  })
  http.addHook('onRequest', http.rateLimit())
  http.addHook('onRequest', async ({ headers: { host, origin } }) => {
    const refusal = refusalOf({ host, origin }, ownHost)
    if (refusal !== null) throw refusal
  })
}

function description(version: string) {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Rootferry agent',
      version,
      description:
        'Status, holds, full resyncs and events of a Rootferry agent. Errors are RFC 9457 problem documents.',
    },
    components: {
      securitySchemes: {
        adminToken: { type: 'http', scheme: 'bearer', description: 'rootferry-agent token create NAME --admin' },
        pageSession: { type: 'apiKey', in: 'cookie', name: SESSION_COOKIE, description: 'of the operator page' },
      },
    },
  } as const
}
