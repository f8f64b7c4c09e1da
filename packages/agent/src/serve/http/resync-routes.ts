/** Full resyncs: order one, read its progress, list them, cancel one. */
import { HttpProblem } from '@rootferry/host/daemon'
import Type from 'typebox'
import { ResyncRefused, type ResyncRequest } from '../resync/resync-request.ts'
import { Resync, ResyncBody, ResyncList } from '../schemas/resyncs.ts'
import type { AdminParts } from './admin-parts.ts'
import { authorized } from './authorization.ts'
import type { Http } from './http-types.ts'
import { refusals, secured } from './route-options.ts'

const ById = Type.Object({ id: Type.String() })

export function resyncRoutes(http: Http, parts: AdminParts): void {
  const { resyncs } = parts
  http.post(
    '/v1/resyncs',
    {
      ...secured(parts, {
        operationId: 'createResync',
        summary: 'Compares receivers with the agent, and repairs what differs',
        body: ResyncBody,
        response: {
          202: Resync,
          ...refusals(
            'malformed-request',
            'body-too-large',
            'unsupported-media-type',
            'invalid-request',
            'unknown-root',
            'unknown-receiver',
            'invalid-path',
          ),
        },
      }),
      // Everything in the body is optional, and so is the body.
      preValidation: async (request) => {
        request.body ??= {}
      },
    },
    async (request, reply) => {
      const resync = created(parts, {
        root: null,
        receivers: [],
        paths: [],
        check: 'metadata',
        dryRun: false,
        ...request.body,
      })
      parts.log.info({ resync: resync.id, by: authorized(request, parts).name }, 'a resync was ordered')
      return reply.code(202).header('Location', `/v1/resyncs/${resync.id}`).send(resync)
    },
  )
  http.get(
    '/v1/resyncs',
    secured(parts, {
      operationId: 'listResyncs',
      summary: 'The resyncs of this life of the agent, newest first',
      response: { 200: ResyncList, ...refusals() },
    }),
    () => ({ resyncs: resyncs.list() }),
  )
  http.get(
    '/v1/resyncs/:id',
    secured(parts, {
      operationId: 'getResync',
      summary: 'How far a resync is, and what it found',
      params: ById,
      response: { 200: Resync, ...refusals('unknown-resync') },
    }),
    ({ params }) => known(resyncs.get(params.id), params.id),
  )
  http.delete(
    '/v1/resyncs/:id',
    secured(parts, {
      operationId: 'cancelResync',
      summary: 'Cancels a resync; what it has repaired stays repaired, and one that is over stays as it is',
      params: ById,
      response: { 200: Resync, ...refusals('unknown-resync') },
    }),
    ({ params }) => known(resyncs.cancel(params.id), params.id),
  )
}

function created({ resyncs }: AdminParts, order: ResyncRequest) {
  try {
    return resyncs.create(order)
  } catch (error) {
    throw error instanceof ResyncRefused ? new HttpProblem(error.code, error.message) : error
  }
}

function known<Found>(found: Found | null, id: string): Found {
  if (found === null) throw new HttpProblem('unknown-resync', `There is no resync ${id}, or it was forgotten.`)
  return found
}
