/**
 * The answers of both HTTP listeners when something is wrong: RFC 9457 problem documents with a stable `code`.
 *
 * One table holds every code with its status, and a listener uses no other. `installProblems` turns fastify's own
 * errors, unknown routes and methods into the same documents.
 */
import type { Duplex } from 'node:stream'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type, { type Static } from 'typebox'
import { errorCode, errorMessage } from '../machine/failure.ts'
import type { Logger } from './logger.ts'

export const PROBLEMS = {
  'malformed-request': { status: 400, title: 'The request is not HTTP, or its body not JSON.' },
  unauthorized: { status: 401, title: 'An admin token is needed.' },
  forbidden: { status: 403, title: 'This token may not do that.' },
  'foreign-page': { status: 403, title: 'Requests of other web pages are refused.' },
  'foreign-host': { status: 403, title: 'This host name is not ours.' },
  'not-found': { status: 404, title: 'There is nothing here.' },
  'unknown-root': { status: 404, title: 'There is no such root.' },
  'unknown-receiver': { status: 404, title: 'There is no such receiver.' },
  'unknown-resync': { status: 404, title: 'There is no such resync.' },
  'unknown-token': { status: 404, title: 'There is no token of that name.' },
  'unknown-round': { status: 404, title: 'There is no such round.' },
  'method-not-allowed': { status: 405, title: 'This method is not allowed here.' },
  'not-awaiting-accept': { status: 409, title: 'The first join of this root does not wait to be accepted.' },
  held: { status: 409, title: 'The root is held already.' },
  'not-held': { status: 409, title: 'The root is not held.' },
  guard: { status: 409, title: 'The guard refuses to release what was lost.' },
  'name-taken': { status: 409, title: 'There is a token or a node of that name.' },
  'too-large': { status: 409, title: 'The release is too large for one commit.' },
  'rolling-stopped': { status: 409, title: 'A receiver failed in a rolling release.' },
  'not-halted': { status: 409, title: 'The root is not halted.' },
  'body-too-large': { status: 413, title: 'The body is too large.' },
  'unsupported-media-type': { status: 415, title: 'The body must be application/json.' },
  'invalid-request': { status: 422, title: 'The request says something that is not accepted.' },
  'invalid-path': { status: 422, title: 'This is not a path below a root.' },
  'too-many-requests': { status: 429, title: 'Too many requests.' },
  'internal-error': { status: 500, title: 'A fault of this side; its log says more.' },
  'not-ready': { status: 503, title: 'Not ready.' },
  'root-unavailable': { status: 503, title: 'The root cannot be served at the moment.' },
} as const satisfies Record<string, { status: number; title: string }>

export type HttpProblemCode = keyof typeof PROBLEMS

/** A handler throws it, and it becomes the answer. */
export class HttpProblem extends Error {
  readonly code: HttpProblemCode
  readonly headers: Readonly<Record<string, string>>
  override name = 'HttpProblem'

  /** @param detail one sentence for the person: what is wrong, where, what is accepted */
  constructor(code: HttpProblemCode, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail)
    this.code = code
    this.headers = headers
  }
}

export const ProblemSchema = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.Enum(Object.keys(PROBLEMS)),
    detail: Type.String(),
  },
  { additionalProperties: false, description: 'RFC 9457 problem document' },
)

type ProblemDocument = Static<typeof ProblemSchema>

function problemDocument({ code, message }: HttpProblem): ProblemDocument {
  return { type: `urn:rootferry:problem:${code}`, ...PROBLEMS[code], code, detail: message }
}

/** Call it before the first route is added: it learns which methods each route has. */
export function installProblems(http: FastifyInstance, log: Logger): void {
  const methods = new Map<string, string[]>()
  http.addHook('onRoute', ({ url, method }) => {
    methods.set(url, [...(methods.get(url) ?? []), method].flat())
  })
  http.setErrorHandler((error: FastifyError, request, reply) => {
    const problem = problemOf(error)
    if (problem.code === 'internal-error') {
      log.error({ err: error, method: request.method, url: request.url }, 'a request failed')
    }
    return sendProblem(reply, problem)
  })
  http.setNotFoundHandler((request, reply) => sendProblem(reply, strayProblem(request, methods)))
}

/** For bytes that are not HTTP at all: fastify's `clientErrorHandler`. */
export function refuseConnection(error: Error, socket: Duplex): void {
  if (errorCode(error) === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const problem = new HttpProblem(
    'malformed-request',
    'This is not an HTTP request, or its headers are too large or too slow.',
  )
  const body = JSON.stringify(problemDocument(problem))
  const head = [
    'HTTP/1.1 400 Bad Request',
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

export function sendProblem(reply: FastifyReply, problem: HttpProblem): FastifyReply {
  return reply
    .code(PROBLEMS[problem.code].status)
    .headers({ ...problem.headers })
    .type('application/problem+json')
    .send(problemDocument(problem))
}

/** Fastify's own errors, by their meaning to the client. */
function problemOf(error: FastifyError): HttpProblem {
  if (error instanceof HttpProblem) return error
  switch (error.code) {
    case 'FST_ERR_VALIDATION':
      return new HttpProblem('invalid-request', error.message)
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new HttpProblem('unsupported-media-type', 'Content-Type: application/json is accepted.')
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new HttpProblem('body-too-large', 'A body of at most 64 KiB is accepted.')
  }
  const status = error.statusCode ?? 500
  if (status >= 400 && status < 500) return new HttpProblem('malformed-request', errorMessage(error))
  return new HttpProblem('internal-error', PROBLEMS['internal-error'].title)
}

function strayProblem(request: FastifyRequest, methods: ReadonlyMap<string, string[]>): HttpProblem {
  const path = request.url.split('?', 1)[0] ?? ''
  for (const [pattern, known] of methods) {
    if (!matches(pattern, path)) continue
    const allow = [...new Set(known)].join(', ')
    return new HttpProblem('method-not-allowed', `${request.method} is not allowed here; accepted: ${allow}.`, {
      Allow: allow,
    })
  }
  return new HttpProblem('not-found', 'There is nothing at this address.')
}

/** Whether a path matches the pattern of a route such as `/v1/roots/:root`. */
function matches(pattern: string, path: string): boolean {
  const expected = pattern.split('/')
  const parts = path.split('/')
  return (
    expected.length === parts.length &&
    expected.every((part, at) => part === parts[at] || (part.startsWith(':') && parts[at] !== ''))
  )
}
