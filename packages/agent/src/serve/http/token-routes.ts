/** Tokens: list them, make one with the line for a join, revoke one. */
import { HttpProblem } from '@rootferry/host/daemon'
import { EXIT, Failure } from '@rootferry/host/machine'
import Type from 'typebox'
import type { NewToken, TokenOrder } from '../door/new-token.ts'
import { MadeToken, TokenBody, Tokens } from '../schemas/access.ts'
import type { AdminParts } from './admin-parts.ts'
import { authorized } from './authorization.ts'
import type { Http } from './http-types.ts'
import { refusals, secured } from './route-options.ts'

const KINDS = { receiver: false, admin: 'full', 'admin-read': 'read' } as const

export function tokenRoutes(http: Http, parts: AdminParts): void {
  http.get(
    '/v1/tokens',
    secured(parts, {
      operationId: 'listTokens',
      summary: 'Who may connect and who may administer; never a token itself',
      response: { 200: Tokens, ...refusals() },
    }),
    () => ({ tokens: parts.tokens() }),
  )
  http.post(
    '/v1/tokens',
    secured(parts, {
      operationId: 'createToken',
      summary: 'Makes a token; for a receiver with the line that it joins with',
      description: 'The answer holds the only copy of the token.',
      body: TokenBody,
      response: {
        201: MadeToken,
        ...refusals('malformed-request', 'body-too-large', 'unsupported-media-type', 'invalid-request', 'name-taken'),
      },
    }),
    async (request, reply) => {
      const { kind, roots = [], many = false, ...others } = request.body
      const made = await ordered(parts, { ...others, admin: KINDS[kind], join: kind === 'receiver', roots, many })
      const { name } = request.body
      parts.log.info({ token: name, kind, by: authorized(request, parts).name }, 'an operator made a token')
      return reply.code(201).header('Cache-Control', 'no-store').send(made)
    },
  )
  http.delete(
    '/v1/tokens/:name',
    secured(parts, {
      operationId: 'revokeToken',
      summary: 'Makes a token useless, and ends its connections and sessions',
      params: Type.Object({ name: Type.String() }),
      response: { 204: Type.Null({ description: 'revoked' }), ...refusals('unknown-token') },
    }),
    async (request, reply) => {
      const { name } = request.params
      const by = authorized(request, parts).name
      if (!parts.revokeToken(name))
        throw new HttpProblem('unknown-token', `There is no token named ${JSON.stringify(name)}.`)
      parts.log.info({ token: name, by }, 'an operator revoked a token')
      return reply.code(204).send(null)
    },
  )
}

async function ordered(parts: AdminParts, order: TokenOrder): Promise<NewToken> {
  try {
    return await parts.newToken(order)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw new HttpProblem(error.exitCode === EXIT.usage ? 'invalid-request' : 'name-taken', error.message)
  }
}
