/**
 * The cookie of a session of the operator page. Scripts cannot read it, other sites cannot send it, and it ends with the
 * browser.
 *
 * Browsers send the cookies of a host to all of its ports. So the port is part of the name: two agents behind tunnels
 * to one machine do not sign each other's operators out.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'

export const SESSION_COOKIE = 'rootferry_session'

export function sessionOf(request: FastifyRequest): string | null {
  return request.cookies[nameFor(request)] ?? null
}

export function setSession(request: FastifyRequest, reply: FastifyReply, session: string): void {
  reply.setCookie(nameFor(request), session, { ...attributes, secure: isEncrypted(request) })
}

export function clearSession(request: FastifyRequest, reply: FastifyReply): void {
  reply.clearCookie(nameFor(request), { ...attributes, secure: isEncrypted(request) })
}

const attributes = { path: '/', httpOnly: true, sameSite: 'strict' } as const

function nameFor({ headers: { host = '' } }: FastifyRequest): string {
  const port = /:(\d{1,5})$/.exec(host)?.[1]
  return port === undefined ? SESSION_COOKIE : `${SESSION_COOKIE}_${port}`
}

/** The listener speaks plain HTTP; a proxy before it may not. */
function isEncrypted({ headers: { origin } }: FastifyRequest): boolean {
  return origin?.startsWith('https:') === true
}
