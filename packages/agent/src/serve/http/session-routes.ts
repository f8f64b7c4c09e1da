/** Signing in to the operator page and out again, and the links that sign in once. */
import { HttpProblem } from '@rootferry/host/daemon'
import Type from 'typebox'
import type { StoredToken } from '../door/tokens.ts'
import { PageLink, SignedIn, SignIn } from '../schemas/access.ts'
import type { AdminParts } from './admin-parts.ts'
import { authorized } from './authorization.ts'
import type { Http } from './http-types.ts'
import { LINK_SECONDS } from './page-sessions.ts'
import { refusals, secured } from './route-options.ts'
import { clearSession, sessionOf, setSession } from './session-cookie.ts'

export { SESSION_COOKIE } from './session-cookie.ts'

const BODY_FAULTS = ['malformed-request', 'body-too-large', 'unsupported-media-type', 'invalid-request'] as const

export function sessionRoutes(http: Http, parts: AdminParts): void {
  const { sessions, log, version } = parts
  const answer = ({ name, admin }: StoredToken) => {
    return { name, access: admin === 'read' ? ('read' as const) : ('full' as const), version }
  }
  http.post(
    '/v1/session',
    {
      schema: {
        operationId: 'signIn',
        summary: 'Begins a session of the operator page, in a cookie',
        body: SignIn,
        response: { 200: SignedIn, ...refusals(...BODY_FAULTS) },
      },
    },
    async (request, reply) => {
      const token = entitled(request.body, parts)
      setSession(request, reply, sessions.begin(token))
      log.info({ by: token.name, address: request.ip }, 'an operator signed in to the page')
      return reply.header('Cache-Control', 'no-store').send(answer(token))
    },
  )
  http.get(
    '/v1/session',
    secured(parts, {
      operationId: 'session',
      summary: 'Whose session or token this is, and what it may do',
      response: { 200: SignedIn, ...refusals() },
    }),
    (request) => answer(authorized(request, parts)),
  )
  http.delete(
    '/v1/session',
    {
      schema: {
        operationId: 'signOut',
        summary: 'Ends the session',
        response: { 204: Type.Null({ description: 'signed out' }) },
      },
    },
    async (request, reply) => {
      const session = sessionOf(request)
      if (session !== null) sessions.end(session)
      clearSession(request, reply)
      return reply.code(204).send(null)
    },
  )
  http.post(
    '/v1/page-links',
    secured(parts, {
      operationId: 'createPageLink',
      summary: 'Makes a link to the operator page that signs in once',
      response: { 201: PageLink, ...refusals() },
    }),
    async (request, reply) => {
      const token = authorized(request, parts)
      return reply.code(201).send({ path: `/#sign-in=${sessions.link(token)}`, expiresSeconds: LINK_SECONDS })
    },
  )
}

/** @throws HttpProblem */
function entitled(shown: { token: string } | { code: string }, { authenticate, sessions }: AdminParts): StoredToken {
  if ('code' in shown) {
    const linked = sessions.redeem(shown.code)
    if (linked !== null) return linked
    throw new HttpProblem('unauthorized', 'This link has been used, or is too old: print another one.')
  }
  const token = authenticate(shown.token.trim())
  if (token === null) throw new HttpProblem('unauthorized', 'The token is not known, or revoked.')
  if (token.admin !== false) return token
  throw new HttpProblem('forbidden', `${token.name} is the token of a receiver; an admin token is needed.`)
}
