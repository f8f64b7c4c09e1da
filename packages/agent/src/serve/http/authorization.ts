/** Admin tokens at a route: 401 without a known token, 403 with a receiver's token. */
import { HttpProblem } from '@rootferry/host/daemon'
import type { FastifyRequest } from 'fastify'
import { bearerOf, type StoredToken } from '../door/tokens.ts'

/** @returns the token that was presented. @throws HttpProblem when it is missing, unknown or not an admin's */
export function authorized(request: FastifyRequest, authenticate: (token: string) => StoredToken | null): StoredToken {
  const presented = bearerOf(request.headers.authorization)
  const token = presented === null ? null : authenticate(presented)
  if (token === null) {
    const detail =
      presented === null ? 'Authorization: Bearer TOKEN is missing.' : 'The token is not known, or revoked.'
    throw new HttpProblem('unauthorized', detail, { 'WWW-Authenticate': 'Bearer realm="rootferry"' })
  }
  if (!token.admin)
    throw new HttpProblem('forbidden', `${token.name} is the token of a receiver; an admin token is needed.`)
  return token
}
