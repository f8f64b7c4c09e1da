/**
 * The routes for probes and scrapers, without a token: alive, ready, metrics, and the description of the API itself.
 */
import { HttpProblem, ProblemSchema } from '@rootferry/host/daemon'
import Type from 'typebox'
import { Health } from '../schemas/status.ts'
import type { AdminParts } from './admin-parts.ts'
import type { Http } from './http-types.ts'

const text = (contentType: string, description: string) => ({
  description,
  content: { [contentType]: { schema: Type.String() } },
})

export function probeRoutes(http: Http, parts: AdminParts): void {
  http.get(
    '/livez',
    { schema: { operationId: 'livez', summary: 'The process answers', response: { 200: Health } } },
    () => ({ status: 'alive' }),
  )
  http.get(
    '/readyz',
    {
      schema: {
        operationId: 'readyz',
        summary: 'Every index is built and no root is halted',
        response: { 200: Health, 503: ProblemSchema },
      },
    },
    () => {
      const notReady = parts.roots().filter(({ state }) => state !== 'ready')
      if (notReady.length === 0) return { status: 'ready' }
      throw new HttpProblem(
        'not-ready',
        notReady.map(({ name, state, reason }) => `${name}: ${reason ?? state}`).join('; '),
      )
    },
  )
  http.get(
    '/v1/ready',
    {
      schema: {
        operationId: 'readyReceivers',
        summary: 'The receivers of a root that say they are ready: a name and an address a line',
        querystring: Type.Object({ root: Type.String({ description: 'the name of a root' }) }),
        response: { 200: text('text/plain', 'lines'), 404: ProblemSchema },
      },
    },
    async (request, reply) => {
      const { root } = request.query
      const ready = parts.readyReceivers(root)
      if (ready === null) throw new HttpProblem('unknown-root', `There is no root ${JSON.stringify(root)}.`)
      return reply.type('text/plain').send(ready.map(({ name, address }) => `${name} ${address}\n`).join(''))
    },
  )
  http.get(
    '/metrics',
    {
      schema: {
        operationId: 'metrics',
        summary: 'Metrics for Prometheus',
        response: { 200: text('text/plain', 'Prometheus text format') },
      },
    },
    async (_request, reply) => {
      const { contentType, text } = await parts.metrics()
      return reply.type(contentType).send(text)
    },
  )
}
