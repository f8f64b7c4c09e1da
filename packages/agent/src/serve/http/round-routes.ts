/** The rounds in which receivers commit together, as reports. */
import { HttpProblem } from '@rootferry/host/daemon'
import Type from 'typebox'
import { Round, RoundList } from '../schemas/releases.ts'
import type { AdminParts } from './admin-parts.ts'
import type { Http } from './http-types.ts'
import { refusals, secured } from './route-options.ts'

const ById = Type.Object({ id: Type.String() })

export function roundRoutes(http: Http, parts: AdminParts): void {
  http.get(
    '/v1/rounds',
    secured(parts, {
      operationId: 'listRounds',
      summary: 'The last rounds of this life of the agent, newest first',
      response: { 200: RoundList, ...refusals() },
    }),
    () => ({ rounds: parts.holds.rounds() }),
  )
  http.get(
    '/v1/rounds/:id',
    secured(parts, {
      operationId: 'getRound',
      summary: 'How far a round is, and each receiver in it',
      params: ById,
      response: { 200: Round, ...refusals('unknown-round') },
    }),
    ({ params }) => {
      const round = parts.holds.rounds().find(({ id }) => id === params.id)
      if (round === undefined)
        throw new HttpProblem('unknown-round', `There is no round ${params.id}, or it was forgotten.`)
      return round
    },
  )
}
