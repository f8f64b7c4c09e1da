/**
 * The command line as a client of a running daemon: one request, and the exit code that its failure means.
 *
 * An answer may take hours, as that of a rolling release, and `fetch` waits five minutes for any.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'
import type { Static, TSchema } from 'typebox'
import { Check } from 'typebox/value'
import { EXIT, errorCode, errorMessage, Failure } from '../machine/failure.ts'
import { ProblemSchema } from './http-problem.ts'
import { inOneLine } from './in-one-line.ts'
import type { ListenAddress } from './listen-address.ts'

const PATIENCE_MS = 10_000

export interface DaemonRequest<Schema extends TSchema> {
  /** The daemon's name in a message: `the agent`. */
  daemon: string
  url: string
  path: string
  token?: string
  /** With a body the request is a POST; null: a POST without a body. */
  body?: object | null
  /** Where it is neither a GET nor a POST. */
  method?: 'DELETE'
  answer: Schema
  /** For an answer that may take longer than most. */
  patienceMs?: number
}

/** The daemon answered with a problem. */
export class RefusedByDaemon extends Failure {
  readonly code: string
  override name = 'RefusedByDaemon'

  constructor(exitCode: number, message: string, code: string) {
    super(exitCode, message)
    this.code = code
  }
}

/** @throws Failure: 69 unreachable, 77 not permitted, 1 when the daemon refused, or its answer was not understood */
export async function askDaemon<Schema extends TSchema>(request: DaemonRequest<Schema>): Promise<Static<Schema>> {
  const { daemon, url, path } = request
  const response = await send(request)
  const answer: unknown = await json(response).catch(() => null)
  if (!isOk(response)) throw refusal(daemon, response, answer)
  if (!Check(request.answer, answer))
    throw new Failure(
      EXIT.failed,
      `${daemon} at ${url}${path} gave an answer that was not understood: if it is still of another version, restart it`,
    )
  return answer
}

/** An answer that goes on. @throws Failure as `askDaemon` */
export async function followDaemon(
  request: Pick<DaemonRequest<TSchema>, 'daemon' | 'url' | 'path' | 'token'>,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const response = await send(request, signal)
  if (isOk(response)) return response
  throw refusal(request.daemon, response, await json(response).catch(() => null))
}

/** The URL of a listener from this machine, also of a listener on every address. */
export function urlOf({ host, port }: ListenAddress): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}

async function send(
  { daemon, url, path, token, body, method, patienceMs = PATIENCE_MS }: Omit<DaemonRequest<TSchema>, 'answer'>,
  signal = AbortSignal.timeout(patienceMs),
): Promise<IncomingMessage> {
  const text = body === undefined || body === null ? '' : JSON.stringify(body)
  const headers = {
    ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    ...(text === '' ? {} : { 'Content-Type': 'application/json' }),
    ...(body === undefined ? {} : { 'Content-Length': Buffer.byteLength(text) }),
  }
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const options = { method: method ?? (body === undefined ? 'GET' : 'POST'), headers, signal, agent: false }
  httpRequest(new URL(path, url), options, resolve).on('error', reject).end(text)
  try {
    return await promise
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
    const why = errorCode(cause) === 'ECONNREFUSED' ? 'connection refused' : errorMessage(cause)
    throw new Failure(EXIT.unreachable, `${daemon} cannot be reached at ${url}: ${why}`, { cause: error })
  }
}

function isOk({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300
}

function refusal(daemon: string, { statusCode: status }: IncomingMessage, answer: unknown): Failure {
  const exitCode = status === 401 || status === 403 ? EXIT.notPermitted : EXIT.failed
  if (!Check(ProblemSchema, answer)) return new Failure(exitCode, `${daemon} answered ${status}`)
  return new RefusedByDaemon(exitCode, inOneLine(answer.detail), answer.code)
}
