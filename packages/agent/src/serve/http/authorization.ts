/**
 * Who asks: an admin token at a route, or the session that the operator page began with one. 401 for a client that shows
 * neither, 403 for a receiver's token, and for a change that a read-only token asks for.
 */
import { HttpProblem } from '@rootferry/host/daemon'
import type { FastifyRequest } from 'fastify'
import { bearerOf, type StoredToken } from '../door/tokens.ts'
import type { AdminParts } from './admin-parts.ts'
import { sessionOf } from './session-cookie.ts'

type Authorities = Pick<AdminParts, 'authenticate' | 'sessions'>

/** @returns the token that stands behind the request. @throws HttpProblem when there is none, or it may not do that */
export function authorized(request: FastifyRequest, authorities: Authorities): StoredToken {
  const token = looking(request, authorities)
  if (token.admin === 'read' && request.method !== 'GET' && request.method !== 'HEAD')
    throw new HttpProblem(
      'forbidden',
      `${token.name} is a read-only token: it may look at everything, and change nothing.`,
    )
  return token
}

/** As `authorized`, for a request that changes nothing, whatever its method. */
export function looking(request: FastifyRequest, authorities: Authorities): StoredToken {
  const token = presented(request, authorities)
  if (token.admin !== false) return token
  throw new HttpProblem('forbidden', `${token.name} is the token of a receiver; an admin token is needed.`)
}

export function isAuthorized(request: FastifyRequest, authorities: Authorities): boolean {
  try {
    return authorized(request, authorities) !== null
  } catch (error) {
    if (error instanceof HttpProblem) return false
    throw error
  }
}

function presented(request: FastifyRequest, { authenticate, sessions }: Authorities): StoredToken {
  const { authorization } = request.headers
  const bearer = bearerOf(authorization)
  const session = sessionOf(request)
  const token =
    bearer !== null
      ? authenticate(bearer)
      : session !== null && authorization === undefined
        ? sessions.tokenOf(session)
        : null
  if (token !== null) return token
  const detail =
    bearer !== null
      ? 'The token is not known, or revoked.'
      : session !== null
        ? 'The session is over: sign in again.'
        : 'Authorization: Bearer TOKEN is missing.'
  throw new HttpProblem('unauthorized', detail, { 'WWW-Authenticate': 'Bearer realm="rootferry"' })
}
