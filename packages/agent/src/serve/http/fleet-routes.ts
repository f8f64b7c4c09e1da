/** The fleet as it is: status, its events as a stream, and the order that lets a halted root continue. */
import type { Readable } from 'node:stream'
import { HttpProblem } from '@rootferry/host/daemon'
import Type from 'typebox'
import { Accepted, Status } from '../schemas/status.ts'
import type { AdminParts } from './admin-parts.ts'
import { authorized, isAuthorized } from './authorization.ts'
import { EVENT_TYPES, type EventType, NAMED_ONLY } from './event-log.ts'
import { eventStream } from './event-stream.ts'
import type { Http } from './http-types.ts'
import { refusals, secured } from './route-options.ts'

const MOST_LISTENERS = 100
const USUAL = EVENT_TYPES.filter((type) => !NAMED_ONLY.has(type))

export function fleetRoutes(http: Http, parts: AdminParts): void {
  const { version, certificate, roots, receivers } = parts
  http.get(
    '/v1/status',
    secured(parts, {
      operationId: 'status',
      summary: 'Every root, and every receiver of it',
      response: { 200: Status, ...refusals() },
    }),
    () => ({ version, certificate: certificate(), roots: roots(), receivers: receivers() }),
  )
  http.get(
    '/v1/events',
    {
      ...secured(parts, {
        operationId: 'events',
        summary: 'Status events as server-sent events: changeset, receiver, root, resync, hold, round',
        description:
          'types names the wanted ones, divided by commas; `progress`, once a second what has changed about how far receivers are, and `here`, every 15 seconds whatever happens, come only when they are named. Last-Event-ID brings what came after that event. An event `missed` says that some are lost: ask for the status.',
        querystring: Type.Object({
          types: Type.Optional(Type.String({ maxLength: 200, description: EVENT_TYPES.join(', ') })),
        }),
        response: {
          200: {
            description: 'a stream',
            content: { 'text/event-stream': { schema: Type.Unsafe<Readable>(Type.String()) } },
          },
          ...refusals('invalid-request'),
        },
      }),
      exposeHeadRoute: false,
    },
    async (request, reply) => {
      if (parts.events.listeners >= MOST_LISTENERS) {
        throw new HttpProblem('too-many-requests', `${MOST_LISTENERS} listeners are connected.`, {
          'Retry-After': '60',
        })
      }
      const lastEventId = request.headers['last-event-id']
      const stream = eventStream(parts.events, {
        types: wanted(request.query.types),
        lastEventId: typeof lastEventId === 'string' ? lastEventId : null,
        isWelcome: () => isAuthorized(request, parts),
      })
      return reply
        .type('text/event-stream')
        .headers({ 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' })
        .send(stream)
    },
  )
  http.post(
    '/v1/roots/:root/guard/accept',
    secured(parts, {
      operationId: 'acceptGuard',
      summary: 'Lets a halted root go on, with all that it has found',
      params: Type.Object({ root: Type.String() }),
      response: { 200: Accepted, ...refusals('unknown-root', 'not-halted', 'root-unavailable') },
    }),
    async (request) => {
      const { root } = request.params
      const outcome = await parts.acceptGuard(root)
      if (outcome === 'not-halted') throw new HttpProblem('not-halted', `${root} is not halted.`)
      parts.log.info({ root, by: authorized(request, parts).name }, 'an operator lets the root go on')
      return { root, state: 'accepted' as const }
    },
  )
}

/** @throws HttpProblem when a name is not that of a type */
function wanted(list: string | undefined): ReadonlySet<EventType> {
  if (list === undefined) return new Set(USUAL)
  const names = list.split(',')
  const unknown = names.find((name) => !EVENT_TYPES.some((type) => type === name))
  if (unknown !== undefined)
    throw new HttpProblem('invalid-request', `types: ${JSON.stringify(unknown)} is none of ${EVENT_TYPES.join(', ')}`)
  return new Set(EVENT_TYPES.filter((type) => names.includes(type)))
}
