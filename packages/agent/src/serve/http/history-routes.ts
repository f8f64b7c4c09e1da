/** The last hour of a root, and of one of its receivers. */
import { HttpProblem } from '@rootferry/host/daemon'
import Type from 'typebox'
import { INTERVAL_SECONDS, INTERVALS } from '../history.ts'
import { History } from '../schemas/history.ts'
import type { AdminParts } from './admin-parts.ts'
import type { Http } from './http-types.ts'
import { refusals, secured } from './route-options.ts'

export function historyRoutes(http: Http, parts: AdminParts): void {
  http.get(
    '/v1/roots/:root/history',
    secured(parts, {
      operationId: 'history',
      summary: 'The last hour: how fast changes travelled, and how far behind a receiver was',
      description: `Series of ${INTERVALS} values for ${INTERVAL_SECONDS} seconds each, the newest last; null where nothing is known. It begins with the agent.`,
      params: Type.Object({ root: Type.String() }),
      querystring: Type.Object({
        receiver: Type.Optional(Type.String({ description: 'the name of a receiver: its lag is in the answer' })),
      }),
      response: { 200: History, ...refusals('unknown-root', 'unknown-receiver') },
    }),
    (request) => {
      const { root } = request.params
      const { receiver } = request.query
      if (!parts.roots().some(({ name }) => name === root))
        throw new HttpProblem('unknown-root', `There is no root ${JSON.stringify(root)}.`)
      const nowMs = Date.now()
      const lag = receiver === undefined ? null : parts.history.lag(root, receiver, nowMs)
      if (receiver !== undefined && !parts.receivers().some((known) => known.name === receiver && known.root === root))
        throw new HttpProblem('unknown-receiver', `${root} has no receiver ${JSON.stringify(receiver)}.`)
      return {
        root,
        intervalSeconds: INTERVAL_SECONDS,
        end: new Date(nowMs).toISOString(),
        latency: parts.history.latency(root, nowMs),
        lag,
      }
    },
  )
}
