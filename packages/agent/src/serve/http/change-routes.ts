/** What changed in a root, and how far each receiver is: the two together say who has which change. */
import { HttpProblem } from '@rootferry/host/daemon'
import { pathFault, ROOT_PATH } from '@rootferry/protocol'
import Type from 'typebox'
import { Changes, MOST_CHANGES } from '../schemas/changes.ts'
import type { AdminParts } from './admin-parts.ts'
import type { Http } from './http-types.ts'
import { refusals, secured } from './route-options.ts'

const DEFAULT_LIMIT = 100

/** The text of a query is not turned into numbers. */
const number = (description: string) => Type.String({ pattern: '^\\d{1,15}$', description })

export function changeRoutes(http: Http, parts: AdminParts): void {
  http.get(
    '/v1/roots/:root/changes',
    secured(parts, {
      operationId: 'listChanges',
      summary: 'What changed: the last changes, or those after a sequence',
      description:
        'A path is there once, with its latest change. A receiver has a change when its sequence is not below that of the change.',
      params: Type.Object({ root: Type.String() }),
      querystring: Type.Object({
        since: Type.Optional(number('a sequence: the first changes after it, and not the last ones')),
        path: Type.Optional(
          Type.String({ minLength: 1, maxLength: 4_095, description: 'only this path, and everything below it' }),
        ),
        limit: Type.Optional(
          number(`a whole number of changes from 1 to ${MOST_CHANGES}; ${DEFAULT_LIMIT} without it`),
        ),
      }),
      response: { 200: Changes, ...refusals('invalid-request', 'unknown-root', 'invalid-path', 'root-unavailable') },
    }),
    async (request) => {
      const { since, path = ROOT_PATH } = request.query
      const limit = Number(request.query.limit ?? DEFAULT_LIMIT)
      if (limit < 1 || limit > MOST_CHANGES)
        throw new HttpProblem('invalid-request', `limit must be from 1 to ${MOST_CHANGES}`)
      const fault = pathFault(path)
      if (fault !== null) throw new HttpProblem('invalid-path', `The path ${JSON.stringify(path)} ${fault}.`)
      return await parts.changes(request.params.root, {
        after: since === undefined ? null : Number(since),
        within: path,
        limit,
      })
    },
  )
}
