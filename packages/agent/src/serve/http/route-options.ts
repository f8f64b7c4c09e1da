/**
 * The common part of routes that need an admin token: the check itself, and its refusals in the description of the API.
 */
import { type HttpProblemCode, PROBLEMS, ProblemSchema } from '@rootferry/host/daemon'
import type { FastifyRequest } from 'fastify'
import type { AdminParts } from './admin-parts.ts'
import { authorized } from './authorization.ts'

/**
 * Options of a route that only an admin may call. @param check another one than `authorized`, where the body decides
 * whether something is changed: then the route calls `authorized` itself
 */
export function secured<Schema extends object>(parts: AdminParts, schema: Schema, check = authorized) {
  return {
    schema: { ...schema, security: [{ adminToken: [] }, { pageSession: [] }] },
    onRequest: async (request: FastifyRequest) => {
      check(request, parts)
    },
  }
}

/** Answers of a route that are problems: its own, and those of every such route. */
export function refusals(...codes: HttpProblemCode[]) {
  const all: HttpProblemCode[] = ['unauthorized', 'forbidden', 'too-many-requests', ...codes]
  const byStatus = Object.groupBy(all, (code) => PROBLEMS[code].status)
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, group = []]) => [
      status,
      {
        description: group.map((code) => `${code}: ${PROBLEMS[code].title}`).join(' '),
        content: { 'application/problem+json': { schema: ProblemSchema } },
      },
    ]),
  )
}
