/** The command line as a client of a running daemon: one request, and the exit code that its failure means. */
import type { Static, TSchema } from 'typebox'
import { Check } from 'typebox/value'
import { EXIT, errorCode, errorMessage, Failure } from '../machine/failure.ts'
import { ProblemSchema } from './http-problem.ts'
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

/** @throws Failure: 69 unreachable, 77 not permitted, 1 when the daemon refused, or its answer was not understood */
export async function askDaemon<Schema extends TSchema>(request: DaemonRequest<Schema>): Promise<Static<Schema>> {
  const { daemon, url, path } = request
  const response = await send(request)
  const answer: unknown = await response.json().catch(() => null)
  if (!response.ok) throw refusal(daemon, response.status, answer)
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
): Promise<ReadableStream<Uint8Array>> {
  const response = await send(request, signal)
  if (response.ok && response.body !== null) return response.body
  throw refusal(request.daemon, response.status, await response.json().catch(() => null))
}

/** The URL of a listener from this machine, also of a listener on every address. */
export function urlOf({ host, port }: ListenAddress): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}

async function send(
  { daemon, url, path, token, body, method, patienceMs = PATIENCE_MS }: Omit<DaemonRequest<TSchema>, 'answer'>,
  signal = AbortSignal.timeout(patienceMs),
): Promise<Response> {
  const hasBody = body !== undefined && body !== null
  try {
    return await fetch(new URL(path, url), {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
        ...(hasBody ? { 'Content-Type': 'application/json' } : {}),
      },
      body: hasBody ? JSON.stringify(body) : null,
      signal,
    })
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
    const why = errorCode(cause) === 'ECONNREFUSED' ? 'connection refused' : errorMessage(cause)
    throw new Failure(EXIT.unreachable, `${daemon} cannot be reached at ${url}: ${why}`, { cause: error })
  }
}

function refusal(daemon: string, status: number, answer: unknown): Failure {
  const detail = Check(ProblemSchema, answer) ? answer.detail : `${daemon} answered ${status}`
  return new Failure(status === 401 || status === 403 ? EXIT.notPermitted : EXIT.failed, detail)
}
